//! WebSockets of a framework: as under its own server, and across a swap.

use super::alike::{MOUNT, both};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample, versions};
use crate::harness::operated::Operated;
use crate::harness::{DEADLINE, eventually};
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A client of one socket.
pub(super) struct Socket {
    runtime: Runtime,
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    fn open(address: SocketAddr, mount: &str) -> Self {
        Self::open_at(address, &format!("{mount}/ws"))
    }

    pub(super) fn open_at(address: SocketAddr, path: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            let (stream, response) =
                client_async(format!("ws://{address}{path}"), stream).await.unwrap();
            assert_eq!(response.status(), 101);
            stream
        });
        Self { runtime, stream }
    }

    pub(super) fn send(&mut self, message: Message) {
        self.runtime.block_on(self.stream.send(message)).unwrap();
    }

    /// The next message, as short as it can be told.
    pub(super) fn next(&mut self) -> String {
        let next = async { timeout(DEADLINE, self.stream.next()).await };
        match self.runtime.block_on(next).expect("a message in time") {
            None => "the end".to_owned(),
            Some(Ok(Message::Text(text))) => format!("text {text}"),
            Some(Ok(Message::Binary(bytes))) => {
                let sum =
                    bytes.iter().fold(0_u64, |sum, byte| sum * 31 % 65_521 + u64::from(*byte));
                format!("{} bytes of sum {sum}", bytes.len())
            }
            Some(Ok(other)) => format!("{other:?}"),
            Some(Err(error)) => format!("{error}"),
        }
    }
}

/// What comes back to a conversation of every kind of message.
fn conversation(address: SocketAddr, mount: &str) -> Vec<String> {
    let mut socket = Socket::open(address, mount);
    let mut told = Vec::new();
    let large: Vec<u8> = (0..4 * 1024 * 1024).map(|at: u32| at.to_le_bytes()[1]).collect();
    for message in [
        Message::text("hello"),
        Message::text(""),
        Message::binary(vec![1, 2, 3]),
        Message::Ping(vec![7].into()),
        Message::binary(large),
        Message::text("\u{e9}".repeat(10_000)),
        Message::text("close"),
    ] {
        socket.send(message);
        told.push(socket.next());
    }
    told.push(socket.next());
    told
}

#[test]
fn they_talk_alike() {
    for mount in ["", MOUNT] {
        let (native, host) = both(mount);
        let native = conversation(native.address, mount);
        assert_eq!(native, conversation(host.address(), mount), "at {mount:?}");
        assert_eq!(native[0], "text hello", "it did not talk at all: {native:?}");
        assert!(native[4].starts_with("4194304 bytes"), "{native:?}");
    }
}

/// What was open goes on with the version it was opened with, which leaves when it is closed.
#[test]
fn a_socket_outlives_a_swap_and_its_version_goes_with_it() {
    let libraries = versions(&fault_app("routed"), b"corner shop", b"corner stop");
    let host = Operated::start(Launch::new().arg("--load").arg(&*libraries[0]));
    let mut before = None;
    for version in [1, 0] {
        let mut sockets = [(); 2].map(|()| Socket::open(host.address(), ""));
        for socket in &mut sockets {
            socket.send(Message::text("before"));
            assert_eq!(socket.next(), "text before");
        }
        host.deploy("routed", &libraries[version]);
        let app = host.app("routed");
        assert_eq!(app["retained"].as_array().map(Vec::len), Some(1), "{app}");
        for socket in &mut sockets {
            socket.send(Message::text("after"));
            assert_eq!(socket.next(), "text after");
        }
        let [mut said, left] = sockets;
        said.send(Message::text("close"));
        assert_eq!(said.next(), "Close(None)");
        drop((said, left));
        eventually("the end of the version before", || {
            host.app("routed")["retained"].as_array()?.is_empty().then_some(())
        });
        let now = before.get_or_insert_with(|| host.possessions());
        host.wait_for_no_more_than(now);
    }
}

/// A room where all hear each other, and are told when another version takes its place.
#[test]
fn a_chat_says_goodbye_before_it_leaves() {
    let [first, second] = versions(&sample("websocket-chat"), b"a new version", b"one more made");
    let host = Operated::start(Launch::new().arg("--load").arg(&*first));
    // Who hears what it has said itself is in the room.
    let mut visitors = ["one", "two"].map(|name| {
        let mut visitor = Socket::open_at(host.address(), "/room");
        visitor.send(Message::text(name));
        assert_eq!(visitor.next(), format!("text {name}"));
        visitor
    });
    assert_eq!(visitors[0].next(), "text two");
    host.deploy("websocket-chat", &second);
    for visitor in &mut visitors {
        let goodbye = visitor.next();
        assert!(goodbye.contains("Restart") && goodbye.contains("a new version"), "{goodbye}");
    }
    eventually("the end of the version before", || {
        host.app("websocket-chat")["retained"].as_array()?.is_empty().then_some(())
    });
    let mut visitor = Socket::open_at(host.address(), "/room");
    visitor.send(Message::text("here again"));
    assert_eq!(visitor.next(), "text here again");
}
