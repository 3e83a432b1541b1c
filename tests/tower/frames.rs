//! WebSockets of a framework frame by frame, right ones and wrong ones: each byte that comes back
//! is the one that comes back under its own server, and so is the end.

use super::alike::both;
use crate::harness::client::Connection;
use crate::harness::eventually;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const LAST: u8 = 0x80;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame of a client; `first` is its first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => bytes.push(0x80 | short),
        (_, Ok(medium)) => {
            bytes.push(0x80 | 126);
            bytes.extend(medium.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn whole(kind: u8, payload: &[u8]) -> Vec<u8> {
    frame(LAST | kind, payload)
}

fn closing(code: u16, reason: &[u8]) -> Vec<u8> {
    whole(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// How a client sends its bytes.
#[derive(Clone, Copy, Debug)]
enum Pace {
    AtOnce,
    ByteByByte,
}

struct Case {
    name: String,
    frames: Vec<Vec<u8>>,
    pace: Pace,
}

/// Frames that leave the connection open, which the client then closes.
fn right(name: impl Into<String>, mut frames: Vec<Vec<u8>>) -> Case {
    frames.push(closing(1000, b""));
    ends(name, frames)
}

/// Frames of which the last one ends the connection.
fn ends(name: impl Into<String>, frames: Vec<Vec<u8>>) -> Case {
    Case { name: name.into(), frames, pace: Pace::AtOnce }
}

fn sizes() -> impl Iterator<Item = Case> {
    let sizes = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537];
    sizes.into_iter().flat_map(|size| {
        [TEXT, BINARY].map(|kind| {
            right(format!("{size} bytes of kind {kind}"), vec![whole(kind, &vec![b'*'; size])])
        })
    })
}

fn control() -> Vec<Case> {
    let many = (0..10_u8).map(|at| whole(PING, &[at])).collect();
    vec![
        right("a ping", vec![whole(PING, b"")]),
        right("a ping of 125 bytes", vec![whole(PING, &[0xfe; 125])]),
        ends("a ping of 126 bytes", vec![whole(PING, &[0xfe; 126])]),
        right("ten pings", many),
        right("a pong that nobody asked for", vec![whole(PONG, b"so"), whole(PING, b"now")]),
        ends("a ping in fragments", vec![frame(PING, b"one")]),
    ]
}

fn fragments() -> Vec<Case> {
    let (first, more, last) = (frame(TEXT, b"one "), frame(0, b"two "), frame(LAST, b"three"));
    let letters = "k\u{f6}sme".as_bytes();
    let pieces = vec![frame(TEXT, &letters[..2]), frame(LAST, &letters[2..])];
    vec![
        right("three fragments", vec![first.clone(), more.clone(), last.clone()]),
        right("a ping between fragments", vec![first.clone(), whole(PING, b"here"), last.clone()]),
        right("empty fragments", vec![frame(TEXT, b""), frame(0, b""), frame(LAST, b"")]),
        right("a letter in two fragments", pieces),
        ends("a fragment of nothing", vec![last.clone()]),
        ends("a message inside of another", vec![first, whole(TEXT, b"mine")]),
        ends("a fragment behind the last", vec![whole(TEXT, b"all"), more]),
    ]
}

fn wrong() -> impl Iterator<Item = Case> {
    let bits = [0x40, 0x20, 0x10, 0x70].map(|bits| {
        ends(format!("reserved bits {bits:#x}"), vec![frame(LAST | bits | TEXT, b"hello")])
    });
    let kinds =
        (3..8).chain(11..16).map(|kind| ends(format!("kind {kind}"), vec![whole(kind, b"")]));
    let mut bare = vec![LAST | TEXT, 5];
    bare.extend(b"hello");
    let letters: [&[u8]; 5] =
        [b"\xff", b"\xce\xba\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"cut \xe2\x82"];
    let letters = letters.map(|text| ends(format!("text {text:?}"), vec![whole(TEXT, text)]));
    let later = vec![frame(TEXT, b"well"), frame(LAST, b"\xff")];
    bits.into_iter()
        .chain(kinds)
        .chain(letters)
        .chain([ends("no mask", vec![bare]), ends("text that fails later", later)])
}

fn closes() -> impl Iterator<Item = Case> {
    let right = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let wrong = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535];
    let codes = right.into_iter().chain(wrong);
    let codes = codes.map(|code| ends(format!("close {code}"), vec![closing(code, b"bye")]));
    codes.chain([
        ends("a close of nothing", vec![whole(CLOSE, b"")]),
        ends("a close of one byte", vec![whole(CLOSE, b"\x03")]),
        ends("a close with a long reason", vec![closing(1000, &[b'*'; 123])]),
        ends("a close that is too long", vec![closing(1000, &[b'*'; 124])]),
        ends("a close that is no text", vec![closing(1000, b"\xff\xfe")]),
    ])
}

fn large() -> Vec<Case> {
    let bytes: Vec<u8> = (0..16 * 1024 * 1024).map(|at: u32| at.to_le_bytes()[1]).collect();
    let mut pieces: Vec<_> = bytes.chunks(64 * 1024).map(|piece| frame(0, piece)).collect();
    pieces[0][0] = BINARY;
    pieces.push(frame(LAST, b""));
    let beyond = [bytes.as_slice(), b"."].concat();
    vec![
        right("16 MiB in one frame", vec![whole(BINARY, &bytes)]),
        right("16 MiB in fragments", pieces),
        // Announced only: what nobody reads would end the connection in another way.
        ends("a frame that is too large", vec![whole(BINARY, &beyond)[..14].to_vec()]),
    ]
}

fn all() -> Vec<Case> {
    let slow = right("byte by byte", vec![whole(TEXT, b"slowly"), whole(PING, b"but surely")]);
    let slow = Case { pace: Pace::ByteByByte, ..slow };
    let cases = sizes().chain(control()).chain(fragments()).chain(wrong()).chain(closes());
    cases.chain(large()).chain([slow]).collect()
}

fn open(address: SocketAddr) -> Connection {
    let mut connection = Connection::open(address);
    connection.send(
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(connection.head().unwrap().status, 101);
    connection
}

/// All that comes back.
fn answered(address: SocketAddr, case: &Case) -> Vec<u8> {
    let mut connection = open(address);
    let bytes = case.frames.concat();
    match case.pace {
        Pace::AtOnce => connection.send(bytes),
        Pace::ByteByByte => bytes.iter().for_each(|byte| connection.send([*byte])),
    }
    connection.rest().unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

/// What can be shown of it.
fn shown(bytes: &[u8]) -> String {
    format!("{} bytes: {:?}", bytes.len(), bytes.iter().take(40).collect::<Vec<_>>())
}

#[test]
fn each_frame_is_answered_alike() {
    let (native, host) = both("");
    let mut different = Vec::new();
    let cases = all();
    assert!(cases.len() > 75, "only {} cases", cases.len());
    let mut answers = std::collections::BTreeSet::new();
    for case in cases {
        let [native, plugin] = [native.address, host.address()].map(|at| answered(at, &case));
        if native != plugin {
            let (native, plugin) = (shown(&native), shown(&plugin));
            different.push(format!("{}\n  native {native}\n  plugin {plugin}", case.name));
        }
        answers.insert(native);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(answers.len() > 30, "only {} answers differ at all", answers.len());
}

/// Who sends and does not read is not read from any more, and loses nothing.
#[test]
fn a_client_that_does_not_read_is_held_back_alike() {
    const MESSAGES: usize = 256;
    let (native, host) = both("");
    let message = whole(BINARY, &vec![7; 256 * 1024]);
    for address in [native.address, host.address()] {
        let mut connection = open(address);
        let mut writer = connection.second();
        let sent = Arc::new(AtomicUsize::new(0));
        let (counted, bytes) = (Arc::clone(&sent), message.clone());
        let writing = std::thread::spawn(move || {
            for _ in 0..MESSAGES {
                writer.send(&bytes);
                counted.fetch_add(1, Ordering::Relaxed);
            }
            writer.send(closing(1000, b""));
        });
        // Held back: nothing has moved over a hundred looks.
        let (mut before, mut still) = (0, 0);
        eventually("a writer that waits", || {
            let now = sent.load(Ordering::Relaxed);
            still = if now == before { still + 1 } else { 0 };
            before = now;
            (still == 100 && now > 0).then_some(())
        });
        assert!(before < MESSAGES, "{address} took all of it");
        let all = connection.rest().unwrap();
        writing.join().unwrap();
        // A server's frame has no mask, and a close of 1000 comes last.
        let (one, close) = (message.len() - MASK.len(), [LAST | CLOSE, 2, 3, 232]);
        assert_eq!(all.len(), MESSAGES * one + close.len(), "{address}");
        assert!(all.ends_with(&close), "{address}");
    }
}
