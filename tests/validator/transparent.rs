//! No client can tell that it is there: samples answer the same with it and without it.

use super::{Places, comparable, said_nothing};
use crate::harness::client::{Response, request};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{c_library, fault_app, sample};
use crate::harness::project;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Requests, and the status of each answer.
type Asked = &'static [(u16, &'static str)];

/// Samples that end their responses and need no database, their config, and what they are asked.
const APPLICATIONS: &[(&str, &[&str], Asked)] = &[
    ("hello", &[], &[(200, GET), (200, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")]),
    ("hello-inline", &[], &[(200, GET), (200, "HEAD / HTTP/1.0\r\n\r\n")]),
    (
        "environ",
        &[],
        &[
            (
                200,
                "GET /a%20b/?x=1 HTTP/1.1\r\nHost: a.example:80\r\nX-Odd: \tone\r\nX-Odd: two\r\n\
                 \r\n",
            ),
            (200, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
            (200, "POST http://b.example/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
            (
                200,
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\
                 \r\n",
            ),
            (
                200,
                "GET /x HTTP/1.1\r\nHost: a\r\nX_User: eve\r\nProxy: http://evil.example\r\n\r\n",
            ),
        ],
    ),
    (
        "upload",
        &[],
        &[
            (
                200,
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/tea\r\nContent-Length: 5\r\n\r\n\
                 hello",
            ),
            (
                200,
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\
                 \r\n",
            ),
        ],
    ),
    ("async-length", &[], &[(200, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")]),
    ("counter", &["counter.greeting=Hello"], &[(200, GET), (200, GET)]),
    (
        "static",
        &["static.root=files"],
        &[
            (200, TEA),
            (200, "HEAD /tea.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
            (206, "GET /tea.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=2-5\r\n\r\n"),
            (404, "GET /coffee.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "POST /tea.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"),
        ],
    ),
];

/// Layers that need no database, their config, what they stand around, and what they are asked.
const LAYERS: &[(&str, &[&str], &str, Asked)] = &[
    ("access-log", &[], "hello", &[(200, GET)]),
    (
        "basic-auth",
        &["basic-auth.users=users"],
        "environ",
        &[
            (401, GET),
            (200, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRhOmVuZ2luZQ==\r\n\r\n"),
        ],
    ),
    (
        "cors",
        &["cors.origins=[\"https://a.example\"]"],
        "hello",
        &[
            (200, "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n"),
            (
                204,
                "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\
                 Access-Control-Request-Method: POST\r\n\r\n",
            ),
        ],
    ),
    (
        "gzip",
        &["static.root=files"],
        "static",
        &[
            (200, TEA),
            (200, "GET /tea.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"),
            (200, "HEAD /tea.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n"),
        ],
    ),
    (
        "rate-limit",
        &["rate-limit.requests=1", "rate-limit.seconds=3600"],
        "hello",
        &[(200, GET), (429, GET)],
    ),
    (
        "request-id",
        &["request-id.incoming=keep"],
        "environ",
        &[(200, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n")],
    ),
    (
        "session",
        &[],
        "visitor",
        &[
            (200, "GET /set?tea HTTP/1.1\r\nHost: a\r\n\r\n"),
            (200, "GET /get HTTP/1.1\r\nHost: a\r\n\r\n"),
        ],
    ),
];

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const TEA: &str = "GET /tea.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// A folder with what the configs name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // `htpasswd -Bb -C 4 users ada engine`.
    let users = "ada:$2b$04$75ssJinRtFl4pvfSzdaSLubPix49mDya79PC48qGQPfSqCXbNLS22\n";
    fs::write(folder.path().join("users"), users).unwrap();
    fs::create_dir(folder.path().join("files")).unwrap();
    fs::write(folder.path().join("files/tea.txt"), "a pot of tea\n".repeat(1000)).unwrap();
    folder
}

/// A host in a folder, for an application by its name, with these layers.
fn serve(folder: &Path, app: (&str, &Path), settings: &[&str], layers: Vec<String>) -> Host {
    let launch = Launch::new().bare().current_dir(folder);
    let launch = launch.arg("--load").arg(format!("{}={}", app.0, app.1.display()));
    let launch = settings.iter().fold(launch, |launch, setting| launch.args(["--set", setting]));
    launch.args(layers).start()
}

/// Asks a host of each kind, and compares.
fn check_same(name: &str, asked: Asked, serve: impl Fn(Places) -> Host) {
    let answers = [Places::None, Places::One, Places::Two].map(|places| {
        let host = serve(places);
        let answer = |(status, raw): &(u16, &str)| {
            let response = request(host.address(), raw);
            assert_eq!(response.status, *status, "{name}, {places:?}: {response:?}");
            comparable(response)
        };
        let answers: Vec<Response> = asked.iter().map(answer).collect();
        said_nothing(host);
        answers
    });
    assert_eq!(answers[0], answers[1], "{name}: one place");
    assert_eq!(answers[0], answers[2], "{name}: two places");
}

#[test]
fn responses_are_the_same_with_and_without_it() {
    let folder = folder();
    for (name, settings, asked) in APPLICATIONS {
        let library = sample(name);
        check_same(name, asked, |places| {
            serve(folder.path(), (name, &library), settings, places.arguments())
        });
    }
    let source = fs::read_to_string(project().join("sample-plugins/hello-c/hello.c")).unwrap();
    let library = c_library("hello_c", &source, &["-std=c11"]);
    check_same("hello-c", &[(200, GET)], |places| {
        serve(folder.path(), ("hello-c", &library), &[], places.arguments())
    });
}

#[test]
fn responses_are_the_same_on_both_sides_of_a_layer() {
    let folder = folder();
    for (name, settings, app, asked) in LAYERS {
        let layer = format!("{name}={}", sample(name).display());
        let library = if *app == "visitor" { fault_app(app) } else { sample(app) };
        check_same(name, asked, |places| {
            serve(folder.path(), (app, &library), settings, places.around(&layer))
        });
    }
}
