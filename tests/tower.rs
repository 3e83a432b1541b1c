//! Applications of the frameworks, each in a library of its own: they answer as they do in a
//! program of their own, replace each other under load, and leave nothing behind.

// Against what the framework's own server answers.
mod alike;
// What goes wrong, and what is dropped.
mod faults;
// WebSockets, frame by frame.
mod frames;
// A server of gRPC, and its clients.
mod grpc;
// A sample against itself under the framework's own server.
mod guests;
// Samples that keep something, against the same.
mod kept;
// What an application tells by `tracing`.
mod logs;
// The server that a library is held against.
mod native;
// The page about it, followed to the letter.
mod page;
// The native server in a program of its own.
mod program;
// Crates that were published by others.
mod published;
// Another release of a framework.
mod releases;
// The samples among them.
mod samples;
// Connections that a framework takes over.
mod sockets;
// An application that keeps things, replaced again and again.
mod swapped;

use crate::harness::client::{Connection, get, request};
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{fault_app, sample, versions};
use crate::harness::operated::Operated;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[test]
fn an_axum_application_answers() {
    let host = Host::start(["--load".as_ref(), sample("axum-app").as_os_str()]);
    let address = host.address();
    assert_eq!(get(address, "/").text(), "I'm an axum application.\n");
    assert_eq!(get(address, "/later").text(), "later\n");
    let send = |head: &str, body: &str| {
        let length = body.len();
        request(address, format!("{head}\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"))
    };
    let form = "POST /guests HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    assert_eq!(send(form, "name=ada&table=1").status, 201);
    let json = "PUT /guests HTTP/1.1\r\nContent-Type: application/json";
    assert_eq!(send(json, r#"{"name":"bob","table":2}"#).status, 201);
    assert_eq!(send(json, r#"{"name":"bob","table":-2}"#).status, 422, "extractors refuse");
    let ada = get(address, "/guests?table=1");
    assert_eq!(ada.text(), r#"[{"name":"ada","table":1}]"#);
    assert_eq!(ada.header("content-type"), Some("application/json"));
    assert_eq!(get(address, "/guests/bob").text(), r#"{"name":"bob","table":2}"#);
    assert_eq!(get(address, "/guests/eve").status, 404);
    assert_eq!(get(address, "/nowhere").status, 404);
    let refused = request(address, "DELETE /guests HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET,HEAD,POST,PUT")));
}

/// Layers of tower-http around applications of each form.
#[test]
fn a_layer_of_tower_stands_around_anything() {
    let around = fault_app("tower-around");
    let mut launch = Launch::new().arg("--enable").arg(around);
    for (mount, name) in [("/", "environ"), ("/axum", "axum-app"), ("/stream", "stream")] {
        let library = sample(name);
        launch = launch.arg("--mount").arg(format!("{mount}={name}={}", library.display()));
    }
    let host = launch.args(["--set", "tower-around.patience_ms=20000"]).start();
    let address = host.address();
    let environ = get(address, "/some%20path?x=1");
    assert_eq!(environ.header("x-tower"), Some("around"));
    for told in [
        "HTTP_X_INWARDS=told
",
        "PATH_INFO=/some path
",
        "QUERY_STRING=x=1
",
    ] {
        assert!(environ.text().contains(told), "no {told} in {}", environ.text());
    }
    assert_eq!(
        get(address, "/axum/later").text(),
        "later
"
    );
    let json = "PUT /axum/guests HTTP/1.1
Host: a
Content-Type: application/json";
    let body = r#"{"name":"bob","table":2}"#;
    let length = body.len();
    let entered = request(
        address,
        format!(
            "{json}
Content-Length: {length}

{body}"
        ),
    );
    assert_eq!((entered.status, entered.header("x-tower")), (201, Some("around")));
    let mut connection = Connection::open(address);
    connection.send(
        "GET /stream HTTP/1.1
Host: a

",
    );
    assert_eq!(
        connection.chunk_after_head().unwrap().unwrap(),
        b"1
"
    );
    assert_eq!(
        connection.chunk().unwrap().unwrap(),
        b"2
"
    );
}

/// A layer that loses patience answers itself, and cancels what is further in.
#[test]
fn a_layer_of_tower_cancels_what_it_calls() {
    let (around, routed) = (fault_app("tower-around"), fault_app("waits"));
    let host = Launch::new()
        .arg("--load")
        .arg(routed)
        .arg("--enable")
        .arg(around)
        .args(["--set", "tower-around.patience_ms=30"])
        .start();
    assert_eq!(get(host.address(), "/for-ever").status, 504);
    host.wait_for_log("the call was dropped inside of the runtime");
}

/// What the clients of a test have seen.
#[derive(Debug, Default)]
struct Seen {
    over: AtomicBool,
    whole: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Seen {
    /// Asks without a pause until the test is over.
    fn ask(&self, mut ask: impl FnMut() -> Result<(), String>) {
        while !self.over.load(Ordering::Relaxed) {
            match ask() {
                Ok(()) => drop(self.whole.fetch_add(1, Ordering::Relaxed)),
                Err(wrong) => self.wrong.lock().unwrap().push(wrong),
            }
        }
    }

    fn first_wrong(&self) -> Option<String> {
        self.wrong.lock().unwrap().first().cloned()
    }

    fn whole(&self) -> u64 {
        self.whole.load(Ordering::Relaxed)
    }
}

const VERSIONS: [&str; 2] = ["I'm an axum application.\n", "I'm an axum implication.\n"];

/// One request of each kind, on one connection: a small one, one with a task and a timer, and the
/// first events of an endless body.
fn each_kind(address: SocketAddr) -> Result<(), String> {
    let mut connection = Connection::open(address);
    for path in ["/", "/later"] {
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = connection.response().map_err(|error| format!("{path}: {error}"))?;
        let is_right = response.text() == "later\n" || VERSIONS.contains(&response.text());
        if response.status != 200 || !is_right {
            return Err(format!("{path}: {response:?}"));
        }
    }
    connection.send("GET /clock HTTP/1.1\r\nHost: a\r\n\r\n");
    let first = connection.chunk_after_head().map_err(|error| format!("/clock: {error}"))?;
    let second = connection.chunk().map_err(|error| format!("/clock: {error}"))?;
    let events = [first, second].map(|event| String::from_utf8(event.unwrap_or_default()).unwrap());
    if events == ["data: 1\n\n", "data: 2\n\n"] { Ok(()) } else { Err(format!("{events:?}")) }
}

#[test]
fn swaps_under_load_lose_nothing_and_leave_nothing() {
    let libraries =
        versions(&sample("axum-app"), b"I'm an axum application.", b"I'm an axum implication.");
    let launch = Launch::new().env("DSGI_LOG", "warn").arg("--load");
    let host = Operated::start(launch.arg(&*libraries[0]));
    let app = "axum-app";
    let rest = || {
        let app = host.app(app);
        (app["retained"].as_array().is_some_and(Vec::is_empty) && app["in_flight"] == 0)
            .then_some(())
    };
    for version in [1, 0] {
        host.deploy(app, &libraries[version]);
    }
    eventually("the end of every version that was replaced", rest);
    let before = host.possessions();

    let (seen, address) = (Arc::new(Seen::default()), host.address());
    let client = || {
        let seen = Arc::clone(&seen);
        std::thread::spawn(move || seen.ask(|| each_kind(address)))
    };
    let clients = [client(), client()];
    for swap in 0..20 {
        host.deploy(app, &libraries[(swap + 1) % 2]);
        let answered = seen.whole();
        eventually("a response after a swap", || (seen.whole() > answered).then_some(()));
        let text = get(address, "/").text().to_owned();
        assert_eq!(text, VERSIONS[(swap + 1) % 2], "after swap {swap}");
    }
    seen.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(seen.first_wrong(), None, "beside {} whole ones", seen.whole());
    eventually("the end of every version that was replaced", rest);
    host.wait_for_no_more_than(&before);
}
