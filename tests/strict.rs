//! Requests that could be read in two ways, or in none: refused, and where what follows cannot be
//! trusted to be a request, the connection closed.

use crate::harness::client::{Connection, get};
use crate::harness::host::Host;
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use http::Request;
use std::ffi::OsStr;
use std::net::SocketAddr;

/// Serves the application that sends a request's body back.
fn serving() -> Host {
    Host::start([OsStr::new("--load"), sample("upload").as_os_str()])
}

/// The status of the first answer, and of the second one if what follows `raw` was answered too.
fn statuses(address: SocketAddr, raw: &str) -> (u16, Option<u16>) {
    let mut connection = Connection::open(address);
    connection.send([raw, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    let first = connection.response().unwrap_or_else(|error| panic!("{raw:?}: {error}"));
    (first.status, connection.response().ok().map(|second| second.status))
}

#[test]
fn a_refused_head_ends_the_connection() {
    let host = serving();
    for (raw, status) in [
        // Host, RFC 9112 3.2.
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a:port\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n", 400),
        ("GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
        // Transfer codings, RFC 9112 6.1.
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        // Lengths, RFC 9112 6.2.
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        // Targets and methods, RFC 9112 3.2.
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
        ("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        // Lines, RFC 9112 2.2 to 5.2.
        ("GET /\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: folded\r\n to here\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n", 400),
        ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ] {
        assert_eq!(statuses(host.address(), raw), (status, None), "{raw:?}");
    }
}

#[test]
fn what_only_looks_unusual_is_answered() {
    let host = serving();
    for raw in [
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(statuses(host.address(), raw), (200, Some(200)), "{raw:?}");
    }
}

#[test]
fn a_path_that_could_be_read_twice_is_refused() {
    let host = serving();
    for path in [
        "/..",
        "/../",
        "/a/../b",
        "/a/..",
        "/./a",
        "/a/.",
        "/%2e%2e/a",
        "/a/%2E./b",
        "/.%2e",
        "/%2f..%2f",
        "/a%2f..",
        "/%2e",
        "/%",
        "/%4",
        "/a%zz",
        "/%%41",
        "/a%00b",
        "/%00",
    ] {
        // The head was well-formed, so the connection goes on.
        let raw = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(statuses(host.address(), &raw), (400, Some(200)), "{path}");
    }
    for path in ["/...", "/a..b", "/.well-known/x", "/%2f..a%2f", "/a//b", "/%252e%252e/"] {
        assert_eq!(get(host.address(), path).status, 200, "{path}");
    }
}

#[test]
fn length_and_chunks_together_are_read_as_chunks_and_the_end() {
    let host = serving();
    let mut connection = Connection::open(host.address());
    // By its length the body would reach into the second request.
    connection.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(connection.response().unwrap().text(), "hello");
    assert_eq!(connection.rest().unwrap(), b"", "a second request was answered");
}

#[test]
fn broken_chunks_end_the_response_and_the_connection() {
    let host = serving();
    for chunk in ["zz\r\nhello\r\n", "5 5\r\nhello\r\n", "-1\r\n", "5\r\nhelloworld\r\n0\r\n\r\n"] {
        let mut connection = Connection::open(host.address());
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send("5\r\nfirst\r\n");
        assert_eq!(connection.head().unwrap().status, 200);
        assert_eq!(connection.chunk().unwrap().unwrap(), b"first");
        connection.send([chunk, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
        // Of a chunk that is too long, the first part may still be seen.
        let rest = connection.rest().unwrap();
        let rest = String::from_utf8_lossy(&rest);
        assert!(!rest.contains("HTTP/1.1") && !rest.contains("0\r\n\r\n"), "{chunk:?}: {rest}");
    }
}

#[test]
fn a_body_that_breaks_off_at_once_is_the_clients_fault() {
    let host = serving();
    let mut connection = Connection::open(host.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(connection.response().unwrap().status, 400);
    assert!(!host.log().contains("ERROR"), "an application was blamed");
}

#[test]
fn http2_is_held_to_the_same_rules() {
    let host = serving();
    let mut client = Http2::open(host.address());
    for (path, status) in [("/", 200), ("/a/../b", 400), ("/%2e%2e", 400), ("/%00", 400)] {
        let sent = client.get(path);
        assert_eq!(client.response(sent).unwrap().status, status, "{path}");
    }
    let connect = Request::connect("a.example:1").body(String::new());
    let sent = client.send(connect);
    assert_eq!(client.response(sent).unwrap().status, 501);
    let sent = client.get("/after");
    assert_eq!(client.response(sent).unwrap().status, 200, "the connection is still good");
}
