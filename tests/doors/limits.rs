//! Limits of HTTP hold for the front servers' doors as well: each is reached once at each of them.
//!
//! Where a limit is a time, it is the only short one, so that only it can have been the cause.

use super::peer::{Door, LISTEN};
use crate::harness::doors::{get, post};
use crate::harness::fastcgi::{Front, request};
use crate::harness::host::Launch;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use std::sync::mpsc;

/// The times that are not asked about are long.
const PATIENT: &str = "[server.limits]
header_timeout = \"1h\"
keep_alive_timeout = \"1h\"
body_timeout = \"1h\"
write_timeout = \"1h\"
";

/// A host with this limit in place of the one that is there by default.
fn limited(flavour: Flavour, limit: &str) -> Misbehaving {
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = limit.split('=').next().unwrap();
    let patient = PATIENT.lines().filter(|line| !line.starts_with(name));
    let limits: Vec<&str> = patient.chain([limit]).collect();
    // A config serves something.
    let text = limits.join("\n") + "\n[[mount]]\npath = \"/none\"\nstatic = \".\"\n";
    std::fs::write(file.path(), text).unwrap();
    let launch = Launch::new().arg("--config").arg(file.path()).args(LISTEN);
    Misbehaving::launched(flavour, launch)
}

#[test]
fn a_head_that_does_not_end_ends_its_connection() {
    let host = limited(Flavour::Pool, "header_timeout = \"250ms\"");
    // All at once, for each takes its time.
    let begun = Door::ALL.into_iter().flat_map(|door| [0, 1, 5, 40].map(|sent| (door, sent)));
    let begun: Vec<_> = begun
        .map(|(door, sent)| {
            let mut peer = door.open(&host);
            peer.send(&door.request(&get("/"), b"")[..sent]);
            (door, sent, peer)
        })
        .collect();
    for (door, sent, mut peer) in begun {
        assert!(peer.ends_silently(), "{door:?} after {sent} bytes");
    }
    for door in Door::ALL {
        assert_eq!(door.ask(&host, &get("/"), b"").text(), "fine\n", "{door:?}");
    }
}

#[test]
fn a_body_that_does_not_come_is_a_timeout() {
    let host = limited(Flavour::Pool, "body_timeout = \"250ms\"");
    for door in Door::ALL {
        let mut peer = door.open(&host);
        peer.send(&door.unended(&post("/input", 10), b"hello"));
        assert_eq!(peer.answer().status, 408, "{door:?}");
    }
}

#[test]
fn a_front_that_never_reads_is_left() {
    let host = limited(Flavour::Async, "write_timeout = \"250ms\"");
    for (number, door) in (1..).zip(Door::ALL) {
        let mut peer = door.open(&host);
        peer.send(&door.request(&get("/endless"), b""));
        host.wait_for_logs("app: closed ClientGone", number);
    }
}

#[test]
fn a_connection_that_is_kept_does_not_stay_for_ever() {
    let host = limited(Flavour::Pool, "keep_alive_timeout = \"250ms\"");
    let mut front = Front::open(Door::FastCgi.address(&host));
    front.send(&request(1, 1, &get("/"), b""));
    assert_eq!(front.answer(1).text(), "fine\n");
    assert!(front.is_over());
}

#[test]
fn a_late_answer_is_a_timeout() {
    let launch = Launch::new().args(LISTEN).args(["--request-timeout", "250ms"]);
    let host = Misbehaving::launched(Flavour::Pool, launch);
    for door in Door::ALL {
        assert_eq!(door.ask(&host, &get("/cancel/call"), b"").status, 504, "{door:?}");
        assert_eq!(door.ask(&host, &get("/"), b"").text(), "fine\n", "{door:?}");
    }
}

#[test]
fn who_finds_the_queue_full_is_told() {
    for door in Door::ALL {
        let host = limited(Flavour::Pool, "pool_threads = 1\npool_queue = 1");
        let mut first = door.open(&host);
        first.send(&door.request(&get("/wait/call"), b""));
        host.wait_for_log("app: waits in its call");
        // Of two that follow one may wait.
        let (statuses, told) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (statuses, host) = (statuses.clone(), &host);
                scope.spawn(move || statuses.send(door.ask(host, &get("/"), b"").status));
            }
            // Where both have failed there is nothing to wait for.
            drop(statuses);
            assert_eq!(told.recv().unwrap(), 503, "{door:?}");
            host.release();
            assert_eq!(told.recv().unwrap(), 200, "{door:?}");
        });
        assert_eq!(first.answer().text(), "fine\n");
    }
}

#[test]
fn more_connections_wait_for_the_first_to_end() {
    for door in Door::ALL {
        let host = limited(Flavour::Inline, "connections = 2");
        let mut kept = Front::open(Door::FastCgi.address(&host));
        let mut ask = || {
            kept.send(&request(1, 1, &get("/kept"), b""));
            assert_eq!(kept.answer(1).text(), "fine\n");
        };
        ask();
        let mut second = door.open(&host);
        second.send(&door.request(&get("/second"), b"")[..9]);
        // Both are served now. What the third one sends comes before all that follows.
        let mut third = door.open(&host);
        third.send(&door.request(&get("/third"), b""));
        (0..100).for_each(|_| ask());
        drop(second);
        assert_eq!(third.answer().text(), "fine\n");
        host.wait_for_log("/third");
        let said = host.said();
        let called = said.iter().filter(|line| line.starts_with("called"));
        let at = called.clone().position(|line| line.ends_with("/third")).unwrap();
        assert!(at >= 101, "{door:?}: the third connection was served as number {at}");
    }
}

#[test]
fn a_shutdown_finishes_what_is_in_hand() {
    for door in Door::ALL {
        let launch = Launch::new().args(LISTEN).args(["--drain-timeout", "1h"]);
        let mut host = Misbehaving::launched(Flavour::Pool, launch);
        let (mut busy, mut silent) = (door.open(&host), door.open(&host));
        busy.send(&door.request(&get("/wait/call"), b""));
        host.wait_for_log("app: waits in its call");
        host.terminate();
        assert!(silent.ends_silently(), "{door:?}: one with nothing in hand ends");
        host.release();
        assert_eq!(busy.answer().text(), "fine\n", "{door:?}");
        assert!(host.wait().success());
    }
}
