//! Versions that pass every check and are wrong only once they are asked, or whose clients are:
//! each behaves as it would in a host that serves nothing else, disturbs nobody, and goes again.

use super::path;
use crate::harness::client::{Connection, get};
use crate::harness::host::Launch;
use crate::harness::libraries::{c_app, fault_app, versions};
use crate::harness::misbehaving::Flavour;
use crate::harness::operated::Operated;
use crate::swap::loader::{Loader, Shape};
use serde_json::Value;
use std::net::SocketAddr;

/// As many threads as one application has.
const THREADS: usize = 16;

const CLIENTS: &[Shape] = &[Shape::KeepAlive, Shape::New, Shape::Download, Shape::Streams];

/// What they do wrong when they are asked.
const WRONG: &[&str] =
    &["body-length", "call-no-panic", "content-type-missing", "start-before-body"];

#[test]
fn they_disturb_nobody_and_go_again() {
    let [shop, _] = versions(&fault_app("two"), b"this is:a", b"this is:b");
    let good = c_app(&["NAME \"bad\"", "TEXT \"good\\n\""]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("host.toml");
    // So many panics are wanted here that their version would be taken back.
    let text = format!(
        "[apps.shop]\npath = \"{}\"\n[[mount]]\npath = \"/shop\"\napp = \"shop\"\n\
         [apps.bad]\npath = \"{}\"\ndeploy = {{ panics = 1000 }}\n\
         [[mount]]\npath = \"/bad\"\napp = \"bad\"\n",
        path(&shop),
        path(&good)
    );
    std::fs::write(&config, text).unwrap();
    let launch = Launch::new().arg("--config").arg(&config).env("RUST_BACKTRACE", "0");
    let host = Operated::start(launch.env("DSGI_HOLD_UNMAPPED", "1").breaking(WRONG));
    let none = |app: &Value| app["retained"] == Value::from([(); 0]);
    let shop = |host: &Operated| host.app("shop")["current"].clone();
    // Once there and back: what a first swap makes for good is there then.
    for file in [&*Flavour::Pool.library(), &*good] {
        host.deploy("bad", file);
    }
    host.wait_for_logs("is gone app=\"bad\"", 2);
    let (before, serving) = (host.possessions(), shop(&host));
    let loader = Loader::start(host.address(), [("/shop", CLIENTS)]);
    for flavour in Flavour::ALL {
        host.deploy("bad", &flavour.library());
        wrong_answers(host.address(), flavour);
        clients_that_leave(&host);
        let never_read = clients_that_never_read(host.address());
        let answered = loader.answered();
        loader.wait_for("the other one at work", |seen| seen.answered() > answered + 16);
        host.deploy("bad", &good);
        let held = format!("{} requests in hand", never_read.len());
        let named = |app: &Value| app["retained"][0]["reason"] == *held;
        host.wait_for_app("bad", &held, named);
        assert_eq!(get(host.address(), "/bad").text(), "good\n");
        drop(never_read);
        host.wait_for_app("bad", "the end of what was wrong", none);
        assert_eq!(shop(&host), serving, "{flavour:?}");
    }
    let seen = loader.stop();
    assert_eq!(seen.wrong, []);
    host.wait_for_no_more_than(&before);
}

/// Status and body, or none where the response is broken off.
type Answer<'a> = Option<(u16, &'a str)>;

fn wrong_answers(address: SocketAddr, flavour: Flavour) {
    const BROKEN: Answer<'_> = None;
    const FAILED: Answer<'_> = Some((500, "500 Internal Server Error\n"));
    let cases: [(&str, Answer<'_>); 10] = [
        ("/panic/call", FAILED),
        ("/panic/started", FAILED),
        ("/panic/first", FAILED),
        ("/panic/payload", FAILED),
        ("/panic/middle", BROKEN),
        ("/panic/drop", Some((200, "first\nsecond\n"))),
        ("/panic/close", Some((200, "first\n"))),
        ("/answer?header=Content-Length:7&block=abc", BROKEN),
        ("/answer?header=Content-Length:4&block=abc&block=def", Some((200, "abcd"))),
        ("/start/never", FAILED),
    ];
    for (target, expected) in cases {
        let mut connection = Connection::open(address);
        connection.send(format!("GET /bad{target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = connection.response().ok();
        let seen = response.as_ref().map(|response| (response.status, response.text()));
        assert_eq!(seen, expected, "{flavour:?} {target}");
    }
}

fn clients_that_leave(host: &Operated) {
    let mut connection = Connection::open(host.address());
    connection.send("GET /bad/endless HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(connection.chunk_after_head().unwrap().is_some());
    drop(connection);
    let mut connection = Connection::open(host.address());
    connection.send("POST /bad/input HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    drop(connection);
    assert_eq!(get(host.address(), "/bad/fine").text(), "fine\n");
}

fn clients_that_never_read(address: SocketAddr) -> Vec<Connection> {
    let open = |_| {
        let mut connection = Connection::open(address);
        connection.send("GET /bad/endless HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.head().unwrap().status, 200);
        connection
    };
    let never_read: Vec<_> = (0..=THREADS).map(open).collect();
    assert_eq!(get(address, "/bad/fine").text(), "fine\n");
    never_read
}
