//! Samples that keep something between requests or for as long as somebody listens, each under
//! `axum::serve` and as a library: both answer alike, and what both tell of a change, too.

use super::alike::{Asked, FORM, JSON, MOUNT, by, compare, get, over_http1, over_http2, post, put};
use super::program::Program;
use super::sockets::Socket;
use crate::harness::client::Connection;
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::{program, sample};
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

/// Both servers of a sample, with a file for each to keep things in.
struct Both {
    native: Program,
    host: Host,
    _folder: TempDir,
}

impl Both {
    fn serve(name: &str, mount: &str, config: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = |of: &str| folder.path().join(of).display().to_string();
        let native = program("app-natives", &format!("native-{name}"));
        let decoded = mount.replace("%20", " ");
        let native = Program::start(&native, [mount, &db("native.db")]);
        let at = if mount.is_empty() { "/" } else { &decoded };
        let mut launch = Launch::new();
        for set in config {
            launch = launch.args(["--set", &set.replace("DB", &db("plugin.db"))]);
        }
        let library = sample(name);
        let host = launch.args(["--mount", &format!("{at}={name}={}", library.display())]).start();
        Self { native, host, _folder: folder }
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        [self.native.address, self.host.address()]
    }

    /// What both answer to a visit over HTTP/1.1; and new ones over HTTP/2.
    fn answer_alike(name: &str, config: &[&str], visit: &[Asked]) {
        for mount in ["", MOUNT] {
            let both = Self::serve(name, mount, config);
            compare(&format!("{name} over HTTP/1.1 at {mount:?}"), visit, |asked| {
                both.addresses().map(|server| over_http1(server, mount, asked))
            });
            let both = Self::serve(name, mount, config);
            let mut servers = both.addresses().map(Http2::open);
            compare(&format!("{name} over HTTP/2 at {mount:?}"), visit, |asked| {
                servers.each_mut().map(|server| over_http2(server, mount, asked))
            });
        }
    }
}

const LIST: &[&str] = &["todo.db=DB", "todo.keep=3600"];

/// In this order: what comes later is told of what came before.
const LIST_VISIT: &[Asked] = &[
    get("/"),
    get("/items"),
    post("/", FORM, "title=%3Cb%3E+%26+so+on"),
    post("/", FORM, "other=1"),
    post("/items", JSON, r#"{"title":"write"}"#),
    post("/items", JSON, r#"{"title":1}"#),
    post("/items", &[], "{}"),
    get("/items"),
    by("HEAD", "/items"),
    post("/items/1/done", &[], ""),
    post("/items/1/done", &[], ""),
    post("/items/x/done", &[], ""),
    get("/items"),
    get("/"),
    get("/changes"),
    put("/items", JSON, "{}"),
    get("/nowhere"),
];

#[test]
fn a_list_in_a_database_is_kept_alike() {
    Both::answer_alike("todo", LIST, LIST_VISIT);
    let both = Both::serve("todo", "", LIST);
    let told = both.addresses().map(|address| {
        let mut listener = Socket::open_at(address, "/changes");
        // Whoever has had an answer to a ping listens.
        listener.send(Message::Ping(vec![1].into()));
        let mut told = vec![listener.next()];
        for asked in &LIST_VISIT[2..10] {
            over_http1(address, "", *asked).unwrap();
        }
        told.extend((0..3).map(|_| listener.next()));
        told
    });
    assert_eq!(told[0], told[1]);
    assert_eq!(
        told[0][1..],
        ["text <b> & so on is to be done", "text write is to be done", "text 1 is done"]
    );
}

#[test]
fn a_room_is_one_alike() {
    const VISIT: &[Asked] =
        &[get("/"), by("HEAD", "/"), get("/room"), by("POST", "/"), get("/nowhere")];
    Both::answer_alike("websocket-chat", &[], VISIT);
    let both = Both::serve("websocket-chat", "", &[]);
    let heard = both.addresses().map(|address| {
        let mut visitors = [(); 2].map(|()| {
            let mut visitor = Socket::open_at(address, "/room");
            visitor.send(Message::Ping(vec![1].into()));
            assert_eq!(visitor.next(), "Pong(b\"\\x01\")");
            visitor
        });
        let mut heard = Vec::new();
        for text in ["one", "", "\u{e9}"] {
            visitors[0].send(Message::text(text));
            heard.extend(visitors.each_mut().map(Socket::next));
        }
        visitors[1].send(Message::Binary(vec![1].into()));
        visitors[1].send(Message::Close(None));
        heard.push(visitors[1].next());
        heard
    });
    assert_eq!(heard[0], heard[1]);
    assert_eq!(heard[0][..3], ["text one", "text one", "text "]);
}

#[test]
fn a_clock_ticks_alike() {
    const VISIT: &[Asked] =
        &[get("/"), by("HEAD", "/"), by("HEAD", "/time"), by("POST", "/time"), get("/nowhere")];
    Both::answer_alike("sse-clock", &["sse-clock.tick_ms=20"], VISIT);
    let both = Both::serve("sse-clock", "", &["sse-clock.tick_ms=20"]);
    let ticks = both.addresses().map(|address| {
        let mut listener = Connection::open(address);
        listener.send("GET /time HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 41\r\n\r\n");
        let mut head = listener.head().unwrap();
        head.headers.retain(|(name, _)| name != "date");
        head.headers.sort();
        let ids = [(); 3].map(|()| {
            let block = listener.chunk().unwrap().expect("an event");
            String::from_utf8(block).unwrap().lines().next().unwrap().to_owned()
        });
        (format!("{head:?}"), ids)
    });
    assert_eq!(ticks[0], ticks[1]);
    assert_eq!(ticks[0].1, ["id: 42", "id: 43", "id: 44"]);
}
