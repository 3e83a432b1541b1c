//! Clients that others have written, against our doors: `cgi-fcgi` of the FastCGI developers' kit,
//! the clients of Python's flup and uwsgi-tools, each of which asks what Plack's tests ask. And a
//! table of wsgiref, against our mounts.

mod plack;

use super::peer::LISTEN;
use crate::harness::client;
use crate::harness::doors::{Answer, get, set};
use crate::harness::fronts::installed;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{fault_app, sample};
use crate::harness::project;
use crate::harness::skip::skip;
use plack::{CASES, Case};
use serde_json::json;
use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const BY_CGI_FCGI: &str = "doors::others::cgi_fcgi_is_served";
const BY_PYTHON: &str = "doors::others::clients_of_python_are_served";

fn serving(folder: &TempDir, listen: &[&str]) -> Host {
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("files")).unwrap();
    fs::write(at("files/face.txt"), plack::FILE).unwrap();
    let text = format!(
        "[apps.environ]\npath = \"{}\"\n[apps.doors]\npath = \"{}\"\n\
         [apps.doors.config]\nsigns = \"{}\"\n\
         [[mount]]\npath = \"/\"\napp = \"environ\"\n\
         [[mount]]\npath = \"/doors\"\napp = \"doors\"\n\
         [[mount]]\npath = \"/files\"\nstatic = \"files\"\n",
        sample("environ").display(),
        fault_app("doors").display(),
        folder.path().display(),
    );
    fs::write(at("host.toml"), text).unwrap();
    let launch = Launch::new().breaking(&["call-no-panic"]).arg("--config").arg(at("host.toml"));
    launch.args(listen).start()
}

fn variables(case: &Case) -> Vec<(String, String)> {
    let mut variables = get(case.target);
    set(&mut variables, "REQUEST_METHOD", case.method);
    set(&mut variables, "CONTENT_LENGTH", &case.body.len().to_string());
    case.variables.iter().for_each(|(name, value)| set(&mut variables, name, value));
    variables
}

/// What a program prints that is given these bytes, and what it says beside.
fn run(command: &mut Command, input: &[u8]) -> (Vec<u8>, String) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input).unwrap();
    file.rewind().unwrap();
    let output = command.stdin(file).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    (output.stdout, said)
}

fn check(who: &str, case: &Case, answer: &[u8], errors: &str) {
    // What FastCGI says beside an answer is what the application has told its errors.
    assert!(case.tells_errors() || errors.is_empty(), "{who}: {}: {errors}", case.name);
    assert_eq!(case.wrong_with(&Answer::read(answer)), None, "{who}");
}

fn address(said: &str) -> &str {
    let address = said.split_once("://").map_or(said, |(_, address)| address);
    address.strip_prefix("unix:").unwrap_or(address)
}

#[test]
fn cgi_fcgi_is_served() {
    let Some(program) = installed("cgi-fcgi") else {
        return skip(BY_CGI_FCGI, "cgi-fcgi is not installed");
    };
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("fastcgi://unix:{}", folder.path().join("app.sock").display());
    let host = serving(&folder, &["--listen", "fastcgi://127.0.0.1:0", "--listen", &socket]);
    for (said, case) in host.addresses().iter().flat_map(|it| CASES.iter().map(move |of| (it, of)))
    {
        let mut command = Command::new(&program);
        command.args(["-bind", "-connect", address(said)]).env_clear().envs(variables(case));
        let (answer, errors) = run(&mut command, case.body);
        check(said, case, &answer, &errors);
    }
}

#[test]
fn clients_of_python_are_served() {
    let python = project().join("target/tools/python-clients/bin/python");
    if !python.is_file() {
        return skip(BY_PYTHON, "flup and uwsgi-tools of the Python registry are not here");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/doors/others/clients.py");
    let folder = tempfile::tempdir().unwrap();
    let host = serving(&folder, &LISTEN);
    let requests = CASES.each_ref().map(|case| json!([variables(case), latin_1(case.body)]));
    let requests = serde_json::to_vec(&requests[..]).unwrap();
    for said in &host.addresses()[..3] {
        let protocol = said.split_once("://").unwrap().0;
        let mut command = Command::new(&python);
        command.args([script.as_os_str(), OsStr::new(protocol), OsStr::new(address(said))]);
        let (answers, complaints) = run(&mut command, &requests);
        assert_eq!(complaints, "", "{protocol}");
        let answers: Vec<(String, String)> = serde_json::from_slice(&answers).unwrap();
        assert_eq!(answers.len(), CASES.len(), "{protocol}");
        for (case, (answer, errors)) in CASES.iter().zip(&answers) {
            let bytes: Vec<u8> = answer.chars().map(|char| char as u8).collect();
            check(protocol, case, &bytes, errors);
        }
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// What `shift_path_info` of wsgiref makes of a script name and a path: the name and the path
/// behind it, and where our mounts have it otherwise, what they have. They say where a mount
/// ends by its path, not by the next part of the request's.
type Shift = ((&'static str, &'static str), (&'static str, &'static str), Ours);

enum Ours {
    Same,
    /// Empty parts and what is behind them belong to the application, as the client sent them.
    Kept(&'static str, &'static str),
    /// A path that could be read twice is refused.
    Refused,
    /// There is no part to shift: it is the mount before.
    Unshifted,
}

const SHIFTS: [Shift; 16] = [
    (("", "/"), ("/", ""), Ours::Kept("", "/")),
    (("", "/x"), ("/x", ""), Ours::Same),
    (("/", ""), ("/", ""), Ours::Unshifted),
    (("/a", "/x/y"), ("/a/x", "/y"), Ours::Same),
    (("/a", "/x/"), ("/a/x", "/"), Ours::Same),
    (("/a/b", "/../y"), ("/a", "/y"), Ours::Refused),
    (("", "/../y"), ("", "/y"), Ours::Refused),
    (("/a/b", "//y"), ("/a/b/y", ""), Ours::Kept("/a/b", "//y")),
    (("/a/b", "//y/"), ("/a/b/y", "/"), Ours::Kept("/a/b", "//y/")),
    (("/a/b", "/./y"), ("/a/b/y", ""), Ours::Refused),
    (("/a/b", "/./y/"), ("/a/b/y", "/"), Ours::Refused),
    (("/a/b", "///./..//y/.//"), ("/a", "/y/"), Ours::Refused),
    (("/a/b", "///"), ("/a/b/", ""), Ours::Kept("/a/b", "///")),
    (("/a/b", "/.//"), ("/a/b/", ""), Ours::Refused),
    (("/a/b", "/x//"), ("/a/b/x", "/"), Ours::Kept("/a/b/x", "//")),
    (("/a/b", "/."), ("/a/b", ""), Ours::Refused),
];

#[test]
fn mounts_split_a_path_where_wsgiref_shifts_it() {
    // A mount for each script name of the table, and for what it becomes.
    let mut launch = Launch::new().arg("--load").arg(format!("a={}", sample("environ").display()));
    for mount in ["/x", "/a", "/a/x", "/a/b", "/a/b/x", "/a/b/y"] {
        launch = launch.arg("--mount").arg(format!("{mount}=a={}", sample("environ").display()));
    }
    let host = launch.args(["--listen", "127.0.0.1:0"]).start();
    for ((script, path), (name, rest), ours) in SHIFTS {
        let target = format!("{script}{path}");
        let response = client::get(host.address(), &target);
        let (name, rest) = match ours {
            Ours::Same => (name, rest),
            Ours::Kept(name, rest) => (name, rest),
            Ours::Unshifted => ("", "/"),
            Ours::Refused => {
                assert_eq!(response.status, 400, "{target}");
                continue;
            }
        };
        assert_eq!(response.status, 200, "{target}");
        for line in [format!("SCRIPT_NAME={name}"), format!("PATH_INFO={rest}")] {
            let seen = response.text();
            assert!(seen.lines().any(|seen| seen == line), "{target}: no {line} in {seen}");
        }
    }
}
