//! HTTP/1.1, HTTP/1.0 and HTTP/2 as clients speak them.

use crate::harness::client::{Connection, get, request};
use crate::harness::frames::{self, Frame};
use crate::harness::host::Host;
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use http::Request;
use std::ffi::OsStr;
use std::process::Command;

fn serving(name: &str) -> Host {
    Host::start([OsStr::new("--load"), sample(name).as_os_str()])
}

#[test]
fn get_head_and_post_are_answered() {
    let host = serving("hello");
    let mut connection = Connection::open(host.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = connection.response().unwrap();
    assert_eq!((response.status, response.text()), (200, "I'm a DSGI application.\n"));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(response.header("content-length"), Some("24"));
    assert!(response.header("date").is_some_and(|date| date.ends_with(" GMT")), "no date");
    connection.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = connection.response_to_head().unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some("24")));
    // A body after the HEAD would be read here instead.
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(connection.response().unwrap().text(), "I'm a DSGI application.\n");
}

#[test]
fn a_connection_stays_open_between_requests() {
    let host = serving("environ");
    let mut connection = Connection::open(host.address());
    let mut ports = Vec::new();
    for number in 1..=3 {
        connection.send(format!("GET /?{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = connection.response().unwrap();
        assert!(response.text().contains(&format!("\nQUERY_STRING={number}\n")));
        assert_eq!(response.header("connection"), None);
        ports.extend(
            response
                .text()
                .lines()
                .find(|line| line.starts_with("REMOTE_PORT="))
                .map(str::to_owned),
        );
    }
    assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let last = connection.response().unwrap();
    assert_eq!(last.header("connection"), Some("close"));
    assert_eq!(connection.read_to_end().unwrap(), b"");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let host = serving("environ");
    let mut connection = Connection::open(host.address());
    let requests = (1..=20).map(|number| format!("GET /?{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    connection.send(requests.collect::<String>());
    for number in 1..=20 {
        let response = connection.response().unwrap();
        let query = format!("\nQUERY_STRING={number}\n");
        assert!(response.text().contains(&query), "request {number}: {}", response.text());
    }
}

#[test]
fn http_1_0_closes_unless_asked_to_stay() {
    let host = serving("hello");
    let mut connection = Connection::open(host.address());
    connection.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(connection.response().unwrap().header("connection"), Some("keep-alive"));
    connection.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(connection.response().unwrap().text(), "I'm a DSGI application.\n");
    assert_eq!(connection.read_to_end().unwrap(), b"");
}

#[test]
fn http_1_0_gets_a_body_of_unknown_length_unframed() {
    let host = serving("upload");
    let response = request(host.address(), "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!((response.status, response.text()), (200, "hello"));
}

#[test]
fn a_chunked_upload_comes_back_as_it_is_sent() {
    let host = serving("upload");
    let mut connection = Connection::open(host.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\n");
    connection.send("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    let head = connection.head().unwrap();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/x")));
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    // The second chunk is sent only now: the first one has not waited for it.
    assert_eq!(connection.chunk().unwrap().unwrap(), b"first");
    connection.send("6;why=not\r\nsecond\r\n");
    assert_eq!(connection.chunk().unwrap().unwrap(), b"second");
    connection.send("0\r\nTrailer: x\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.chunk().unwrap(), None);
    assert_eq!(connection.fields().unwrap(), []);
    assert_eq!(connection.response().unwrap().text(), "");
}

#[test]
fn a_large_upload_comes_back_whole() {
    let host = serving("upload");
    let body = "0123456789abcdef".repeat(64 * 1024);
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut reader = Connection::open(host.address());
    let mut writer = reader.second();
    std::thread::scope(|scope| {
        scope.spawn(|| writer.send(head + &body));
        let response = reader.response().unwrap();
        assert_eq!(response.status, 200);
        assert!(response.body == body.as_bytes(), "{} bytes came back", response.body.len());
    });
}

#[test]
fn a_client_that_asks_first_is_told_to_continue() {
    let host = serving("upload");
    let mut connection = Connection::open(host.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n");
    connection.send("Expect: 100-continue\r\n\r\n");
    assert_eq!(connection.response().unwrap().status, 100);
    connection.send("hi");
    assert_eq!(connection.response().unwrap().text(), "hi");
}

#[test]
fn a_client_that_asks_first_is_spared_a_body_that_nobody_reads() {
    let host = serving("hello");
    let asking = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(request(host.address(), asking).status, 200);
}

#[test]
fn http2_is_spoken_to_those_who_know_it() {
    let host = serving("environ");
    let mut client = Http2::open(host.address());
    let sent: Vec<_> = (0..10).map(|number| client.get(&format!("/a%20b?{number}"))).collect();
    for (number, sent) in sent.into_iter().enumerate() {
        let response = client.response(sent).unwrap();
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, Some("text/plain; charset=utf-8"))
        );
        for line in ["SERVER_PROTOCOL=HTTP/2.0", "HTTP_HOST=a.example", "PATH_INFO=/a b"] {
            assert!(response.text().lines().any(|one| one == line), "{}", response.text());
        }
        assert!(response.text().contains(&format!("\nQUERY_STRING={number}\n")));
    }
}

#[test]
fn an_upload_comes_back_over_http2() {
    let host = serving("upload");
    let mut client = Http2::open(host.address());
    let body = "0123456789abcdef".repeat(16 * 1024);
    let sent = client.send(Request::post("http://a.example/").body(body.clone()));
    let response = client.response(sent).unwrap();
    assert!(response.body == body.as_bytes(), "{} bytes came back", response.body.len());
}

#[test]
fn curl_speaks_both() {
    let host = serving("upload");
    for (option, version) in [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")] {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", option, "--data-binary", "some text"])
            .args(["--write-out", " over %{http_version} as %{http_code}"])
            .arg(format!("http://{}/", host.address()))
            .output()
            .expect("curl is installed: see tests/install-tools");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, format!("some text over {version} as 200"), "{output:?}");
    }
}

#[test]
fn the_preface_may_arrive_in_parts() {
    let host = serving("hello");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let all = [frames::PREFACE, &*frames::get(1, "/")].concat();
    for split in [1, 3, 14, 16, 18, 23, 24, 30] {
        let mut connection = Connection::open(host.address());
        connection.send(&all[..split]);
        // Connections go round the cores: when each core has answered one that came later, the
        // first part has been read alone.
        let others: Vec<_> = (0..=cores).map(|_| ask(&host)).collect();
        connection.send(&all[split..]);
        let head = Frame::read_kind(&mut connection, frames::HEADERS).unwrap();
        // RFC 7541 appendix A: 8 is the index of status 200.
        assert_eq!((head.stream, head.payload[0]), (1, 0x88), "split at {split}");
        let data = Frame::read_kind(&mut connection, frames::DATA).unwrap();
        assert_eq!(data.payload, b"I'm a DSGI application.\n", "split at {split}");
        drop(others);
    }
}

/// A connection that was answered and stays open.
fn ask(host: &Host) -> Connection {
    let mut connection = Connection::open(host.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.response().unwrap().status, 200);
    connection
}

#[test]
fn what_only_begins_like_the_preface_is_http1() {
    let host = serving("environ");
    for method in ["P", "PR", "PRI", "PUT", "POST", "PRINT"] {
        let mut connection = Connection::open(host.address());
        connection.send(method);
        let others: Vec<_> = (0..4).map(|_| ask(&host)).collect();
        connection.send(" /x HTTP/1.1\r\nHost: a\r\n\r\n");
        drop(others);
        let response = connection.response().unwrap();
        assert_eq!(response.status, 200, "{method}");
        assert!(response.text().contains(&format!("\nREQUEST_METHOD={method}\n")), "{method}");
    }
}

#[test]
fn blocks_are_sent_as_they_are_made() {
    let host = serving("stream");
    let mut connection = Connection::open(host.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.head().unwrap().header("transfer-encoding"), Some("chunked"));
    // The body never ends, so nobody can have waited for more of it.
    for block in ["1\n", "2\n", "3\n"] {
        assert_eq!(connection.chunk().unwrap().unwrap(), block.as_bytes());
    }
    let mut client = Http2::open(host.address());
    let sent = client.get("/");
    let mut body = client.head(sent).unwrap().into_body();
    for block in ["1\n", "2\n", "3\n"] {
        assert_eq!(client.block(&mut body).unwrap().unwrap(), block.as_bytes());
    }
}

#[test]
fn an_application_has_config_and_state() {
    let counter = sample("counter");
    let host = Host::start([
        OsStr::new("--load"),
        counter.as_os_str(),
        OsStr::new("--set"),
        OsStr::new("counter.greeting=Hello"),
        OsStr::new("--set"),
        OsStr::new("counter.start=41"),
    ]);
    assert_eq!(get(host.address(), "/").text(), "Hello, visitor 42\n");
    assert_eq!(get(host.address(), "/").text(), "Hello, visitor 43\n");
}

#[test]
fn an_async_application_waits_for_its_input() {
    let host = serving("async-length");
    let mut connection = Connection::open(host.address());
    connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello ");
    // It has to wait for the rest: this answer comes in between.
    assert_eq!(get(host.address(), "/").text(), "0 bytes\n");
    connection.send("world\n");
    assert_eq!(connection.response().unwrap().text(), "12 bytes\n");
}
