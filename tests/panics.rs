//! A panic in an application is one 500, or one broken response, and one line with its place.

use crate::harness::client::{Connection, get};
use crate::harness::host::Host;
use crate::harness::http2::Http2;
use crate::harness::misbehaving::{Flavour, Misbehaving};

/// Waits until the host has logged a panic with this text, and checks that it names the
/// application and the place in its source.
fn check_logged(host: &Host, text: &str, count: usize) {
    let lines = host.wait_for_logs(&format!(": {text}"), count);
    let place = "misbehave/src/faults.rs:";
    let named = |line: &&String| {
        line.contains("panicked at tests/apps/")
            && line.contains(place)
            && line.contains(r#"app="bad""#)
    };
    let line = lines.iter().find(named).unwrap_or_else(|| panic!("{lines:#?}"));
    let (_, place) = line.split_once(place).expect("it was just seen");
    assert!(place.starts_with(|digit: char| digit.is_ascii_digit()), "no line number: {line}");
}

#[test]
fn a_panic_before_the_first_block_is_one_500() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, &["call-no-panic"]);
        let mut connection = Connection::open(host.address());
        let mut client = Http2::open(host.address());
        for (place, text) in [
            ("call", "in the call"),
            ("started", "after start_response"),
            ("first", "in the first block"),
            // Its payload panics again when it is dropped.
            ("payload", "a value that is not text"),
        ] {
            connection.send(format!("GET /panic/{place} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let response = connection.response().unwrap();
            let seen = (response.status, response.text());
            assert_eq!(seen, (500, "500 Internal Server Error\n"), "{flavour:?} {place}");
            check_logged(&host, text, 1);
            let sent = client.get(&format!("/panic/{place}"));
            assert_eq!(client.response(sent).unwrap().status, 500, "{flavour:?} {place}");
            // On the same connections.
            connection.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(connection.response().unwrap().text(), "fine\n");
            let sent = client.get("/fine");
            assert_eq!(client.response(sent).unwrap().text(), "fine\n");
        }
    }
}

#[test]
fn a_panic_within_a_body_breaks_the_response_off() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, &["call-no-panic"]);
        let mut connection = Connection::open(host.address());
        connection.send("GET /panic/middle HTTP/1.1\r\nHost: a\r\n\r\n");
        let seen = connection.rest().unwrap();
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.contains("0\r\n\r\n"), "{flavour:?}: complete as {seen:?}");
        check_logged(&host, "in the second block", 1);
        let mut client = Http2::open(host.address());
        let sent = client.get("/panic/middle");
        assert!(client.response(sent).is_err(), "{flavour:?}: complete over HTTP/2");
        let sent = client.get("/fine");
        assert_eq!(client.response(sent).unwrap().text(), "fine\n", "{flavour:?}");
        assert_eq!(get(host.address(), "/fine").text(), "fine\n", "{flavour:?}");
    }
}

#[test]
fn a_panic_after_the_last_block_is_seen_by_nobody_but_the_log() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        for (place, body, text) in [
            ("drop", "first\nsecond\n", "the bomb was dropped"),
            ("close", "first\n", "in the close"),
        ] {
            let mut connection = Connection::open(host.address());
            connection.send(format!("GET /panic/{place} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let response = connection.response().unwrap();
            assert_eq!((response.status, response.text()), (200, body), "{flavour:?} {place}");
            check_logged(&host, text, 1);
            connection.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(connection.response().unwrap().text(), "fine\n", "{flavour:?} {place}");
            let mut client = Http2::open(host.address());
            let sent = client.get(&format!("/panic/{place}"));
            assert_eq!(client.response(sent).unwrap().text(), body, "{flavour:?} {place}");
        }
    }
}

#[test]
fn a_panic_at_the_end_of_the_host_keeps_it_from_nothing() {
    let mut host = Misbehaving::start_with(Flavour::Pool, ["--set", "bad.drain=panic"]);
    assert_eq!(get(host.address(), "/fine").text(), "fine\n");
    host.terminate();
    assert!(host.wait().success());
    check_logged(&host, "does not drain", 1);
    check_logged(&host, "does not shut down", 1);
}

#[test]
fn many_panics_at_once_are_as_many_500s() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, &["call-no-panic"]);
        let mut connections: Vec<_> = (0..32).map(|_| Connection::open(host.address())).collect();
        for connection in &mut connections {
            connection.send("GET /panic/call HTTP/1.1\r\nHost: a\r\n\r\n".repeat(4));
        }
        for connection in &mut connections {
            let statuses = [(); 4].map(|()| connection.response().unwrap().status);
            assert_eq!(statuses, [500; 4], "{flavour:?}");
        }
        assert_eq!(get(host.address(), "/fine").text(), "fine\n", "{flavour:?}");
    }
}
