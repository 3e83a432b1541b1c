//! Clients that others have written, against our doors: `cgi-fcgi` of the FastCGI developers' kit,
//! the clients of Python's flup and uwsgi-tools. And a table of wsgiref, against our mounts.
//!
//! What is asked is what Plack's own tests ask of a FastCGI server.

use super::peer::LISTEN;
use crate::harness::client;
use crate::harness::doors::{Answer, get, set};
use crate::harness::fronts::installed;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use crate::harness::project;
use crate::harness::skip::skip;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const BY_CGI_FCGI: &str = "doors::others::cgi_fcgi_is_served";
const BY_PYTHON: &str = "doors::others::clients_of_python_are_served";

/// Method, target, fields of the request, body, and lines of the environ that come of it.
type Asked = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static [&'static str],
);

const ASKED: &[Asked] = &[
    ("GET", "/", &[], "", &["REQUEST_METHOD=GET", "PATH_INFO=/", "dsgi.url_scheme=http"]),
    ("GET", "/?name=miyagawa", &[], "", &["QUERY_STRING=name=miyagawa"]),
    ("GET", "/foo/?dankogai=kogaidan", &[], "", &["PATH_INFO=/foo/"]),
    ("GET", "/foo%20bar", &[], "", &["PATH_INFO=/foo bar", "REQUEST_URI=/foo%20bar"]),
    ("GET", "/foo%2fbar", &[], "", &["PATH_INFO=/foo/bar", "REQUEST_URI=/foo%2fbar"]),
    ("GET", "/foo%25bar", &[], "", &["PATH_INFO=/foo%bar"]),
    ("GET", "//foo", &[], "", &["PATH_INFO=//foo"]),
    ("GET", "/", &[("HTTP_FOO", "Bar")], "", &["HTTP_FOO=Bar"]),
    ("GET", "/", &[("HTTP_COOKIE", "foo=bar")], "", &["HTTP_COOKIE=foo=bar"]),
    ("GET", "/", &[("HTTPS", "on")], "", &["dsgi.url_scheme=https"]),
    ("DELETE", "/", &[], "", &["REQUEST_METHOD=DELETE"]),
    ("HEAD", "/", &[], "", &[]),
    ("POST", "/upload", &[], "name=tatsuhiko", &[]),
    ("PUT", "/upload", &[], "", &[]),
];

fn serving(listen: &[&str]) -> Host {
    let mount = format!("/upload={}", sample("upload").display());
    let launch = Launch::new().arg("--load").arg(sample("environ")).args(["--mount", &mount]);
    launch.args(listen).start()
}

/// Puts everything by a client that is given variables and a body, and gives what comes back.
fn ask_all(who: &str, ask: impl Fn(&[(String, String)], File) -> Vec<u8>) {
    // Some send all of it before they read.
    let large = "x".repeat(200_000);
    let post = ("POST", "/upload", &[] as &[_], &*large, &[] as &[_]);
    for (method, target, fields, body, lines) in ASKED.iter().copied().chain([post]) {
        let mut variables = get(target);
        set(&mut variables, "REQUEST_METHOD", method);
        set(&mut variables, "CONTENT_LENGTH", &body.len().to_string());
        fields.iter().for_each(|(name, value)| set(&mut variables, name, value));
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(body.as_bytes()).unwrap();
        input.rewind().unwrap();
        let answer = Answer::read(&ask(&variables, input));
        assert_eq!(answer.status, 200, "{who}: {method} {target}");
        let text = answer.text();
        for line in lines {
            assert!(text.lines().any(|seen| seen == *line), "{who}: {target}: no {line} in {text}");
        }
        if target == "/upload" {
            assert!(text == body, "{who}: {} bytes of {}", text.len(), body.len());
        }
        assert!(method != "HEAD" || text.is_empty(), "{who}: {text}");
    }
}

fn output(command: &mut Command, input: File) -> Vec<u8> {
    let output = command.stdin(input).stderr(Stdio::piped()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{command:?}: {said}");
    output.stdout
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
    let host = serving(&["--listen", "fastcgi://127.0.0.1:0", "--listen", &socket]);
    for said in host.addresses() {
        ask_all(said, |variables, input| {
            let mut command = Command::new(&program);
            command.args(["-bind", "-connect", address(said)]).env_clear();
            output(command.envs(variables.iter().cloned()), input)
        });
    }
}

#[test]
fn clients_of_python_are_served() {
    let python = project().join("target/tools/python-clients/bin/python");
    if !python.is_file() {
        return skip(BY_PYTHON, "flup and uwsgi-tools of the Python registry are not here");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/doors/others/clients.py");
    let host = serving(&LISTEN);
    for said in &host.addresses()[..3] {
        let protocol = said.split_once("://").unwrap().0;
        ask_all(said, |variables, input| {
            let mut command = Command::new(&python);
            command.args([script.as_os_str(), OsStr::new(protocol), OsStr::new(address(said))]);
            command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
            output(&mut command, input)
        });
    }
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
