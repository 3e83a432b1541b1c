//! The real server on a real socket with an operator that does as it is told, driven by raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Control, Place, Socket};
use crate::limits::ControlLimits;
use crate::operator::fake::Fake;
use crate::operator::{Kind, Operator, Refused};

/// A served socket.
struct House {
    fake: Arc<Fake>,
    control: Option<Control>,
    socket: PathBuf,
    _folder: TempDir,
}

impl House {
    fn open() -> Self {
        Self::with(Fake::default(), ControlLimits::default())
    }

    fn with(fake: Fake, limits: ControlLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.sock");
        let socket = Socket::bind(&Place::At(path.clone())).unwrap();
        let fake = Arc::new(fake);
        let operator = Arc::clone(&fake) as Arc<dyn Operator>;
        let control = Some(Control::start_with(socket, operator, limits).unwrap());
        Self { fake, control, socket: path, _folder: folder }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// What is answered to these bytes, up to the end of the connection.
    fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // It may be refused before it is read.
        let _ = stream.write_all(bytes.as_ref());
        rest(&mut stream)
    }

    /// Status, head and body of an answer.
    fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> (u16, String, String) {
        let length = body.len();
        let answer = self.raw(format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{fields}\r\n{body}"
        ));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let (status, _, body) = self.ask("GET", path, "", "");
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = self.ask("POST", path, JSON, &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
    }

    /// A connection that follows events, and what it has read so far.
    fn follow(&self, fields: &str) -> UnixStream {
        let mut stream = self.connect();
        write!(stream, "GET /v1/events HTTP/1.0\r\n{fields}\r\n").unwrap();
        stream
    }
}

const JSON: &str = "Content-Type: application/json\r\n";
const DEPLOY: &str = "/v1/apps/shop/deployments";

fn rest(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        // It closed with bytes of ours unread.
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(bytes).unwrap(),
    }
}

/// Reads until the text is there.
fn until(stream: &mut UnixStream, text: &str) -> String {
    let mut read = String::new();
    let mut block = [0; 4096];
    while !read.contains(text) {
        let count = stream.read(&mut block).unwrap();
        assert!(count > 0, "it ended without `{text}`: {read}");
        read.push_str(std::str::from_utf8(&block[..count]).unwrap());
    }
    read
}

#[test]
fn it_tells_what_there_is() {
    let house = House::open();
    let (status, apps) = house.get("/v1/apps");
    assert_eq!(
        (status, &apps[0]["name"], &apps[0]["state"]),
        (200, &json!("shop"), &json!("serving"))
    );
    assert_eq!(apps[0]["current"]["generation"], 3);
    assert_eq!(apps[1]["why"], "init failed", "{apps}");
    assert_eq!(house.get("/v1/apps/shop").1, apps[0]);
    assert_eq!(house.get("/v1/status").1["name"], "8080");
    assert_eq!(house.ask("GET", "/livez", "", "").2, "ok\n");
    assert_eq!(house.ask("GET", "/readyz", "", "").2, "[-] app bad: init failed\nnot ready\n");
    let (status, _, text) = house.ask("GET", "/readyz?verbose", "", "");
    assert_eq!(text, "[+] app shop: serving\n[-] app bad: init failed\nnot ready\n");
    assert_eq!(status, 503);
    let (status, head, body) = house.ask("HEAD", "/v1/apps", "", "");
    assert!(status == 200 && head.contains("content-length: ") && body.is_empty(), "{head}");
}

#[test]
fn what_is_wrong_is_a_problem() {
    let house = House::open();
    let file = json!({ "file": "/x.so" }).to_string();
    for (method, path, fields, body, status, kind) in [
        ("GET", "/", "", "", 404, "unknown-path"),
        ("GET", "/v1/apps/none", "", "", 404, "unknown-app"),
        ("POST", "/v1/apps/none/drain", "", "", 404, "unknown-app"),
        ("DELETE", "/v1/apps", "", "", 405, "wrong-method"),
        ("GET", DEPLOY, "", "", 405, "wrong-method"),
        ("POST", DEPLOY, "", "", 400, "bad-request"),
        ("POST", DEPLOY, JSON, "{", 400, "bad-request"),
        ("POST", DEPLOY, JSON, r#"{"file":"x.so"}"#, 400, "bad-request"),
        ("POST", DEPLOY, JSON, r#"{"file":"/x.so","fource":true}"#, 400, "bad-request"),
        ("POST", DEPLOY, "", &file, 415, "wrong-type"),
        ("POST", DEPLOY, "Content-Type: text/plain\r\n", &file, 415, "wrong-type"),
        (
            "POST",
            DEPLOY,
            "Content-Type: text/plain\r\nOrigin: https://e\r\n",
            &file,
            403,
            "web-page",
        ),
        (
            "POST",
            DEPLOY,
            "Content-Type: application/json\r\nOrigin: null\r\n",
            &file,
            403,
            "web-page",
        ),
        ("GET", "/v1/apps", "Sec-Fetch-Site: cross-site\r\n", "", 403, "web-page"),
    ] {
        let (found, head, text) = house.ask(method, path, fields, body);
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found, status, "{method} {path} {fields}{body}: {text}");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{text}");
        assert_eq!(problem["status"], status);
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        assert_eq!(head.contains("allow: "), status == 405, "{head}");
    }
    assert_eq!(house.fake.count(), 0, "something was deployed");
}

#[test]
fn garbage_harms_nobody() {
    let house = House::open();
    let before = house.get("/v1/apps");
    assert!(house.raw("garbage\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(house.raw([0, 159, 146, 150, 13, 10, 13, 10]).starts_with("HTTP/1.1 400 "));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
    assert!(house.raw(long).starts_with("HTTP/1.1 4"));
    let declared = "Content-Length: 10485760\r\n";
    let head = format!("POST {DEPLOY} HTTP/1.1\r\nHost: x\r\n{JSON}");
    for body in [
        format!("{head}{declared}\r\n{}", "x".repeat(10 * 1024 * 1024)),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n100000\r\n{}", "x".repeat(0x10_0000)),
    ] {
        let answer = house.raw(body);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("/problems/too-large"), "{answer}");
    }
    // Connected and gone.
    drop(house.connect());
    assert_eq!(house.get("/v1/apps"), before);
    assert_eq!(house.fake.count(), 0);
}

#[test]
fn half_a_request_is_not_waited_for() {
    let short = Duration::from_millis(50);
    let limits =
        ControlLimits { head_timeout: short, body_timeout: short, ..ControlLimits::default() };
    let house = House::with(Fake::default(), limits);
    assert_eq!(house.raw(""), "", "an idle connection");
    let answer = house.raw("GET /v1/apps HTTP/1.1\r\nHo");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let answer = house
        .raw(format!("POST {DEPLOY} HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 100\r\n\r\n{{"));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(house.fake.count(), 0);
}

#[test]
fn a_deploy_is_one_document_or_lines() {
    let house = House::open();
    let (status, deployed) = house.post(DEPLOY, &json!({ "file": "/x.so" }));
    assert_eq!(status, 200, "{deployed}");
    assert_eq!(
        (&deployed["old"]["generation"], &deployed["new"]["generation"]),
        (&json!(3), &json!(4))
    );
    assert_eq!(deployed["steps"][0]["name"], "probe");
    assert_eq!(deployed.get("verdict"), None);
    let (_, judged) = house.post(DEPLOY, &json!({ "file": "/x.so", "wait": true }));
    assert_eq!(judged["verdict"], "stayed", "{judged}");

    let body = r#"{"file":"/x.so","wait":true,"force":true}"#;
    let fields = format!("{JSON}Accept: application/x-ndjson\r\n");
    let (status, head, text) = house.ask("POST", DEPLOY, &fields, body);
    assert!(status == 200 && head.contains("content-type: application/x-ndjson"), "{head}");
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({ "progress": { "begun": "probe" } }));
    assert_eq!(lines[1]["progress"]["done"]["name"], "probe");
    assert_eq!(lines[2]["deployed"]["new"]["generation"], 4);
    assert_eq!(lines[3], json!({ "verdict": { "verdict": "stayed" } }));
    assert_eq!((lines.len(), house.fake.count()), (4, 3));

    let (status, deployed) = house.post("/v1/apps/shop/rollback", &json!({}));
    assert_eq!((status, &deployed["new"]["generation"]), (200, &json!(4)));
    let (status, _, app) = house.ask("POST", "/v1/apps/shop/drain", "", "");
    let app: Value = serde_json::from_str(&app).unwrap();
    assert_eq!((status, &app["state"]), (200, &json!("draining")));
}

#[test]
fn refusals_have_a_status_or_a_line() {
    let text = || String::from("`x` is no library");
    for (refused, status) in [
        (Refused::File { text: text(), help: None }, 422),
        (Refused::Superseded { app: text() }, 409),
        (Refused::ShuttingDown, 503),
    ] {
        let fake = Fake { refuses: Some(refused.clone()), ..Fake::default() };
        let house = House::with(fake, ControlLimits::default());
        let (found, problem) = house.post(DEPLOY, &json!({ "file": "/x.so" }));
        assert_eq!((found, &problem["detail"]), (status, &json!(refused.to_string())));
        let fields = format!("{JSON}Accept: application/x-ndjson\r\n");
        let (found, _, text) = house.ask("POST", DEPLOY, &fields, r#"{"file":"/x.so"}"#);
        assert!(found == 200 && text.contains("{\"refused\":{"), "{text}");
    }
    let rolled_back = Fake { rolls_back: Some("5 panics"), ..Fake::default() };
    let house = House::with(rolled_back, ControlLimits::default());
    let (found, problem) = house.post(DEPLOY, &json!({ "file": "/x.so", "wait": true }));
    assert_eq!((found, &problem["exit"]), (409, &json!(3)));
    assert_eq!(house.post(DEPLOY, &json!({ "file": "/x.so" })).0, 200, "no wait, no verdict");
}

#[test]
fn a_deploy_that_panics_is_an_answer_too() {
    let house = House::with(
        Fake { panics: Some("on purpose"), ..Fake::default() },
        ControlLimits::default(),
    );
    let (status, problem) = house.post(DEPLOY, &json!({ "file": "/x.so" }));
    assert_eq!((status, &problem["type"]), (500, &json!("/problems/system")));
    assert_eq!(house.get("/v1/apps").0, 200);
}

#[test]
fn events_are_followed_from_where_they_were_left() {
    let house = House::open();
    let publish = |text: &str| {
        house.fake.events.publish(Some("shop"), Kind::Deployed, text, [("generation", 4.into())]);
    };
    publish("one");
    publish("two");
    let mut stream = house.follow("");
    let read = until(&mut stream, "two");
    assert!(read.contains("content-type: text/event-stream"), "{read}");
    let (_, first) = read.split_once("\r\n\r\nid: ").unwrap();
    assert!(first.contains("Z/1\nevent: deployed\ndata: {\"number\":1,"), "{read}");
    publish("three");
    until(&mut stream, "\"three\"");
    let mut later = house.follow("Last-Event-ID: 2\r\n");
    let read = until(&mut later, "three");
    assert!(!read.contains("two"), "{read}");
    // The end of the host is the end of the stream, not a broken one.
    publish("four");
    let House { control, socket, .. } = house;
    drop(control);
    assert!(rest(&mut stream).contains("\"four\"") && rest(&mut later).contains("\"four\""));
    assert!(!socket.exists());
}

fn publish(house: &House, count: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    for number in 0..count {
        house.fake.events.publish(None, Kind::Config, format!("{number} {text}"), []);
    }
}

#[test]
fn a_slow_follower_is_told_and_disturbs_nobody() {
    let house = House::open();
    let mut slow = house.follow("");
    until(&mut slow, "\r\n\r\n");
    // More events than are remembered.
    publish(&house, 3_000, 1_024);
    assert_eq!(house.get("/v1/apps").0, 200);
    assert!(rest(&mut slow).contains("event: missed\ndata: {\"missed\":"));
}

#[test]
fn a_follower_that_never_reads_gives_up_its_place() {
    let write_timeout = Duration::from_millis(50);
    let limits = ControlLimits { followers: 1, write_timeout, ..ControlLimits::default() };
    let house = House::with(Fake::default(), limits);
    let mut silent = house.follow("");
    until(&mut silent, "\r\n\r\n");
    assert!(until(&mut house.follow(""), "\r\n\r\n").contains(" 503 "), "there were two places");
    // All of them are remembered, and are more than a socket holds.
    publish(&house, 500, 16 * 1_024);
    let free = || until(&mut house.follow(""), "\r\n\r\n").contains(" 200 OK");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !free() {
        assert!(Instant::now() < deadline, "its place is still taken");
    }
}

#[test]
fn followers_never_take_all_connections() {
    let house = House::open();
    let followers: Vec<UnixStream> = (0..32)
        .map(|_| {
            let mut stream = house.follow("");
            until(&mut stream, "200 OK");
            stream
        })
        .collect();
    let (status, problem) = house.get("/v1/events");
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/busy")));
    assert_eq!(house.get("/v1/status").0, 200);
    drop(followers);
}

#[test]
fn a_wish_outlives_its_client() {
    let (open, gate) = std::sync::mpsc::channel();
    let fake = Fake { gate: Some(gate.into()), ..Fake::default() };
    let house = House::with(fake, ControlLimits::default());
    let mut leaves = house.connect();
    let body = r#"{"file":"/x.so"}"#;
    let length = body.len();
    write!(
        leaves,
        "POST {DEPLOY} HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    while house.fake.count() == 0 {
        std::thread::yield_now();
    }
    drop(leaves);
    assert_eq!(house.get("/v1/apps").0, 200, "a deploy holds the control thread");
    let mut follower = house.follow("");
    drop(open);
    until(&mut follower, "after the gate");
}
