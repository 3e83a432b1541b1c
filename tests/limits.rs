//! Every limit, reached: what the client is told, and what the application.
//!
//! Where a limit is a time, it is the only short one, so that only it can have been the cause.

use crate::harness::DEADLINE;
use crate::harness::client::{Connection, request};
use crate::harness::frames::{self, Frame};
use crate::harness::host::Host;
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use crate::harness::linked::Linked;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use dsgi::{Body, Environ, Outcome, StartResponse};
use dsgi_host::Limits;
use http::Request;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Write};
use std::iter::{once, once_with, repeat_with};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(250);
const HOUR: Duration = Duration::from_secs(3600);

/// No limit of time ends before the test does.
fn patient() -> Limits {
    let mut limits = Limits::default();
    for limit in [
        &mut limits.header_timeout,
        &mut limits.keep_alive_timeout,
        &mut limits.goodbye_timeout,
        &mut limits.body_timeout,
        &mut limits.write_timeout,
        &mut limits.request_timeout,
    ] {
        *limit = HOUR;
    }
    limits.drain_timeout = SHORT;
    limits
}

fn hello(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[])?;
    Ok(["hello\n"])
}

/// Reads all of its input, blocking.
fn reads(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    let mut length = 0;
    while let Some(block) = environ.input().block()? {
        length += block.bytes().len();
    }
    start_response("200 OK", &[])?;
    Ok([format!("{length} bytes\n")])
}

/// The same as a future.
async fn reads_async(
    mut environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<[String; 1]> {
    let mut length = 0;
    while let Some(block) = environ.input().next().await? {
        length += block.bytes().len();
    }
    start_response("200 OK", &[])?;
    Ok([format!("{length} bytes\n")])
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn serving(name: &str) -> Host {
    Host::start([OsStr::new("--load"), sample(name).as_os_str()])
}

#[test]
fn a_head_has_64_kib() {
    let host = serving("hello");
    let with_field = |bytes: usize| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(bytes));
        let mut connection = Connection::open(host.address());
        // The host may have answered before it has read all of it.
        let _ = connection.try_send(head);
        connection.response().unwrap()
    };
    assert_eq!(with_field(60 * 1024).status, 200);
    // What arrives at once with the last byte that fits is still looked at.
    assert_eq!(with_field(130 * 1024).status, 431);
    let mut client = Http2::open(host.address());
    let mut with_field = |bytes: usize| {
        let request = Request::get("http://a.example/").header("x", "x".repeat(bytes));
        let sent = client.send(request.body(String::new()));
        client.response(sent).unwrap().status
    };
    assert_eq!(with_field(60 * 1024), 200);
    assert_eq!(with_field(65 * 1024), 431);
}

#[test]
fn a_head_has_100_fields() {
    let host = serving("hello");
    let with_fields = |count: usize| {
        let fields: String = (0..count).map(|number| format!("X-{number}: x\r\n")).collect();
        request(host.address(), format!("GET / HTTP/1.0\r\n{fields}\r\n")).status
    };
    assert_eq!((with_fields(100), with_fields(101)), (200, 431));
    let mut client = Http2::open(host.address());
    let mut with_fields = |count: usize| {
        let mut request = Request::get("http://a.example/");
        for number in 0..count {
            request = request.header(format!("x-{number}"), "x");
        }
        let sent = client.send(request.body(String::new()));
        client.response(sent).unwrap().status
    };
    assert_eq!((with_fields(100), with_fields(101)), (200, 431));
}

#[test]
fn a_target_has_8_kib() {
    let host = serving("hello");
    let mut client = Http2::open(host.address());
    for (bytes, status) in [(8 * 1024, 200), (8 * 1024 + 1, 414)] {
        let target = format!("/{}?{}", "x".repeat(100), "y".repeat(bytes - 102));
        assert_eq!(target.len(), bytes);
        let get = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(request(host.address(), get).status, status);
        let sent = client.get(&target);
        assert_eq!(client.response(sent).unwrap().status, status);
    }
}

/// Sends bodies around a limit of 1,000 bytes, with a length and in chunks.
fn check_bodies(address: SocketAddr) {
    let post = |fields: &str, body: &str| {
        let raw = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}");
        let mut connection = Connection::open(address);
        let _ = connection.try_send(raw);
        connection.response().unwrap()
    };
    for (bytes, status) in [(1_000, 200), (1_001, 413), (100_000, 413)] {
        let body = "x".repeat(bytes);
        let response = post(&format!("Content-Length: {bytes}"), &body);
        assert_eq!(response.status, status, "{bytes} bytes");
        let chunked = format!("1\r\nx\r\n{:x}\r\n{}\r\n0\r\n\r\n", bytes - 1, &body[1..]);
        let response = post("Transfer-Encoding: chunked", &chunked);
        assert_eq!(response.status, status, "{bytes} bytes in chunks");
        let mut client = Http2::open(address);
        let sent = client.send(Request::post("http://a.example/").body(body));
        assert_eq!(client.response(sent).unwrap().status, status, "{bytes} bytes over HTTP/2");
    }
}

#[test]
fn an_application_that_reads_too_much_may_say_so() {
    let mut limits = patient();
    limits.body_bytes = 1_000;
    check_bodies(Linked::start(limits.clone(), reads).address());
    check_bodies(Linked::start(limits, reads_async).address());
}

#[test]
fn a_body_has_16_mib() {
    let host = Misbehaving::start(Flavour::Pool);
    let send = |bytes: usize| {
        let mut reader = Connection::open(host.address());
        let mut writer = reader.second();
        let fields = format!("Host: a\r\nConnection: close\r\nContent-Length: {bytes}");
        let head = format!("POST /input HTTP/1.1\r\n{fields}\r\n\r\n");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                writer.send(head);
                // What is too much may not be taken.
                let _ = writer.try_send(vec![b'x'; bytes]);
            });
            let response = reader.response().unwrap();
            assert_eq!(reader.rest().unwrap(), b"");
            response
        })
    };
    let most = 16 * 1024 * 1024;
    assert_eq!(send(most).text(), "16777216 bytes\n");
    assert_eq!(send(most + 1).status, 413);
}

#[test]
fn a_slow_head_ends_its_connection() {
    let mut limits = patient();
    limits.header_timeout = SHORT;
    let server = Linked::start(limits, hello);
    for begun in ["", "G", "PRI * HT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut connection = Connection::open(server.address());
        connection.send(begun);
        assert_eq!(connection.rest().unwrap(), b"", "{begun:?}");
    }
    // So does a slow second one.
    let mut connection = Connection::open(server.address());
    connection.send(GET);
    assert_eq!(connection.response().unwrap().text(), "hello\n");
    connection.send("GET / HTTP/1.1\r\n");
    assert_eq!(connection.rest().unwrap(), b"");
}

#[test]
fn a_head_that_trickles_ends_its_connection() {
    let mut limits = patient();
    limits.header_timeout = SHORT;
    let server = Linked::start(limits, hello);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    let until = Instant::now() + DEADLINE;
    // Each byte is progress, and none of them is the last one.
    loop {
        assert!(Instant::now() < until, "the connection is still open");
        if stream.write_all(b"x").is_err() {
            return;
        }
        match stream.read(&mut [0]) {
            Ok(read) => return assert_eq!(read, 0, "an answer to half a head"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn an_idle_connection_ends() {
    let mut limits = patient();
    limits.keep_alive_timeout = SHORT;
    let server = Linked::start(limits, hello);
    let mut connection = Connection::open(server.address());
    connection.send(GET);
    assert_eq!(connection.response().unwrap().text(), "hello\n");
    assert_eq!(connection.rest().unwrap(), b"");
    let mut client = Http2::open(server.address());
    let sent = client.get("/");
    assert_eq!(client.response(sent).unwrap().text(), "hello\n");
    client.wait_for_end().unwrap();
}

#[test]
fn a_client_that_has_vanished_is_not_waited_for() {
    let mut limits = patient();
    limits.keep_alive_timeout = SHORT;
    limits.goodbye_timeout = SHORT;
    let server = Linked::start(limits, hello);
    let mut connection = Connection::open(server.address());
    connection.send([frames::PREFACE, &*frames::get(1, "/")].concat());
    Frame::read_kind(&mut connection, frames::GOAWAY).unwrap();
    // It is asked whether it has heard, and never answers.
    connection.rest().unwrap();
}

/// Waits until a slow head has ended its connection, so that other limits of the same length have
/// been looked at, too.
fn wait_out_a_slow_head(address: SocketAddr) {
    // The first one may meet its end a look earlier than those who began before it.
    for _ in 0..3 {
        let mut slow = Connection::open(address);
        slow.send("GET / HTTP/1.1\r\n");
        assert_eq!(slow.rest().unwrap(), b"");
    }
}

#[test]
fn frames_of_http2_are_no_slow_head() {
    let mut limits = patient();
    limits.header_timeout = SHORT;
    let server = Linked::start(limits, hello);
    let mut connection = Connection::open(server.address());
    connection.send([frames::PREFACE, &*frames::get(1, "/")].concat());
    Frame::read_kind(&mut connection, frames::DATA).unwrap();
    connection.send(frames::ping());
    Frame::read_kind(&mut connection, frames::PING).unwrap();
    wait_out_a_slow_head(server.address());
    connection.send(frames::get(3, "/"));
    assert_eq!(Frame::read_kind(&mut connection, frames::DATA).unwrap().payload, b"hello\n");
}

#[test]
fn a_long_download_over_http2_is_no_slow_head() {
    const LENGTH: usize = 4 * 1024 * 1024;
    let mut limits = patient();
    limits.header_timeout = SHORT;
    let whole = |_: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        start_response("200 OK", &[])?;
        Ok([vec![b'x'; LENGTH]])
    };
    let server = Linked::start(limits, whole);
    let mut client = Http2::open(server.address());
    let sent = client.get("/");
    let mut body = client.head(sent).unwrap().into_body();
    let mut received = 0;
    // Far enough for the client to have granted more meanwhile.
    while received < LENGTH / 2 {
        received += client.block(&mut body).unwrap().unwrap().len();
    }
    wait_out_a_slow_head(server.address());
    while let Some(block) = client.block(&mut body) {
        received += block.unwrap().len();
    }
    assert_eq!(received, LENGTH);
}

#[test]
fn a_pause_within_a_body_is_a_timeout() {
    let mut limits = patient();
    limits.body_timeout = SHORT;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello";
    let check = |server: Linked| {
        let mut connection = Connection::open(server.address());
        connection.send(post);
        assert_eq!(connection.response().unwrap().status, 408);
        // The rest of the body would be read as a request.
        assert_eq!(connection.rest().unwrap(), b"");
    };
    check(Linked::start(limits.clone(), reads));
    check(Linked::start(limits, reads_async));
}

/// An application with an endless body, and what its ends are.
fn endless(limits: Limits) -> (Linked, mpsc::Receiver<(Outcome, u64)>) {
    let (ends, ended) = mpsc::channel();
    let app = move |_: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        start_response("200 OK", &[])?;
        let ends = ends.clone();
        let blocks = repeat_with(|| vec![b'x'; 16 * 1024]);
        Ok(Body::blocks(blocks).on_close(move |outcome, sent| {
            // The test may be over.
            let _ = ends.send((outcome, sent));
        }))
    };
    (Linked::start(limits, app), ended)
}

#[test]
fn a_client_that_never_reads_is_left() {
    let mut limits = patient();
    limits.write_timeout = SHORT;
    let (server, ended) = endless(limits);
    let mut connection = Connection::open(server.address());
    connection.send(GET);
    let (outcome, sent) = ended.recv_timeout(DEADLINE).expect("the body is ended");
    assert_eq!(outcome, Outcome::ClientGone);
    assert!(sent > 0);
}

#[test]
fn a_stream_that_is_never_read_is_left() {
    let mut limits = patient();
    limits.write_timeout = SHORT;
    let (server, ended) = endless(limits);
    let mut connection = Connection::open(server.address());
    connection.send([frames::PREFACE, &*frames::get(1, "/")].concat());
    // Takes what comes, and never grants more.
    while Frame::read(&mut connection).is_ok() {}
    let (outcome, sent) = ended.recv_timeout(DEADLINE).expect("the body is ended");
    assert_eq!(outcome, Outcome::ClientGone);
    assert!(sent >= 65_535, "the first window has {sent} bytes");
}

#[test]
fn a_body_that_waits_for_its_application_is_no_slow_client() {
    let mut limits = patient();
    for limit in [
        &mut limits.header_timeout,
        &mut limits.keep_alive_timeout,
        &mut limits.goodbye_timeout,
        &mut limits.write_timeout,
    ] {
        *limit = SHORT;
    }
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Arc::new(Mutex::new(may_go_on));
    let app = move |_: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        start_response("200 OK", &[])?;
        let may_go_on = Arc::clone(&may_go_on);
        let second = once_with(move || {
            may_go_on.lock().expect("nobody panics").recv().expect("the test says when");
            "second\n"
        });
        Ok(once("first\n").chain(second))
    };
    let server = Linked::start(limits, app);
    let mut connection = Connection::open(server.address());
    connection.send(GET);
    assert_eq!(connection.head().unwrap().status, 200);
    assert_eq!(connection.chunk().unwrap().unwrap(), b"first\n");
    let mut client = Http2::open(server.address());
    let sent = client.get("/");
    let mut body = client.head(sent).unwrap().into_body();
    assert_eq!(client.block(&mut body).unwrap().unwrap(), "first\n");
    wait_out_a_slow_head(server.address());
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!(connection.chunk().unwrap().unwrap(), b"second\n");
    assert_eq!(client.block(&mut body).unwrap().unwrap(), "second\n");
}

#[test]
fn a_late_answer_is_a_timeout() {
    for (flavour, path, end) in [
        (Flavour::Pool, "/cancel/call", "app: waits no more in its call"),
        (Flavour::Async, "/never/answers", "app: the call was dropped"),
    ] {
        let host = Misbehaving::start_with(flavour, ["--request-timeout", "250ms"]);
        let mut connection = Connection::open(host.address());
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(connection.response().unwrap().status, 504, "{flavour:?}");
        // The application is told, and the connection is still good.
        host.wait_for_log(end);
        connection.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.response().unwrap().text(), "fine\n", "{flavour:?}");
        let mut client = Http2::open(host.address());
        let sent = client.get(path);
        assert_eq!(client.response(sent).unwrap().status, 504, "{flavour:?}");
        host.wait_for_logs(end, 2);
        host.wait_for_logs("gave no response within the request timeout", 2);
    }
}

#[test]
fn a_body_may_take_longer_than_the_request_timeout() {
    for flavour in [Flavour::Pool, Flavour::Async] {
        let host = Misbehaving::start_with(flavour, ["--request-timeout", "250ms"]);
        let mut slow = Connection::open(host.address());
        // An async application must not wait, so there its body just never ends.
        let path = if flavour == Flavour::Pool { "/wait/body" } else { "/never/ends" };
        slow.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(slow.head().unwrap().status, 200);
        assert_eq!(slow.chunk().unwrap().unwrap(), b"first\n");
        let path = if flavour == Flavour::Pool { "/wait/call" } else { "/never/answers" };
        let late = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(request(host.address(), late).status, 504);
        assert!(!host.log().contains("app: closed"), "{flavour:?}: the first one was ended");
        if flavour == Flavour::Pool {
            host.release();
            assert_eq!(slow.chunk().unwrap().unwrap(), b"second\n");
        }
    }
}

#[test]
fn more_connections_wait_for_the_first_to_end() {
    let mut limits = patient();
    limits.connections = 2;
    let served = AtomicUsize::new(0);
    let count = move |_: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        start_response("200 OK", &[])?;
        Ok([served.fetch_add(1, Ordering::SeqCst).to_string()])
    };
    let server = Linked::start(limits, count);
    let number = |connection: &mut Connection| {
        connection.send(GET);
        connection.response().unwrap().text().parse::<usize>().unwrap()
    };
    let mut first = Connection::open(server.address());
    let mut second = Connection::open(server.address());
    assert_eq!([number(&mut first), number(&mut second)], [0, 1]);
    let mut third = Connection::open(server.address());
    third.send(GET);
    // It was sent before all of these, and is answered after them.
    for expected in 2..100 {
        assert_eq!(number(&mut first), expected, "the third connection is served too early");
    }
    drop(second);
    assert_eq!(third.response().unwrap().text(), "100");
}

#[test]
fn one_connection_has_128_streams() {
    let host = Misbehaving::start(Flavour::Async);
    let mut connection = Connection::open(host.address());
    connection.send(frames::PREFACE);
    let settings = Frame::read_kind(&mut connection, frames::SETTINGS).unwrap();
    // RFC 9113 6.5.2: SETTINGS_MAX_CONCURRENT_STREAMS is 3.
    let most = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 3]);
    assert_eq!(most.expect("the limit is told")[2..], 128_u32.to_be_bytes());
    for number in 0..129 {
        connection.send(frames::get(2 * number + 1, "/never/answers"));
    }
    let refused = Frame::read_kind(&mut connection, frames::RST_STREAM).unwrap();
    // RFC 9113 7: REFUSED_STREAM is 7, and means that nothing of it was done.
    assert_eq!((refused.stream, refused.payload), (257, 7_u32.to_be_bytes().to_vec()));
    host.wait_for_logs("app: waits for nothing", 128);
}
