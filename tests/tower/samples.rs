//! The samples that are written with axum: one that has a server of its own, and one whose events
//! go on at the next version.

use super::native::Native;
use crate::harness::client::Connection;
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{sample, versions};
use crate::harness::operated::Operated;
use std::net::SocketAddr;

/// What a visit of every kind is answered, step by step.
fn visit(address: SocketAddr) -> Vec<String> {
    let post = |body: &str| {
        let length = body.len();
        format!("POST /snippets HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let large = post(&"x".repeat(64 * 1024 + 1));
    let asked = ["GET / ", "GET /snippets?with=line ", "GET /snippets/1 ", "HEAD /snippets/1 "];
    let then = ["DELETE /snippets/1 ", "DELETE /snippets/1 ", "PUT /snippets ", "GET /elsewhere "];
    let line = |asked: &&str| format!("{asked}HTTP/1.1\r\nHost: a\r\n\r\n");
    let requests = [post("a line of text"), large].into_iter().chain(asked.iter().map(line));
    requests
        .chain(then.iter().map(line))
        .map(|text| {
            let mut connection = Connection::open(address);
            let is_head = text.starts_with("HEAD");
            connection.send(text);
            let answer =
                if is_head { connection.response_to_head() } else { connection.response() };
            let mut answer = answer.expect("an answer");
            answer.headers.retain(|(name, _)| name != "date");
            answer.headers.sort();
            format!("{answer:?}")
        })
        .collect()
}

#[test]
fn an_existing_application_answers_as_by_its_own_server() {
    let native = Native::serve(axum_existing::router());
    let host = Host::start(["--load".as_ref(), sample("axum-existing").as_os_str()]);
    let told = visit(native.address);
    assert_eq!(told, visit(host.address()));
    assert!(told[0].contains("status: 201") && told[0].contains("snippets/1"), "{}", told[0]);
    assert!(told[1].contains("status: 413"), "{}", told[1]);
}

/// The next event, without the line that ends it.
fn event(connection: &mut Connection) -> Option<String> {
    let block = connection.chunk().expect("a stream that is not broken")?;
    Some(String::from_utf8(block).unwrap().trim_end().to_owned())
}

fn listen(address: SocketAddr, heard: &str) -> Connection {
    let mut connection = Connection::open(address);
    connection.send(format!("GET /time HTTP/1.1\r\nHost: a\r\nLast-Event-ID: {heard}\r\n\r\n"));
    assert_eq!(connection.head().unwrap().header("content-type"), Some("text/event-stream"));
    connection
}

#[test]
fn a_clock_says_goodbye_and_goes_on_at_the_new_version() {
    let [first, second] = versions(&sample("sse-clock"), b"a new version", b"one more made");
    let launch = Launch::new().arg("--load").arg(&*first);
    let host = Operated::start(launch.args(["--set", "sse-clock.tick_ms=20"]));
    let mut listener = listen(host.address(), "6");
    assert!(event(&mut listener).unwrap().starts_with("id: 7\ndata: "));
    assert!(event(&mut listener).unwrap().starts_with("id: 8\ndata: "));
    host.deploy("sse-clock", &second);
    let mut heard = 8_u64;
    let goodbye = loop {
        let event = event(&mut listener).expect("a goodbye first");
        let Some(tick) = event.strip_prefix("id: ") else { break event };
        heard += 1;
        assert!(tick.starts_with(&format!("{heard}\n")), "{tick}");
    };
    assert_eq!(goodbye, "event: goodbye\nretry: 100\ndata: a new version is here");
    assert_eq!(event(&mut listener), None, "it ends whole");
    let mut again = listen(host.address(), &heard.to_string());
    assert!(event(&mut again).unwrap().starts_with(&format!("id: {}\n", heard + 1)));
    drop(again);
    eventually("the end of the version before", || {
        host.app("sse-clock")["retained"].as_array()?.is_empty().then_some(())
    });
}
