//! The end of the host: what is in hand is finished, nothing else is begun.

use crate::harness::DEADLINE;
use crate::harness::client::{Connection, get};
use crate::harness::frames;
use crate::harness::http2::Http2;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use rustix::process::Signal;
use std::net::TcpStream;
use std::time::Instant;

const RECEIVED: &str = "received: finishing what is in hand";

/// Nothing but the end of the work ends the host.
const PATIENT: [&str; 2] = ["--drain-timeout", "1h"];

/// A connection on which `GET path` was sent.
fn asking(host: &Misbehaving, path: &str) -> Connection {
    let mut connection = Connection::open(host.address());
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    connection
}

#[test]
fn a_request_in_hand_is_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut host = Misbehaving::start_with(Flavour::Pool, PATIENT);
        let mut in_body = asking(&host, "/wait/body");
        assert_eq!(in_body.head().unwrap().status, 200);
        assert_eq!(in_body.chunk().unwrap().unwrap(), b"first\n");
        let mut in_call = asking(&host, "/wait/call");
        host.wait_for_log("app: waits in its call");
        host.signal(signal);
        host.wait_for_log("app: told to drain");
        host.release();
        let response = in_call.response().unwrap();
        assert_eq!((response.status, response.text()), (200, "fine\n"), "{signal:?}");
        assert_eq!(response.header("connection"), Some("close"));
        assert_eq!(in_call.rest().unwrap(), b"");
        assert_eq!(in_body.chunk().unwrap().unwrap(), b"second\n");
        assert_eq!(in_body.chunk().unwrap(), None);
        assert_eq!(host.wait().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn streams_in_hand_are_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut host = Misbehaving::start_with(Flavour::Pool, PATIENT);
        let mut client = Http2::open(host.address());
        let sent = client.get("/wait/body");
        let mut body = client.head(sent).unwrap().into_body();
        assert_eq!(client.block(&mut body).unwrap().unwrap(), "first\n");
        host.signal(signal);
        host.wait_for_log("app: told to drain");
        host.release();
        assert_eq!(client.block(&mut body).unwrap().unwrap(), "second\n", "{signal:?}");
        assert!(client.block(&mut body).is_none());
        client.wait_for_end().unwrap();
        assert_eq!(host.wait().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn what_is_not_in_hand_ends_at_once() {
    let mut host = Misbehaving::start_with(Flavour::Pool, PATIENT);
    let mut silent = Connection::open(host.address());
    let mut idle = asking(&host, "/fine");
    assert_eq!(idle.response().unwrap().text(), "fine\n");
    let mut idle_http2 = Http2::open(host.address());
    let sent = idle_http2.get("/fine");
    assert_eq!(idle_http2.response(sent).unwrap().text(), "fine\n");
    let mut in_hand = asking(&host, "/wait/call");
    host.wait_for_log("app: waits in its call");
    host.terminate();
    assert_eq!(silent.rest().unwrap(), b"");
    assert_eq!(idle.rest().unwrap(), b"");
    idle_http2.wait_for_end().unwrap();
    // Those were not waiting for this one.
    host.release();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn nobody_else_is_let_in() {
    let mut host = Misbehaving::start_with(Flavour::Pool, PATIENT);
    let mut in_hand = asking(&host, "/wait/call");
    host.wait_for_log("app: waits in its call");
    host.terminate();
    let until = Instant::now() + DEADLINE;
    while TcpStream::connect(host.address()).is_ok() {
        assert!(Instant::now() < until, "connections are still accepted");
    }
    host.release();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn the_drain_timeout_cuts_what_is_left() {
    const CUT: &str = "1 connections were cut: the drain timeout is over";
    // It waits for ever, so it can be told.
    const ENDED: &str = "1 without an end of their own were ended: the drain timeout is over";
    for (flavour, path, said) in [
        (Flavour::Pool, "/wait/call", CUT),
        (Flavour::Pool, "/endless", CUT),
        (Flavour::Async, "/never/answers", CUT),
        (Flavour::Async, "/never/ends", ENDED),
        // Nobody can cut this one: the core itself is held.
        (Flavour::Inline, "/spin/call", CUT),
    ] {
        let mut host = Misbehaving::start_with(flavour, ["--drain-timeout", "250ms"]);
        let mut cut = asking(&host, path);
        host.wait_for_log("app: ");
        host.terminate();
        assert_eq!(host.wait().code(), Some(0), "{flavour:?} {path}");
        let seen = cut.rest().unwrap();
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{flavour:?} {path}: complete");
        host.wait_for_log(said);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for (second, code) in [(Signal::TERM, 128 + 15), (Signal::INT, 128 + 2)] {
        let mut host = Misbehaving::start_with(Flavour::Pool, PATIENT);
        let _in_hand = asking(&host, "/wait/call");
        host.wait_for_log("app: waits in its call");
        host.terminate();
        host.wait_for_log(RECEIVED);
        host.signal(second);
        assert_eq!(host.wait().code(), Some(code), "{second:?}");
        host.wait_for_log("received again: ending now");
    }
}

#[test]
fn an_application_is_told_to_drain_before_and_to_shut_down_after_its_work() {
    for flavour in Flavour::ALL {
        let mut host = Misbehaving::start_with(flavour, PATIENT);
        get(host.address(), "/answer?header=Content-Type:a/b&block=abc");
        let expected: &[&str] = if flavour == Flavour::Pool {
            let mut in_hand = asking(&host, "/wait/body");
            host.wait_for_log("app: waits in its body");
            host.terminate();
            host.wait_for_log("app: told to drain");
            host.release();
            assert_eq!(in_hand.response().unwrap().text(), "first\nsecond\n");
            &[
                "called /answer",
                "closed Completed 3",
                "called /wait/body",
                "waits in its body",
                "told to drain",
                "waits no more in its body",
                "closed Completed 13",
                "told to shut down",
                "dropped",
            ]
        } else {
            host.wait_for_log("app: closed");
            host.terminate();
            &[
                "called /answer",
                "closed Completed 3",
                "told to drain",
                "told to shut down",
                "dropped",
            ]
        };
        assert_eq!(host.wait().code(), Some(0));
        assert_eq!(host.said(), expected, "{flavour:?}");
    }
}

#[test]
fn an_application_that_takes_its_time_to_drain_holds_no_connection() {
    let patient = PATIENT.into_iter().chain(["--set", "bad.drain=wait"]);
    let mut host = Misbehaving::start_with(Flavour::Pool, patient);
    let mut idle = asking(&host, "/fine");
    assert_eq!(idle.response().unwrap().text(), "fine\n");
    host.terminate();
    host.wait_for_log("app: told to drain");
    // It waits to be released, the connection does not.
    assert_eq!(idle.rest().unwrap(), b"");
    host.release();
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn an_application_that_never_drains_is_left_behind() {
    let arguments = ["--drain-timeout", "250ms", "--set", "bad.drain=wait"];
    let mut host = Misbehaving::start_with(Flavour::Pool, arguments);
    assert_eq!(get(host.address(), "/fine").text(), "fine\n");
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    let line = host.wait_for_log("did not finish its Drain within the drain timeout");
    assert!(line.contains(r#"app="bad""#), "{line}");
}

#[test]
fn a_client_that_does_not_hear_the_goodbye_is_not_waited_for() {
    let mut host = Misbehaving::start_with(Flavour::Pool, PATIENT);
    let mut deaf = Connection::open(host.address());
    deaf.send([frames::PREFACE, &*frames::get(1, "/fine")].concat());
    frames::Frame::read_kind(&mut deaf, frames::DATA).unwrap();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}
