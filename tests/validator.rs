//! The validator in the real host: it finds who breaks a rule, tells nothing of who does not, and
//! no client could tell that it is there.
//!
//! It stands in one place as a part of the host, and in two with a library of its own around that.

// Samples with and without it.
mod transparent;

use crate::harness::client::{Connection, Response, request};
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use http::Request;

/// Places for it, outermost first.
#[derive(Clone, Copy, Debug)]
enum Places {
    None,
    One,
    Two,
}

impl Places {
    fn arguments(self) -> Vec<String> {
        self.with(&[])
    }

    /// The same with a layer: outside of it, or on both sides.
    fn around(self, layer: &str) -> Vec<String> {
        self.with(&[layer.to_owned()])
    }

    fn with(self, layers: &[String]) -> Vec<String> {
        let library = || vec![format!("outer={}", sample("validator").display())];
        let linked = || vec![String::from("validator")];
        let layers = match self {
            Self::None => layers.to_vec(),
            Self::One => [&linked()[..], layers].concat(),
            Self::Two => [&library()[..], layers, &linked()[..]].concat(),
        };
        layers.into_iter().flat_map(|layer| [String::from("--enable"), layer]).collect()
    }

    fn serve(self, name: &str) -> Host {
        Launch::new().bare().arg("--load").arg(sample(name)).args(self.arguments()).start()
    }
}

/// What may differ from host to host is taken out; the rest must not differ.
fn comparable(mut response: Response) -> Response {
    for (name, value) in &mut response.headers {
        if ["date", "retry-after", "set-cookie"].contains(&name.as_str()) {
            value.clear();
        }
    }
    let own = ["dsgi.generation=", "REMOTE_PORT=", "SERVER_PORT="];
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let kept = text.lines().filter(|line| !own.iter().any(|own| line.starts_with(own)));
    response.body = kept.collect::<Vec<&str>>().join("\n").into_bytes();
    response
}

fn said_nothing(mut host: Host) {
    host.terminate();
    assert!(host.wait().success(), "the host did not end well");
    let log = host.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("validator: ")).collect();
    assert!(told.is_empty(), "{told:#?}");
}

/// An endless body: nobody can have waited for more of it.
#[test]
fn blocks_go_on_the_moment_they_come() {
    for places in [Places::One, Places::Two] {
        let host = places.serve("stream");
        let mut connection = Connection::open(host.address());
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.head().unwrap().header("transfer-encoding"), Some("chunked"));
        for block in ["1\n", "2\n", "3\n"] {
            assert_eq!(connection.chunk().unwrap().unwrap(), block.as_bytes(), "{places:?}");
        }
        drop(connection);
        said_nothing(host);
    }
}

/// Block by block in both directions, while the request is still under way.
#[test]
fn an_upload_comes_back_while_it_is_sent() {
    for places in [Places::One, Places::Two] {
        let host = places.serve("upload");
        let mut connection = Connection::open(host.address());
        connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send("5\r\nfirst\r\n");
        assert_eq!(connection.chunk_after_head().unwrap().unwrap(), b"first");
        connection.send("6\r\nsecond\r\n");
        assert_eq!(connection.chunk().unwrap().unwrap(), b"second");
        connection.send("0\r\n\r\n");
        assert_eq!(connection.chunk().unwrap(), None);
        said_nothing(host);
    }
}

/// Many windows of blocks, so that threads of the pool take turns at each body.
#[test]
fn a_body_is_not_asked_for_more_after_its_end() {
    let host = Places::One.serve("upload");
    let mut client = Http2::open(host.address());
    let body = "0123456789abcdef".repeat(16 * 1024);
    for _ in 0..20 {
        let sent = client.send(Request::post("http://a.example/").body(body.clone()));
        assert!(client.response(sent).unwrap().body == body.as_bytes(), "another body came back");
    }
    drop(client);
    said_nothing(host);
}

/// What an application does wrong, and the rule that it breaks.
const WRONG: &[(&str, &str)] = &[
    ("/start/never", "start-before-body"),
    ("/start/twice", "start-once"),
    ("/answer?status=100%20Continue", "status-final"),
    ("/answer?header=Status:1&header=Content-Type:a/b&block=x", "field-no-status"),
    ("/answer?header=Connection:close&header=Content-Type:a/b&block=x", "field-hop-by-hop"),
    ("/answer?header=Content-Length:1&header=Content-Type:a/b&block=ab", "body-length"),
    ("/whole?status=304%20Not%20Modified&block=x", "body-unwanted"),
    ("/answer?header=X:1&block=x", "content-type-missing"),
    ("/panic/call", "call-no-panic"),
];

#[test]
fn who_breaks_a_rule_is_told_and_the_client_sees_no_difference() {
    for flavour in Flavour::ALL {
        let answer = |host: &Misbehaving, target: &str| {
            let raw = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            comparable(request(host.address(), raw))
        };
        let bare = || Launch::new().bare();
        let without = Misbehaving::launched(flavour, bare());
        let with = Misbehaving::launched(flavour, bare().args(Places::One.arguments()));
        for (target, rule) in WRONG {
            let (seen, expected) = (answer(&with, target), answer(&without, target));
            assert_eq!(seen, expected, "{flavour:?} {target}");
            with.wait_for_log(&format!("validator: {rule} broken by application"));
        }
        let log = without.log();
        assert!(!log.contains("validator: "), "{log}");
    }
}

#[test]
fn what_breaks_a_rule_is_a_500_where_it_enforces() {
    let enforcing = ["--set", "validator.mode=enforce"].map(String::from);
    let arguments = [Places::One.arguments(), enforcing.to_vec()].concat();
    for flavour in Flavour::ALL {
        let host = Misbehaving::launched(flavour, Launch::new().bare().args(&arguments));
        let get = |target: &str| {
            let raw = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            request(host.address(), raw).status
        };
        assert_eq!(get("/answer?header=Status:1&block=x"), 500, "{flavour:?}");
        assert_eq!(get("/answer?header=X:1&block=x"), 200, "{flavour:?}: only a warning");
        assert_eq!(get("/fine"), 200, "{flavour:?}");
        let mut connection = Connection::open(host.address());
        let target = "/answer?header=Content-Type:a/b&header=Content-Length:3&block=a&block=bcd";
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let seen = connection.rest().unwrap();
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.contains("bcd"), "{flavour:?}: {seen}");
    }
}
