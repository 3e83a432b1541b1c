//! Nobody's query becomes our command line: through real servers, for a script of two lines and for
//! the program itself.

use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::fronts::printed::Places;
use crate::harness::fronts::{self, Front, Kind, installed};
use crate::harness::libraries::sample;
use crate::harness::service::Service;
use crate::harness::skip::skip;
use crate::harness::stage::Stage;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

const NAME: &str = "doors::queries::no_query_becomes_a_command_line_through_a_server";

/// What becomes arguments where a server splits a query; FILE is a library that could be served,
/// and PORT is free.
const QUERIES: &[&str] = &[
    "--load+x.so+--listen+127.0.0.1:0",
    "--load+FILE+--listen+127.0.0.1:PORT",
    "--load+FILE+--listen+fastcgi://127.0.0.1:PORT",
    "-h",
    "--help",
    "--version",
    "--set+A",
    "--config+FILE",
    "deploy+a+b",
    "check+FILE",
    "cgi+other.so",
    "cgi+/no/such/other.so",
    "c%67i+%2Fno%2Fsuch%2Fother.so",
];

/// Servers, and how each starts SCRIPT, which a query does not choose.
const SERVERS: [(&str, &Kind, &str); 3] = [
    ("apache2", &fronts::APACHE, APACHE),
    ("lighttpd", &fronts::LIGHTTPD, LIGHTTPD),
    ("fcgiwrap", &fronts::NGINX, FCGIWRAP),
];

const APACHE: &str = "Listen 127.0.0.1:8000
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
<VirtualHost 127.0.0.1:8000>
    AllowEncodedSlashes NoDecode
    ScriptAlias \"/\" \"SCRIPT/\"
    SetEnv NAMED VALUE
    <Directory \"/srv/shop\">
        Require all granted
    </Directory>
</VirtualHost>
";

const LIGHTTPD: &str = "server.bind = \"127.0.0.1\"
server.port = 8000
server.modules = ( \"mod_alias\", \"mod_cgi\", \"mod_setenv\" )
alias.url = ( \"/\" => \"SCRIPT/\" )
cgi.assign = ( \".cgi\" => \"\", \"host\" => \"\" )
setenv.add-environment = ( \"NAMED\" => \"VALUE\" )
";

const FCGIWRAP: &str = "server {
    listen 127.0.0.1:8000;
    location / {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME SCRIPT;
        fastcgi_param SCRIPT_NAME \"\";
        fastcgi_param NAMED VALUE;
        fastcgi_pass unix:/run/shop/fcgiwrap.socket;
    }
}
";

#[test]
fn no_query_becomes_a_command_line_through_a_server() {
    let stage = Stage::new();
    let library = stage.copy_program(&sample("environ"));
    let host = stage.copy_program(Path::new(env!("CARGO_BIN_EXE_host")));
    let file = library.file_name().expect("a file").to_string_lossy();
    let script = stage.write("app.cgi", &format!("#!{} cgi\n{file}\n", host.display()));
    let library = library.display().to_string();
    let text = format!("[apps.a]\npath = \"{library}\"\n[[mount]]\npath = \"/\"\napp = \"a\"\n");
    let config = stage.write("host.toml", &text).display().to_string();
    let wrap = fcgiwrap(&stage);
    for (server, kind, text) in SERVERS {
        // fcgiwrap is nothing without the server before it.
        if [server, kind.program].iter().any(|program| installed(program).is_none()) {
            skip(NAME, &format!("{server} is not installed"));
            continue;
        }
        for (program, named, value) in [
            (&script, "UNUSED", "x"),
            (&host, "DSGI_LOAD", &*library),
            (&host, "DSGI_CONFIG", &*config),
        ] {
            let text = text.replace("SCRIPT/", &format!("{}/", program.display()));
            let text = text.replace(" SCRIPT;", &format!(" {};", program.display()));
            let text = text.replace("NAMED", named).replace("VALUE", value);
            let places = Places::default().with("/srv/shop", stage.path().display());
            let socket = stage.path().join("own/fcgiwrap.socket");
            let places = places.with("/run/shop/fcgiwrap.socket", socket.display());
            let front = Front::with(kind, &text, &places);
            QUERIES.iter().for_each(|query| ask(&front, query, &library));
            eventually("the end of each program that was started", || {
                runs(&host).is_empty().then_some(())
            });
        }
    }
    drop(wrap);
}

/// The application's ordinary answer, and nobody at the port that the query names.
fn ask(front: &Front, query: &str, library: &str) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let query = query.replace("FILE", library).replace("PORT", &free.port().to_string());
    let response = get(front.address(), &format!("/a?{query}"));
    assert_eq!(response.status, 200, "{query}: {}\n{}", response.text(), front.log());
    let text = response.text();
    let asked = [format!("QUERY_STRING={query}"), format!("REQUEST_URI=/a?{query}")];
    for line in asked.iter().map(|line| &**line).chain(["dsgi.gateway=cgi", "PATH_INFO=/a"]) {
        assert!(text.lines().any(|seen| seen == line), "no {line} of {query} in {text}");
    }
    assert!(TcpStream::connect(free).is_err(), "{query}: somebody listens");
}

/// Processes of this program, which is the test's own copy.
fn runs(host: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("proc(5)");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_it = |id: &String| {
        std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|program| program == host)
    };
    ids.filter(is_it).collect()
}

fn fcgiwrap(stage: &Stage) -> Option<Service> {
    let socket = stage.folder("own").join("fcgiwrap.socket");
    let mut command = stage.user().command(&installed("fcgiwrap")?);
    command.arg("-s").arg(format!("unix:{}", socket.display()));
    Some(fronts::started(command, stage, || UnixStream::connect(&socket).is_ok()))
}
