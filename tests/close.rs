//! The end of a request is told exactly once, with how it ended and how much was sent.

use crate::harness::client::{Connection, get};
use crate::harness::frames::{self, Frame};
use crate::harness::http2::Http2;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use http::Request;

/// Every `called` has one `closed`: neither more nor less.
fn check_each_was_closed_once(host: Misbehaving) {
    let said = host.said_until_the_end();
    let count = |word: &str| said.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(count("called"), count("closed"), "{said:#?}");
}

/// What the applications of the next test do wrong.
const BROKEN: &[&str] = &[
    "body-length",
    "call-no-panic",
    "content-type-missing",
    "field-value-clean",
    "start-before-body",
];

#[test]
fn each_end_has_its_outcome() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, BROKEN);
        let mut count = 0;
        for (method, target, closed) in [
            ("GET", "/answer?block=abc&block=def", "closed Completed 6"),
            ("GET", "/answer?header=Content-Length:6&block=abc&block=def", "closed Completed 6"),
            ("GET", "/answer", "closed Completed 0"),
            ("GET", "/answer?header=Content-Length:4&block=abc&block=def", "closed Completed 4"),
            ("HEAD", "/answer?block=abc", "closed Completed 0"),
            ("GET", "/answer?status=204&block=abc", "closed Completed 0"),
            ("GET", "/answer?status=304&block=abc", "closed Completed 0"),
            ("GET", "/answer?header=Content-Length:7&block=abc", "closed Failed 3"),
            ("GET", "/answer?header=X:%0a&block=abc", "closed Failed 0"),
            ("GET", "/error/first", "closed Failed 0"),
            ("GET", "/error/middle", "closed Failed 6"),
            ("GET", "/panic/first", "closed Failed 0"),
            ("GET", "/panic/middle", "closed Failed 6"),
            ("GET", "/start/never", "closed Failed 0"),
            // Whatever happens at the end itself, those who wait for it are told.
            ("GET", "/panic/drop", "closed Completed 13"),
            ("GET", "/panic/close", "closed Completed 6"),
        ] {
            let mut connection = Connection::open(host.address());
            connection.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            count += 1;
            let told = host.wait_for_logs("app: closed", count);
            assert_eq!(told[count - 1], format!("app: {closed}"), "{flavour:?} {target}");
            // A client for each: a stream that is given up must not disturb the next.
            let mut client = Http2::open(host.address());
            let uri = format!("http://a.example{target}");
            let sent = client.send(Request::builder().method(method).uri(uri).body(String::new()));
            // Whether it fails is not the question here.
            let _ = client.response(sent);
            count += 1;
            let told = host.wait_for_logs("app: closed", count);
            assert_eq!(told[count - 1], format!("app: {closed}"), "{flavour:?} h2 {target}");
        }
        check_each_was_closed_once(host);
    }
}

/// The bytes that a client is told to have taken before it left.
fn gone_after(line: &str) -> u64 {
    let bytes = line.strip_prefix("app: closed ClientGone ").and_then(|bytes| bytes.parse().ok());
    bytes.unwrap_or_else(|| panic!("not an end by a client that left: {line}"))
}

#[test]
fn a_client_that_leaves_within_a_body_ends_it() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        let mut connection = Connection::open(host.address());
        connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.head().unwrap().status, 200);
        connection.chunk().unwrap();
        drop(connection);
        assert!(gone_after(&host.wait_for_log("app: closed")) >= 16 * 1024, "{flavour:?}");

        let mut client = Http2::open(host.address());
        let sent = client.get("/endless");
        let mut body = client.head(sent).unwrap().into_body();
        client.block(&mut body).unwrap().unwrap();
        drop(body);
        // The stream was given up, and the connection lives on.
        let sent = client.get("/fine");
        assert_eq!(client.response(sent).unwrap().text(), "fine\n", "{flavour:?}");
        let told = host.wait_for_logs("app: closed ClientGone", 2);
        assert!(gone_after(&told[1]) > 0, "{flavour:?}");
        drop(client);
        check_each_was_closed_once(host);
    }
}

#[test]
fn a_pool_thread_in_a_call_finds_out_that_the_client_left() {
    let host = Misbehaving::start(Flavour::Pool);
    let mut connection = Connection::open(host.address());
    connection.send("GET /cancel/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    drop(connection);
    // It waits for nothing else than to be told so.
    host.wait_for_log("app: waits no more in its call");
    assert_eq!(host.wait_for_log("app: closed"), "app: closed ClientGone 0");
    check_each_was_closed_once(host);
}

#[test]
fn a_pool_thread_in_a_body_finds_out_that_the_client_left() {
    let host = Misbehaving::start(Flavour::Pool);
    let mut connection = Connection::open(host.address());
    connection.send("GET /cancel/body HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.head().unwrap().status, 200);
    assert_eq!(connection.chunk().unwrap().unwrap(), b"first\n");
    drop(connection);
    host.wait_for_log("app: waits no more in its body");
    assert_eq!(host.wait_for_log("app: closed"), "app: closed ClientGone 6");
    check_each_was_closed_once(host);
}

#[test]
fn a_future_is_dropped_when_its_client_leaves() {
    let host = Misbehaving::start(Flavour::Async);
    let mut connection = Connection::open(host.address());
    connection.send("GET /never/answers HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits for nothing");
    drop(connection);
    host.wait_for_log("app: the call was dropped");
    // Over HTTP/2 it is enough to give the stream up.
    let mut connection = Connection::open(host.address());
    connection.send([frames::PREFACE, &*frames::get(1, "/never/answers")].concat());
    host.wait_for_logs("app: waits for nothing", 2);
    connection.send(frames::reset(1));
    host.wait_for_logs("app: the call was dropped", 2);
    connection.send(frames::get(3, "/fine"));
    Frame::read_kind(&mut connection, frames::HEADERS).unwrap();
}

#[test]
fn a_body_that_never_goes_on_ends_with_its_client() {
    let host = Misbehaving::start(Flavour::Async);
    let mut connection = Connection::open(host.address());
    connection.send("GET /never/ends HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.head().unwrap().status, 200);
    assert_eq!(connection.chunk().unwrap().unwrap(), b"first\n");
    drop(connection);
    assert_eq!(host.wait_for_log("app: closed"), "app: closed ClientGone 6");
}

#[test]
fn a_client_that_leaves_within_its_own_body_is_no_error_of_the_application() {
    let host = Misbehaving::start(Flavour::Pool);
    let mut connection = Connection::open(host.address());
    connection.send("POST /input HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    host.wait_for_log("app: called /input");
    drop(connection);
    let told = host.wait_for_log("app: was told within its input");
    assert!(!told.contains("paused"), "it had to wait: {told}");
    assert_eq!(get(host.address(), "/fine").text(), "fine\n");
    assert!(!host.log().contains("ERROR"), "the application was blamed");
}
