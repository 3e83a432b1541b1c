//! Connections and streams without an end of their own, when their version or the host goes.

use super::{is_over, switch};
use crate::harness::client::{Connection, get};
use crate::harness::host::Launch;
use crate::harness::http2::Http2;
use crate::harness::libraries::{TemporaryLibrary, fault_app, versions};
use crate::harness::operated::Operated;

/// A close frame with the code 1012.
const RESTARTS: [u8; 4] = [0x88, 2, 0x03, 0xf4];

fn two() -> [TemporaryLibrary; 2] {
    versions(&fault_app("switches"), b"version one", b"version two")
}

fn start(library: &TemporaryLibrary, drain: &str, layers: &[&str]) -> Operated {
    let enable = layers.iter().flat_map(|form| {
        let library = format!("{form}={}", fault_app(form).display());
        ["--enable".into(), library, "--set".into(), format!("{form}.name={form}")]
    });
    Operated::start(
        Launch::new()
            .args(["--load".into(), format!("app={}", library.display())])
            .args(["--drain-timeout", drain])
            .args(enable),
    )
}

fn stream(host: &Operated, path: &str) -> Connection {
    let mut client = Connection::open(host.address());
    client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(client.head().unwrap().status, 200);
    assert_eq!(client.chunk().unwrap().unwrap(), b"data: 1\n\n");
    client
}

/// They stay with the old version while there is time; then a WebSocket is told, between two
/// frames, and the others end.
#[test]
fn what_the_old_version_has_ends_with_its_time() {
    for layers in [&[][..], &["acts-async", "acts-inline"]] {
        let [first, second] = two();
        let host = start(&first, "2s", layers);
        let address = host.address();
        let mut socket = switch(address, "/frames", "WebSocket");
        assert_eq!(socket.exactly(7).unwrap(), b"\x81\x05hello");
        let mut half = switch(address, "/half", "websocket");
        assert_eq!(half.exactly(7).unwrap(), b"\x82\x0afirst");
        let mut other = switch(address, "/echo", "x");
        let mut waits = switch(address, "/waits", "websocket");
        let mut events = stream(&host, "/events");
        let mut endless = stream(&host, "/endless");
        let mut http2 = Http2::open(address);
        let sent = http2.get("/events");
        let mut body = http2.head(sent).unwrap().into_body();
        assert_eq!(http2.block(&mut body).unwrap().unwrap(), "data: 1\n\n");

        host.deploy("app", &second);
        assert_eq!(get(address, "/version").text(), "version two");
        let retained = host.app("app")["retained"].to_string();
        assert!(retained.contains("7 requests in hand"), "{retained}");
        // The old one goes on.
        socket.send("abc");
        assert_eq!(socket.exactly(5).unwrap(), b"\x82\x03abc");
        other.send("on");
        assert_eq!(other.exactly(2).unwrap(), b"ON");

        assert_eq!(socket.read_to_end().unwrap(), RESTARTS, "{layers:?}");
        assert_eq!(waits.read_to_end().unwrap(), RESTARTS);
        assert_eq!(other.read_to_end().unwrap(), b"");
        // A frame is finished first, and nothing of the next one follows.
        half.send("go on");
        assert_eq!(half.read_to_end().unwrap(), [b"later", &RESTARTS[..]].concat());
        host.wait_for_log("the rest was cut");
        // An event stream has an end, and one that could be missing something has none.
        assert_eq!(events.chunk().unwrap(), None);
        assert!(endless.chunk().is_err(), "it ended as if it was complete");
        assert!(http2.block(&mut body).is_none());
        for line in ["/frames closed Completed 12", "/echo closed Completed 2", "/waits closed"] {
            host.wait_for_log(line);
        }
        host.wait_for_logs("stream closed Failed 9", 3);
        host.wait_for_app("app", "the old version is gone", |app| {
            app["retained"].as_array().is_some_and(Vec::is_empty)
        });
        drop((socket, half, other, waits));
    }
}

/// A layer that is swapped has its time too.
#[test]
fn what_goes_through_an_old_layer_ends_with_its_time() {
    let [first, _] = two();
    let host = start(&first, "1s", &["acts-async"]);
    let mut socket = switch(host.address(), "/frames", "websocket");
    assert_eq!(socket.exactly(7).unwrap(), b"\x81\x05hello");
    host.deploy("acts-async", &fault_app("acts-inline"));
    assert_eq!(socket.read_to_end().unwrap(), RESTARTS);
}

#[test]
fn the_end_of_the_host_says_goodbye() {
    let [first, _] = two();
    let mut host = start(&first, "1s", &[]);
    let mut socket = switch(host.address(), "/frames", "websocket");
    assert_eq!(socket.exactly(7).unwrap(), b"\x81\x05hello");
    let mut other = switch(host.address(), "/waits", "x");
    let mut events = stream(&host, "/events");
    host.terminate();
    // It has its time here as well.
    host.wait_for_log("received: finishing what is in hand");
    socket.send("abc");
    assert_eq!(socket.exactly(5).unwrap(), b"\x82\x03abc");
    assert_eq!(socket.read_to_end().unwrap(), RESTARTS);
    assert!(is_over(&mut other));
    assert_eq!(events.chunk().unwrap(), None);
    drop((socket, other, events));
    assert_eq!(host.wait().code(), Some(0));
    let log = host.log();
    assert!(!log.contains("were cut"), "{log}");
}

/// A client that reads nothing keeps nobody: neither a version nor the host.
#[test]
fn a_client_that_does_not_read_is_cut() {
    let [first, second] = two();
    let mut host = start(&first, "1s", &[]);
    let client = switch(host.address(), "/push", "websocket");
    host.wait_for_log("app: waits after");
    host.deploy("app", &second);
    host.wait_for_app("app", "the old version is gone", |app| {
        app["retained"].as_array().is_some_and(Vec::is_empty)
    });
    drop(client);
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}
