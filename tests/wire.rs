//! What an application may not do to the wire: whatever it answers, its client sees a response
//! that means one thing, or none.

use crate::harness::client::{Connection, Response, get};
use crate::harness::host::Launch;
use crate::harness::http2::Http2;
use crate::harness::libraries::c_library;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use http::Request;

/// Answers by blocks and in one piece: two ways through the host.
const WAYS: [&str; 2] = ["/answer", "/whole"];

/// Names of the fields that the application has sent, sorted.
fn own_fields(response: &Response) -> Vec<&str> {
    let of_the_host = ["date", "transfer-encoding", "content-length"];
    let names = response.headers.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<&str> = names.filter(|name| !of_the_host.contains(name)).collect();
    names.sort_unstable();
    names
}

/// Sends `GET target` and then one request that must be answered well, on one connection.
fn and_another(host: &Misbehaving, target: &str) -> Response {
    let mut connection = Connection::open(host.address());
    let get = |target| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.send(get(target));
    let response = connection.response().unwrap_or_else(|error| panic!("{target}: {error}"));
    connection.send(get("/fine"));
    let next = connection.response().unwrap_or_else(|error| panic!("after {target}: {error}"));
    assert_eq!((next.status, next.text()), (200, "fine\n"), "after {target}");
    response
}

const HOP_BY_HOP: &str = "header=Connection:X-Private,%20close&header=X-Private:1\
    &header=Keep-Alive:timeout=5&header=Proxy-Authenticate:x&header=Proxy-Authorization:x\
    &header=Proxy-Connection:x&header=TE:x&header=Trailers:x\
    &header=Transfer-Encoding:gzip&header=Upgrade:h2c&header=X-Public:2&block=some%20text";

#[test]
fn fields_of_the_connection_are_the_hosts() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, &["content-type-missing", "field-hop-by-hop"]);
        let mut client = Http2::open(host.address());
        for way in WAYS {
            let target = format!("{way}?{HOP_BY_HOP}");
            let response = and_another(&host, &target);
            assert_eq!(own_fields(&response), ["x-public"], "{flavour:?} {way}");
            assert_eq!(response.text(), "some text");
            let coded = response.header("transfer-encoding");
            assert!([None, Some("chunked")].contains(&coded), "{coded:?}");
            let sent = client.get(&target);
            let response = client.response(sent).unwrap();
            assert_eq!(own_fields(&response), ["x-public"], "{flavour:?} {way}");
            assert_eq!(
                (response.text(), response.header("transfer-encoding")),
                ("some text", None)
            );
        }
    }
}

/// Rules that keep a response in one piece, broken by the next test.
const SPLITS: &[&str] = &[
    "content-length-one",
    "content-type-missing",
    "field-name-clean",
    "field-name-token",
    "field-value-clean",
    "status-reason",
];

#[test]
fn what_would_split_a_response_is_a_bad_gateway() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, SPLITS);
        let mut client = Http2::open(host.address());
        for head in [
            "header=X:a%0d%0aEvil:%20b",
            "header=X:a%0ab",
            "header=X:a%0db",
            "header=X:a%00b",
            "header=X:a%7fb",
            "header=X:%0d%0a%0d%0aHTTP/1.1%20200%20OK",
            "header=X%0d%0aEvil:b",
            "header=X%0a:b",
            "header=X%00:b",
            "header=X%20Y:b",
            "header=X%20:b",
            "header=:b",
            "header=",
            "status=200%20OK%0d%0aEvil:%20b",
            "status=200%20O%0aK",
            "status=200%20O%00K",
            "header=Content-Length:3&header=Content-Length:4",
            "header=Content-Length:4&header=Content-Length:3",
            "header=Content-Length:three",
            "header=Content-Length:%2b3",
            "header=Content-Length:-3",
            "header=Content-Length:",
            "header=Content-Length:3,3",
            "header=Content-Length:3%203",
            "header=Content-Length:99999999999999999999",
        ] {
            for way in WAYS {
                let target = format!("{way}?{head}&block=abc");
                let response = and_another(&host, &target);
                assert_eq!(response.status, 502, "{flavour:?} {target}");
                assert_eq!(own_fields(&response), ["content-type"], "{flavour:?} {target}");
                assert_eq!(response.text(), "502 Bad Gateway\n");
                let sent = client.get(&target);
                let response = client.response(sent).unwrap();
                assert_eq!(response.status, 502, "{flavour:?} over HTTP/2: {target}");
            }
        }
        host.wait_for_log("the value of the header `x` has control characters");
        host.wait_for_log("its Content-Length is not one number");
        drop(client);
        let said = host.said_until_the_end();
        let closed = said.iter().filter(|line| line.starts_with("closed"));
        let refused = closed.filter(|line| **line == "closed Failed 0").count();
        // Every body that was refused with its head, over both protocols.
        assert_eq!(refused, 25 * 2, "{flavour:?}");
    }
}

const TOO_LONG_OR_SHORT: &[&str] = &["body-length", "content-type-missing"];

#[test]
fn what_is_more_than_the_declared_length_is_cut() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, TOO_LONG_OR_SHORT);
        let mut client = Http2::open(host.address());
        for (answer, body) in [
            ("header=Content-Length:3&block=abcdef", "abc"),
            ("header=Content-Length:4&block=abc&block=def", "abcd"),
            ("header=Content-Length:3&block=abc&block=def", "abc"),
            ("header=Content-Length:0&block=abc", ""),
            ("header=Content-Length:3&header=Content-Length:3&block=abc", "abc"),
        ] {
            for way in WAYS {
                let target = format!("{way}?{answer}");
                let response = and_another(&host, &target);
                assert_eq!((response.status, response.text()), (200, body), "{flavour:?} {target}");
                assert_eq!(response.headers_named("content-length").count(), 1, "{target}");
                let sent = client.get(&target);
                let response = client.response(sent).unwrap();
                assert_eq!((response.status, response.text()), (200, body), "{flavour:?} {target}");
            }
        }
        host.wait_for_log("gave more bytes than its Content-Length");
    }
}

#[test]
fn each_way_of_giving_too_much_is_logged() {
    for flavour in Flavour::ALL {
        for way in WAYS {
            let host = Misbehaving::breaking(flavour, TOO_LONG_OR_SHORT);
            get(host.address(), &format!("{way}?header=Content-Length:3&block=abcdef"));
            let line = host.wait_for_log("gave more bytes than its Content-Length");
            assert!(line.contains(r#"app="bad""#), "{line}");
        }
    }
}

#[test]
fn a_body_short_of_its_declared_length_is_aborted() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, TOO_LONG_OR_SHORT);
        let mut client = Http2::open(host.address());
        let mut count = 0;
        for answer in ["block=abc", "block=abc&block=def", ""] {
            for way in WAYS {
                let target = format!("{way}?header=Content-Length:9&{answer}");
                let mut connection = Connection::open(host.address());
                connection.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
                // The head may not have left yet when the end turns out to be missing.
                let seen = connection.rest().unwrap();
                let seen = String::from_utf8_lossy(&seen);
                let body = seen.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                assert!(body.len() < 9, "{flavour:?} {target}: complete as {seen:?}");
                let sent = client.get(&target);
                let broken = client.response(sent);
                // The host says so, before a client could count for itself.
                let told = format!("{broken:?}");
                assert!(broken.is_err() && told.contains("Remote"), "{flavour:?} {target}: {told}");
                count += 2;
                let lines = host.wait_for_logs("short of its declared length", count);
                assert!(lines[0].contains(r#"app="bad""#), "{}", lines[0]);
            }
        }
        // Only the streams were given up.
        let sent = client.get("/fine");
        assert_eq!(client.response(sent).unwrap().text(), "fine\n");
    }
}

#[test]
fn no_body_follows_where_none_may() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, &["body-unwanted", "content-length-unwanted"]);
        let mut client = Http2::open(host.address());
        for way in WAYS {
            for status in ["204%20No%20Content", "304%20Not%20Modified"] {
                for length in ["", "header=Content-Length:3&"] {
                    let target = format!("{way}?status={status}&{length}block=abc");
                    let response = and_another(&host, &target);
                    assert_eq!(response.status.to_string(), status[..3]);
                    assert_eq!(response.header("transfer-encoding"), None, "{flavour:?} {target}");
                    if response.status == 204 {
                        // RFC 9110 8.6.
                        assert_eq!(response.header("content-length"), None, "{flavour:?} {target}");
                    }
                    let sent = client.get(&target);
                    let response = client.response(sent);
                    let response = response.unwrap_or_else(|error| panic!("{target}: {error:?}"));
                    assert_eq!(
                        (response.status.to_string().as_str(), response.text()),
                        (&status[..3], "")
                    );
                    if response.status == 204 {
                        assert_eq!(response.header("content-length"), None, "{flavour:?} {target}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_answer_to_head_is_its_head() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        let mut client = Http2::open(host.address());
        for (target, status, length) in [
            ("/answer?header=X:1&block=abc&block=def", 200, None),
            ("/whole?header=X:1&block=abc&block=def", 200, Some("6")),
            ("/answer?header=X:1&header=Content-Length:7&block=abc", 200, Some("7")),
            ("/error/call", 503, Some("24")),
            ("/../outside", 400, Some("44")),
        ] {
            let mut connection = Connection::open(host.address());
            connection.send(format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let head = connection.response_to_head().unwrap();
            let told = (head.status, head.header("content-length"));
            assert_eq!(told, (status, length), "{flavour:?} {target}");
            // A body would be read here instead.
            connection.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(connection.response().unwrap().text(), "fine\n", "{flavour:?} {target}");
            let sent =
                client.send(Request::head(format!("http://a.example{target}")).body(String::new()));
            let head = client.response(sent);
            let head = head.unwrap_or_else(|error| panic!("{flavour:?} {target}: {error:?}"));
            let told = (head.status, head.header("content-length"), head.text());
            assert_eq!(told, (status, length, ""), "{flavour:?} {target} over HTTP/2");
        }
    }
}

/// What the next test breaks.
const STARTS: &[&str] = &[
    "content-type-missing",
    "start-before-body",
    "start-once",
    "status-final",
    "status-three-digits",
];

#[test]
fn start_response_is_held_to_its_rules() {
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(flavour, STARTS);
        for (target, status, body) in [
            ("/start/never", 500, "500 Internal Server Error\n"),
            ("/start/twice", 500, "500 Internal Server Error\n"),
            ("/start/ignored", 200, "some text\n"),
            ("/start/replaced", 503, "some text\n"),
            ("/answer?status=99%20X", 500, "500 Internal Server Error\n"),
            ("/answer?status=100%20Continue", 500, "500 Internal Server Error\n"),
            ("/answer?status=1000%20X", 500, "500 Internal Server Error\n"),
            ("/answer?status=OK", 500, "500 Internal Server Error\n"),
            ("/answer?status=", 500, "500 Internal Server Error\n"),
            ("/answer?status=299&block=x", 299, "x"),
            ("/answer?status=999%20Odd&block=x", 999, "x"),
        ] {
            let response = and_another(&host, target);
            let seen = (response.status, response.text());
            assert_eq!(seen, (status, body), "{flavour:?} {target}");
        }
        host.wait_for_log("start_response was not called before the body began");
        host.wait_for_log("start_response was called a second time");
        host.wait_for_log("the status `100 Continue` given to start_response");
    }
}

#[test]
fn a_reply_that_breaks_the_interface_is_refused() {
    let source = include_str!("libraries/app.c");
    for (fault, rule, status, logged) in [
        ("-DSTATUS=0", &["status-final"] as &[&str], 502, "the status 0 is not 200 to 999"),
        ("-DSTATUS=99", &["status-final"], 502, "the status 99 is not 200 to 999"),
        ("-DSTATUS=100", &["status-final"], 502, "the status 100 is not 200 to 999"),
        (
            "-DSTATUS=101",
            &["upgrade-status", "body-unwanted"],
            502,
            "the status 101 comes without an upgrade",
        ),
        ("-DSTATUS=1000", &["status-three-digits"], 502, "the status 1000 is not 200 to 999"),
        ("-DSTATUS=65736", &["status-three-digits"], 502, "the status 65736 is not 200 to 999"),
        (
            "-DCALL=reply->status = 200; reply->body_kind = 77; return DSGI_ANSWER_READY;",
            &["body-kind"],
            502,
            "body is of a kind",
        ),
        ("-DCALL=return 77;", &["call-answer"], 500, "an answer outside the specification"),
    ] {
        let library = c_library("replies", source, &[fault]);
        let host = Launch::new().arg("--load").arg(&*library).breaking(rule).start();
        assert_eq!(get(host.address(), "/").status, status, "{fault}");
        host.wait_for_log(logged);
        assert_eq!(get(host.address(), "/").status, status, "{fault}, again");
    }
}

#[test]
fn every_response_has_one_date() {
    let host = Misbehaving::breaking(Flavour::Inline, &["call-no-panic", "field-value-clean"]);
    let mut client = Http2::open(host.address());
    for target in ["/fine", "/panic/call", "/%", "/answer?header=X:%0a", "/answer?status=204"] {
        let response = and_another(&host, target);
        assert_eq!(response.headers_named("date").count(), 1, "{target}");
        let sent = client.get(target);
        let response = client.response(sent).unwrap();
        assert_eq!(response.headers_named("date").count(), 1, "{target} over HTTP/2");
    }
    let own = and_another(&host, "/answer?header=Date:Sat,%2001%20Jan%202000%2000:00:00%20GMT");
    let dates: Vec<_> = own.headers_named("date").collect();
    assert_eq!(dates, ["Sat, 01 Jan 2000 00:00:00 GMT"]);
}
