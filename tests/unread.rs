//! Answers to requests whose body is not read to its end, over HTTP/1.1: the head says `close`
//! exactly if the connection ends (RFC 9112, 9.3), so that no client puts its next request there.

use crate::harness::client::{Connection, Response};
use crate::harness::host::{Host, Launch};
use crate::harness::misbehaving::{Flavour, Misbehaving};

/// What follows the head in one piece with it, and what becomes of the connection.
type Row = (&'static str, &'static str, usize, Goes);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Goes {
    On,
    /// It says so, and ends.
    Away,
    /// Either, but as it says.
    AsItSays,
}

const ROWS: &[Row] = &[
    ("a small body", "Content-Length: 5", 5, Goes::On),
    ("a body that comes later", "Content-Length: 5", 0, Goes::Away),
    ("half a body", "Content-Length: 9", 5, Goes::Away),
    ("a large body of which nothing comes", "Content-Length: 1000000", 0, Goes::Away),
    ("the beginning of a large body", "Content-Length: 1000000", 30_000, Goes::Away),
    ("a large body", "Content-Length: 3000000", 3_000_000, Goes::AsItSays),
    (
        "a body that waits to be asked for",
        "Content-Length: 5\r\nExpect: 100-continue",
        0,
        Goes::Away,
    ),
    ("a small body that does not wait", "Content-Length: 5\r\nExpect: 100-continue", 5, Goes::On),
    ("no body", "X-None: 0", 0, Goes::On),
];

/// Chunks, whole or not.
const CHUNKS: [(&str, Goes); 2] =
    [("5\r\nhello\r\n0\r\n\r\n", Goes::AsItSays), ("5\r\nhello\r\n", Goes::Away)];

fn head(target: &str, fields: &str) -> Vec<u8> {
    format!("POST {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n\r\n").into_bytes()
}

/// Asks, asks again, and compares what was said with what has become of the connection.
fn look(host: &Host, request: &[u8], goes: Goes, what: &str) -> Response {
    let mut connection = Connection::open(host.address());
    // Who is not read may find that out before it has sent everything.
    let _ = connection.try_send(request);
    let first = connection.response().unwrap_or_else(|why| panic!("{what}: {why}"));
    let closes = first.header("connection") == Some("close");
    // A connection that ends is not asked: what of the body is left would be in between.
    let ends = if closes {
        connection.rest().expect("an end").is_empty()
    } else {
        connection.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let second = connection.response().unwrap_or_else(|why| panic!("{what}, again: {why}"));
        second.status != 200
    };
    assert_eq!(ends, closes, "{what}: {first:?}");
    match goes {
        Goes::AsItSays => {}
        goes => assert_eq!(closes, goes == Goes::Away, "{what}: {first:?}"),
    }
    first
}

#[test]
fn the_head_says_whether_the_connection_goes_on() {
    for flavour in Flavour::ALL {
        // The validator keeps the request until the end of its body, as if that were to be read.
        let host = Misbehaving::launched(flavour, Launch::new().bare());
        for target in ["/", "/answer?block=one&block=two"] {
            for (what, fields, bytes, goes) in ROWS {
                let request = [head(target, fields), vec![b'x'; *bytes]].concat();
                let what = format!("{what} to {target}, {flavour:?}");
                assert_eq!(look(&host, &request, *goes, &what).status, 200, "{what}");
            }
            for (chunks, goes) in CHUNKS {
                let head = head(target, "Transfer-Encoding: chunked");
                let what = format!("{chunks:?} to {target}, {flavour:?}");
                look(&host, &[&head, chunks.as_bytes()].concat(), goes, &what);
            }
        }
        for target in ["/error/call", "/panic/call"] {
            let request = head(target, "Content-Length: 1000000");
            let answer = look(&host, &request, Goes::Away, target);
            assert!(answer.status >= 500, "{target}: {answer:?}");
        }
    }
}
