//! Large blocks of a body that are there at once leave together: the client gets the same bytes,
//! and what is behind them.

use crate::harness::client::Connection;
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::fault_app;

/// Longer than what leaves together, longer than any part, none, and small ones.
const LENGTHS: [&[usize]; 6] = [
    &[65_536, 65_536, 65_536, 65_536, 65_536],
    &[20_000, 1, 0, 20_000, 300_000, 5],
    &[16_384, 600_000, 16_384, 600_000],
    &[200_000, 511_000, 200_000],
    &[300_000, 16_383, 16_384],
    &[100, 100_000],
];

/// An application that gives them, and says of no body what it is: nobody looks at that.
fn start() -> Host {
    let launch = Launch::new().bare().env("RUST_BACKTRACE", "0");
    launch.arg("--load").arg(fault_app("waits")).start()
}

fn path(lengths: &[usize], behind: &str) -> String {
    let lengths: Vec<String> = lengths.iter().map(ToString::to_string).collect();
    format!("/blocks/{}/{behind}", lengths.join(","))
}

fn bytes(lengths: &[usize]) -> Vec<u8> {
    let blocks = (b'a'..).zip(lengths);
    blocks.flat_map(|(letter, length)| std::iter::repeat_n(letter, *length)).collect()
}

fn asked(host: &Host, path: &str, version: &str) -> Connection {
    let mut client = Connection::open(host.address());
    client.send(format!("GET {path} HTTP/{version}\r\nHost: a\r\nTE: trailers\r\n\r\n"));
    client
}

#[test]
fn they_are_what_was_given_and_so_is_what_follows() {
    let host = start();
    let mut client = Http2::open(host.address());
    for lengths in LENGTHS {
        for (behind, trailers) in [("", None), ("trailers", Some("7"))] {
            let path = path(lengths, behind);
            let given = asked(&host, &path, "1.1").response().unwrap();
            assert!(given.body == bytes(lengths), "{path}: {} bytes", given.body.len());
            let sum = |(name, value): &(String, String)| (name == "x-sum").then(|| value.clone());
            assert_eq!(given.trailers.iter().find_map(sum).as_deref(), trailers, "{path}");
            let sent = client.get(&path);
            let given = client.response(sent).unwrap();
            assert!(given.body == bytes(lengths), "{path} by HTTP/2: {}", given.body.len());
            assert_eq!(given.trailers.iter().find_map(sum).as_deref(), trailers, "{path}");
        }
        let path = path(lengths, "");
        let given = asked(&host, &path, "1.0").response().unwrap();
        assert!(given.body == bytes(lengths), "{path} by HTTP/1.0: {}", given.body.len());
    }
}

#[test]
fn they_are_one_chunk() {
    let host = start();
    let mut client = asked(&host, &path(&[65_536; 6], ""), "1.1");
    client.head().unwrap();
    let chunks = std::iter::from_fn(|| client.chunk().unwrap());
    assert_eq!(chunks.map(|chunk| chunk.len()).collect::<Vec<_>>(), [4 * 65_536, 2 * 65_536]);
}

#[test]
fn what_breaks_behind_them_breaks_the_response_off() {
    let host = start();
    for lengths in LENGTHS {
        let path = path(lengths, "panics");
        let seen = asked(&host, &path, "1.1").rest().unwrap();
        let letters = seen.iter().filter(|byte| **byte == b'a').count();
        assert!(letters >= lengths[0], "{path}: the first block is not there");
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{path} is complete");
    }
    host.wait_for_logs("the body panics", LENGTHS.len());
}
