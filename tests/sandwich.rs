//! Layers around an application, all loaded from files: what they change, who is told the end and
//! in which order, and whose a panic is.

use crate::harness::client::{Connection, Response, get, request};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, own_copy};
use crate::harness::operated::Operated;
use std::ops::Deref;

/// The forms of the layer of `tests/apps/acts`.
const FORMS: [&str; 3] = ["acts", "acts-inline", "acts-async"];

/// A host with `inside` at `/` in a layer `inner` in a layer `outer`. It stands for its host.
struct Sandwich(Operated);

impl Sandwich {
    fn of(outer: &str, inner: &str) -> Self {
        Self::breaking(outer, inner, &[])
    }

    /// One whose layers break these rules.
    fn breaking(outer: &str, inner: &str, rules: &'static [&'static str]) -> Self {
        let enable = |name: &str, form: &str| format!("{name}={}", fault_app(form).display());
        let launch = Launch::new()
            .args(["--load".into(), format!("inside={}", fault_app("inside").display())])
            .args(["--enable".into(), enable("outer", outer)])
            .args(["--enable".into(), enable("inner", inner)])
            .args(["--set", "outer.name=outer", "--set", "inner.name=inner"])
            .env("RUST_BACKTRACE", "0");
        Self(Operated::start(launch.breaking(rules)))
    }

    /// Asks for a path, with header fields that tell the layers what to do.
    fn ask(&self, path: &str, fields: &str) -> Response {
        request(self.address(), raw("GET", path, fields, ""))
    }

    /// What was said since the last time, when so many have said their end.
    fn ends(&self, before: usize, count: usize) -> Vec<String> {
        let lines = self.wait_for_logs(" closed ", before + count);
        let ends = lines[before..].iter();
        ends.map(|line| line.trim_start_matches("app: ").to_owned()).collect()
    }
}

impl Deref for Sandwich {
    type Target = Operated;

    fn deref(&self) -> &Operated {
        &self.0
    }
}

fn raw(method: &str, path: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty());
    let fields: String = fields.map(|field| format!("{field}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{fields}\r\n{body}")
}

#[test]
fn layers_change_what_they_are_asked_to() {
    for form in FORMS {
        let host = Sandwich::breaking(form, "acts-async", &["start-before-body", "start-once"]);
        let both = |act: &str| format!("X-Outer: {act}, X-Inner: {act}, X-Secret: s");
        let visited = match form {
            "acts-async" => "/tell GET  - s - 41 - []\nlast\n",
            _ => "/tell GET  - s - - - []\nlast\n",
        };
        for (act, path, status, text) in [
            ("call", "/tell", 200, "/tell GET  - s - - - []\nlast\n"),
            ("change", "/any", 200, "/tell/x y PURGE a=b inner - was here was here - []\nlast\n"),
            ("map", "/tell", 200, "/TELL GET  - S - - - []\nLAST\n"),
            ("swallow", "/tell", 200, "/tell GET  - s - - - []\nlast\n"),
            ("answer", "/tell", 203, "by a layer\n"),
            ("twice", "/tell", 200, "/tell GET  - s - - - []\nlast\n"),
            ("drop", "/tell", 200, "instead\n"),
            ("value", "/value", 200, "40 inner 42\nlast\n"),
            ("call", "/fails", 404, "404 Not Found\n"),
            ("early", "/tell", 500, "500 Internal Server Error\n"),
            ("never", "/tell", 500, "500 Internal Server Error\n"),
            ("wrong-value", "/value", 500, "500 Internal Server Error\n"),
            ("call", "/value", 500, "500 Internal Server Error\n"),
            // What a crate declares is read by that crate, whatever another one calls the same.
            ("visitor", "/tell", 200, visited),
            ("visitor", "/visitor", 500, "500 Internal Server Error\n"),
        ] {
            let response = host.ask(path, &both(act));
            assert_eq!((response.status, response.text()), (status, text), "{form} {act}");
        }
        let edited = host.ask("/tell", &both("edit"));
        let seen = (edited.header("x-edited"), edited.header("x-inside"));
        assert_eq!(seen, (Some("inner outer"), None), "{form}");
        assert_eq!(host.ask("/tell", "X-Inner: twice").header("x-first"), Some("200"));
        // What concerns neither goes on as it came.
        let plain = host.ask("/tell", "X-Secret: s");
        assert_eq!(
            (plain.text(), plain.header("x-inside")),
            ("/tell GET  - s - - - []\nlast\n", Some("yes"))
        );
        let wrong = host.wait_for_log("another struct than this library knows");
        assert!(wrong.contains("`name: Text at 0 (32); 32`"), "{wrong}");
        host.wait_for_log("no layer gives a value `User` to this request");
        host.wait_for_log("no layer gives a value `app_inside::Visitor` to this request");
    }
}

#[test]
fn a_request_body_goes_through_layers() {
    for form in FORMS {
        let host = Sandwich::of(form, "acts");
        for (fields, seen) in [
            ("X-Outer: read", "- - - - 5 [hello]"),
            ("X-Outer: read, X-Inner: read", "- - - - 5 [hello]"),
            ("X-Outer: replace, X-Inner: read", "- - - - 7 [another]"),
            ("X-Inner: replace", "- - - - - [another]"),
            ("X-Outer: call", "- - - - - [hello]"),
        ] {
            let response = request(host.address(), raw("POST", "/tell", fields, "hello"));
            assert_eq!(response.text(), format!("/tell POST  {seen}\nlast\n"), "{form} {fields}");
        }
        let long = "x".repeat(101);
        let refused = request(host.address(), raw("POST", "/tell", "X-Outer: read", &long));
        assert_eq!(refused.status, 413, "{form}");
    }
}

/// Outside in, the application last, each once and all with the same end.
#[test]
fn the_end_is_told_from_outside_in() {
    for form in FORMS {
        let host = Sandwich::breaking(form, "acts-inline", &["call-no-panic", "start-once"]);
        let mut told = 0;
        let mut check = |path: &str, fields: &str, expected: &[&str]| {
            // How it ends for the client is not the question here.
            let mut connection = Connection::open(host.address());
            connection.send(raw("GET", path, fields, ""));
            let _ = connection.response();
            assert_eq!(host.ends(told, expected.len()), expected, "{form} {path} {fields}");
            told += expected.len();
        };
        let all = ["outer closed Completed 29", "inner closed Completed 29"];
        let both = "X-Outer: call, X-Inner: call";
        check("/tell", both, &[&all[..], &["inside closed Completed 29"]].concat());
        let panics = "X-Outer: panic-close, X-Inner: panic-close";
        check("/tell", panics, &[&all[..], &["inside closed Completed 29"]].concat());
        check("/tell", "X-Outer: panic-after", &["inside closed Failed 0"]);
        let inner = ["inner closed Failed 0", "inside closed Failed 0"];
        check("/tell", "X-Outer: panic-after, X-Inner: call", &inner);
        check("/tell", "X-Outer: early, X-Inner: call", &inner);
        let body = ["outer closed Failed 24", "inner closed Failed 24", "inside closed Failed 24"];
        check("/tell", "X-Outer: call, X-Inner: panic-body", &body);
        let dropped = ["inside closed Failed 0", "outer closed Completed 8"];
        check("/tell", "X-Outer: drop", &dropped);
        check("/panic", both, &[]);
        check("/tell", "X-Inner: panic-before", &[]);

        let mut connection = Connection::open(host.address());
        connection.send(raw("GET", "/endless", both, ""));
        assert_eq!(connection.head().unwrap().status, 200);
        connection.chunk().unwrap();
        drop(connection);
        let ends = host.ends(told, 3);
        let sent = ends[0].strip_prefix("outer closed ClientGone ").expect("it has left");
        let same = ["outer", "inner", "inside"].map(|it| format!("{it} closed ClientGone {sent}"));
        assert_eq!(ends, same, "{form}");
    }
}

#[test]
fn a_panic_is_the_members_that_panicked() {
    let host = Sandwich::breaking("acts", "acts-async", &["call-no-panic"]);
    let count = |app: &str| host.app(app)["panics"].as_u64().expect("a count");
    let counts = || ["outer", "inner", "inside"].map(count);
    assert_eq!(counts(), [0, 0, 0]);
    let mut expected = [0, 0, 0];
    for (path, fields, whose) in [
        ("/panic", "X-Outer: call, X-Inner: call", 2),
        ("/tell", "X-Outer: call, X-Inner: panic-before", 1),
        ("/tell", "X-Outer: panic-after, X-Inner: call", 0),
        ("/tell", "X-Inner: panic-body", 1),
        ("/panic", "", 2),
    ] {
        let mut connection = Connection::open(host.address());
        connection.send(raw("GET", path, fields, ""));
        let _ = connection.response();
        expected[whose] += 1;
        assert_eq!(counts(), expected, "{path} {fields}");
    }
}

/// A response that is under way keeps the layer that it began with.
#[test]
fn a_layer_is_swapped_during_a_response() {
    let host = Sandwich::of("acts", "acts-inline");
    let mut connection = Connection::open(host.address());
    connection.send(raw("GET", "/endless", "X-Outer: call, X-Inner: call", ""));
    assert_eq!(connection.head().unwrap().status, 200);
    connection.chunk().unwrap();
    let before = host.app("outer")["current"]["generation"].clone();
    let next = own_copy(&fault_app("acts"));
    host.deploy("outer", &next);
    assert_ne!(host.app("outer")["current"]["generation"], before);
    assert_eq!(get(host.address(), "/tell").status, 200);
    // Still answered by the old one.
    connection.chunk().unwrap();
    drop(connection);
    // One is that of the request in between.
    let ends = host.ends(0, 4);
    let gone = ends.iter().filter_map(|end| Some(end.split_once(" closed ClientGone ")?.0));
    let gone: Vec<_> = gone.collect();
    assert_eq!(gone, ["outer", "inner", "inside"], "{ends:?}");
}
