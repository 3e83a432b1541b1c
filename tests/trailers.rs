//! Fields behind bodies, both ways.

use crate::harness::client::{Connection, Response};
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::fault_app;

/// With layers of both forms, or without any.
fn start(layers: &[&str]) -> Host {
    let enable = layers.iter().flat_map(|form| {
        let library = format!("{form}={}", fault_app(form).display());
        ["--enable".into(), library, "--set".into(), format!("{form}.name={form}")]
    });
    Launch::new()
        .args(["--load".into(), format!("app={}", fault_app("switches").display())])
        .args(enable)
        .start()
}

fn post(host: &Host, fields: &str, body: &str) -> Response {
    let mut client = Connection::open(host.address());
    client.send(format!(
        "POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{fields}\r\n{body}"
    ));
    client.response().expect("an answer")
}

const WITH: &str =
    "3\r\nabc\r\n0\r\nX-Mine: 1\r\nx-mine: 2\r\nContent-Length: 7\r\nX_Mine: 3\r\n\r\n";

fn sorted(mut fields: Vec<(String, String)>) -> Vec<(String, String)> {
    fields.sort();
    fields
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn over_http1_they_are_sent_to_whom_takes_them() {
    for layers in [&[][..], &["acts-async", "acts-inline"], &["acts"]] {
        let host = start(layers);
        let given = post(&host, "TE: trailers\r\n", WITH);
        assert_eq!((given.status, given.text()), (200, "one\ntwo\n"), "{layers:?}");
        let expected = pairs(&[("x-got", "x-mine=1 x-mine=2"), ("x-sum", "3")]);
        assert_eq!(sorted(given.trailers), expected, "{layers:?}");
        host.wait_for_log("the trailer `Set-Cookie` is no field for behind a body; left out");
        let unasked = post(&host, "", WITH);
        assert_eq!((unasked.status, unasked.text()), (200, "one\ntwo\n"));
        assert_eq!(unasked.trailers, []);
        let none = post(&host, "TE: trailers\r\n", "0\r\n\r\n");
        assert_eq!(sorted(none.trailers), pairs(&[("x-got", ""), ("x-sum", "0")]));
    }
}

#[test]
fn over_http2_they_are_always_sent() {
    for layers in [&[][..], &["acts-async", "acts-inline"], &["acts"]] {
        let host = start(layers);
        let mut client = Http2::open(host.address());
        let sent = client.send_trailers("/trailers", "abc", &[("x-mine", "1"), ("host", "b")]);
        let given = client.response(sent).unwrap();
        assert_eq!((given.status, given.text()), (200, "one\ntwo\n"), "{layers:?}");
        assert_eq!(sorted(given.trailers), pairs(&[("x-got", "x-mine=1"), ("x-sum", "3")]));
    }
}
