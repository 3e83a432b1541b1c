//! The client against a peer that says exactly what it is told.

use super::*;
use std::net::TcpListener;
use std::thread::JoinHandle;

/// Answers one connection with `answer` and closes; the thread returns what it was sent.
fn peer(answer: &'static str) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sent = Vec::new();
        while !sent.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            sent.extend(byte);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        sent
    });
    (address, thread)
}

fn answer(text: &'static str) -> Result<Response> {
    let (address, thread) = peer(text);
    let mut connection = Connection::open(address);
    connection.send("GET / HTTP/1.1\r\n\r\n");
    let response = connection.response();
    thread.join().unwrap();
    response
}

#[test]
fn a_length_bounds_the_body_and_names_have_no_case() {
    let (address, thread) =
        peer("HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nX: 1\r\nx: 2\r\n\r\nhello");
    let response = get(address, "/a?b");
    assert_eq!((response.status, response.text()), (200, "hello"));
    assert_eq!(response.header("Content-Length"), Some("5"));
    assert_eq!(response.headers_named("x").collect::<Vec<_>>(), ["1", "2"]);
    let sent = String::from_utf8(thread.join().unwrap()).unwrap();
    assert_eq!(sent, format!("GET /a?b HTTP/1.1\r\nHost: {address}\r\n\r\n"));
}

#[test]
fn chunks_are_joined_and_trailers_kept() {
    let response = answer(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nCheck: sum\r\n\r\n",
    )
    .unwrap();
    assert_eq!(response.text(), "abc0123456789");
    assert_eq!(response.trailers, [("Check".to_owned(), "sum".to_owned())]);
}

#[test]
fn answers_follow_each_other_on_one_connection() {
    let (address, thread) = peer(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n\
         HTTP/1.0 200 OK\r\n\r\nto the end",
    );
    let mut connection = Connection::open(address);
    connection.send("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(connection.response().unwrap().status, 100);
    assert_eq!(connection.response_to_head().unwrap().header("content-length"), Some("9"));
    assert_eq!(connection.response().unwrap().text(), "to the end");
    assert_eq!(connection.read_to_end().unwrap(), b"");
    thread.join().unwrap();
}

#[test]
fn an_answer_to_head_has_no_body() {
    let (address, thread) = peer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    let response = request(address, "HEAD / HTTP/1.1\r\n\r\n");
    assert_eq!((response.status, response.body.len()), (200, 0));
    thread.join().unwrap();
}

#[test]
fn a_broken_answer_is_an_error() {
    for (text, kind) in [
        ("", ErrorKind::UnexpectedEof),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", ErrorKind::UnexpectedEof),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab", ErrorKind::UnexpectedEof),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n",
            ErrorKind::InvalidData,
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", ErrorKind::InvalidData),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ErrorKind::InvalidData),
        ("SSH-2.0-x\r\n", ErrorKind::InvalidData),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            ErrorKind::InvalidData,
        ),
    ] {
        assert_eq!(answer(text).expect_err(text).kind(), kind, "{text}");
    }
}
