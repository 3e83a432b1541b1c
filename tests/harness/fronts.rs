//! Front servers, as instances of a test's own: on a port of loopback, in a folder of their own,
//! run by a user who is not root, ended by their id, also when the test fails.
//!
//! What is about a door comes from `docs/gateways.md` as it is printed there; the rest, which a
//! packaged server has already, stands here.

pub(crate) mod printed;

use super::service::{Service, program};
use super::stage::Stage;
use printed::Places;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

/// A front that answers. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    // Before its folder.
    service: Service,
    stage: Stage,
}

/// A program that stands in front of the host.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) program: &'static str,
    /// What it is given besides the printed text, and `FOLDER` for its own folder.
    pub(crate) around: &'static str,
    /// Its arguments; `FILE` is its configuration.
    pub(crate) arguments: &'static [&'static str],
}

pub(crate) const NGINX: Kind = Kind {
    program: "nginx",
    around: "daemon off;
worker_processes 1;
pid FOLDER/pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    fastcgi_temp_path FOLDER/fastcgi;
    proxy_temp_path FOLDER/proxy;
    scgi_temp_path FOLDER/scgi;
    uwsgi_temp_path FOLDER/uwsgi;
PRINTED
}
",
    arguments: &["-e", "stderr", "-c", "FILE"],
};

/// Debian's modules, loaded as `a2enmod` does.
pub(crate) const APACHE: Kind = Kind {
    program: "apache2",
    around: "ServerRoot FOLDER
ServerName front.test
PidFile FOLDER/pid
ErrorLog FOLDER/log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_file_module /usr/lib/apache2/modules/mod_authn_file.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
LoadModule proxy_scgi_module /usr/lib/apache2/modules/mod_proxy_scgi.so
LoadModule proxy_uwsgi_module /usr/lib/apache2/modules/mod_proxy_uwsgi.so
ScriptSock FOLDER/cgid
StartServers 1
ThreadsPerChild 16
PRINTED
",
    arguments: &["-f", "FILE", "-DFOREGROUND"],
};

pub(crate) const LIGHTTPD: Kind = Kind {
    program: "lighttpd",
    around: "server.document-root = \"FOLDER\"
server.upload-dirs = ( \"FOLDER\" )
PRINTED
",
    arguments: &["-D", "-f", "FILE"],
};

pub(crate) const HAPROXY: Kind = Kind {
    program: "haproxy",
    around: "global
    log stderr format raw daemon
defaults
    mode http
    log global
    option httplog
    timeout connect 10s
    timeout client 60s
    timeout server 60s
PRINTED
",
    arguments: &["-db", "-f", "FILE"],
};

pub(crate) const H2O: Kind = Kind {
    program: "h2o",
    around: "pid-file: FOLDER/pid
error-log: FOLDER/log
temp-buffer-path: FOLDER
num-threads: 1
PRINTED
",
    arguments: &["-c", "FILE"],
};

pub(crate) const CADDY: Kind = Kind {
    program: "caddy",
    around: "{
    admin off
    auto_https off
}
PRINTED
",
    arguments: &["run", "--config", "FILE", "--adapter", "caddyfile"],
};

impl Kind {
    /// None where it is not installed.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        installed(self.program)
    }
}

/// A program that may lie where only root looks.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    program(name, &["/usr/sbin".into(), "/usr/local/sbin".into()])
}

impl Front {
    /// Starts one with a configuration that is printed in the documents; `places` are the doors
    /// behind it. It must be installed.
    pub(crate) fn start(kind: &Kind, name: &str, places: &Places) -> Self {
        Self::with(kind, &printed::configuration(name), places)
    }

    /// The same with a text of the test's own.
    pub(crate) fn with(kind: &Kind, text: &str, places: &Places) -> Self {
        let stage = Stage::new();
        let own = stage.folder("own");
        let port = free_port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert!(text.contains("8000"), "it listens nowhere:\n{text}");
        let text = places.clone().with(printed::FRONT, address).put_into(text);
        let around = kind.around.replace("FOLDER", &own.display().to_string());
        let file = stage.write("front.conf", &around.replace("PRINTED", &text));
        parameters_of_nginx(&stage);
        let arguments = kind.arguments.iter().map(|argument| match *argument {
            "FILE" => file.clone().into_os_string(),
            argument => OsString::from(argument),
        });
        let program = kind.file().unwrap_or_else(|| panic!("{} is not installed", kind.program));
        let mut command = stage.user().command(&program);
        command.args(arguments);
        let service = started(command, &stage, move || TcpStream::connect(address).is_ok());
        Self { address, service, stage }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that it has said so far, and the programs that it started.
    pub(crate) fn log(&self) -> String {
        // Not every server writes to standard error.
        let own = std::fs::read(self.stage.path().join("own/log")).unwrap_or_default();
        self.service.said() + &String::from_utf8_lossy(&own)
    }
}

/// Starts a program that is at home on a stage. It finds nothing of ours in its environment, which
/// the programs that it starts would see, and ends with us whatever becomes of us.
pub(crate) fn started(mut command: Command, stage: &Stage, is_there: impl Fn() -> bool) -> Service {
    let own = stage.path().join("own");
    command.current_dir(stage.path()).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("HOME", &own).env("TMPDIR", &own);
    // Some end their whole group.
    command.process_group(0);
    Service::start(command, "TERM", stage.path().join("log"), is_there)
}

/// What `include fastcgi_params` and its like mean.
fn parameters_of_nginx(stage: &Stage) {
    for name in ["fastcgi_params", "scgi_params", "uwsgi_params"] {
        let file = Path::new("/etc/nginx").join(name);
        if file.is_file() {
            stage.copy(&file);
        }
    }
}

/// A port that nobody has, outside of those that the system gives to whoever asks for any. Servers
/// do not tell which one they were given.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    let ours = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below the count");
    loop {
        // Far from where a process with the next id begins.
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (ours.wrapping_mul(61) % COUNT + step) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
