//! Floods: of connections, of requests by halves, and of records that want an answer each.

use super::Attacked;
use super::witness::{Witness, http};
use crate::doors::peer::Door;
use crate::harness::client::Connection;
use crate::harness::doors::{Protocol, Wire, get, post};
use crate::harness::fastcgi::{
    BEGIN, Front, GET_VALUES, PARAMS, STDIN, begin, pairs, record, request,
};
use crate::harness::weight::Weight;
use std::io::Write;
use std::time::Duration;

/// Connections for each door.
const CONNECTIONS: usize = 150;

/// Bytes of a head that is sent by half; the limit is 64 KiB.
const HALF: usize = 40_000;

fn private(attacked: &Attacked) -> u64 {
    Weight::of(attacked.host.pid()).private
}

#[test]
fn a_flood_of_halves_is_held_in_what_they_have_sent() {
    let attacked = Attacked::start();
    let before = private(&attacked);
    let mut long = get("/");
    long.push(("HTTP_X".to_owned(), "x".repeat(HALF)));
    let mut peers = Vec::new();
    let mut clients = Vec::new();
    Witness::beside(&attacked.host, || {
        for (number, door) in (0..CONNECTIONS).flat_map(|it| Door::ALL.map(|door| (it, door))) {
            let head = door.request(&long, b"");
            // Some say nothing at all, some a head by half, some a body by half.
            let sent = match number % 3 {
                0 => Vec::new(),
                1 => head[..HALF].to_vec(),
                _ => door.unended(&post("/", 1_000_000), &vec![b'x'; HALF]),
            };
            let mut peer = door.open(&attacked.host);
            peer.send(&sent);
            peers.push(peer);
        }
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(http(&attacked.host));
            connection.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(HALF)));
            clients.push(connection);
        }
    });
    let grown = private(&attacked).saturating_sub(before);
    let most = (peers.len() + clients.len()) as u64 * 160 * 1024;
    assert!(grown <= most, "{} KiB for {} connections", grown >> 10, peers.len() + clients.len());
    println!("{} KiB for {} halves", grown >> 10, peers.len() + clients.len());
}

#[test]
fn endless_variables_are_refused_once_and_not_kept() {
    let attacked = Attacked::start();
    let before = private(&attacked);
    Witness::beside(&attacked.host, || {
        let mut front = Front::open(Door::FastCgi.address(&attacked.host));
        front.send(&begin(1, 1, 1));
        // 32 MiB of one request's variables.
        let block = record(PARAMS, 1, &vec![0x11; 65_000]);
        (0..516).for_each(|_| front.send(&block));
        assert_eq!(front.answer(1).status, 431);
        front.send(&request(2, 1, &get("/environ"), b""));
        assert_eq!(front.answer(2).status, 200);
    });
    let grown = private(&attacked).saturating_sub(before);
    assert!(grown < 8 << 20, "{} KiB", grown >> 10);
}

/// Who asks and does not take the answers is not read any more.
#[test]
fn answers_that_nobody_takes_are_not_piled_up() {
    let attacked = Attacked::start();
    let before = private(&attacked);
    let values = pairs(&[("FCGI_MAX_CONNS".to_owned(), String::new())]);
    for (what, kind) in [
        ("records of no known type", record(77, 0, b"")),
        ("questions for values", record(GET_VALUES, 0, &values)),
    ] {
        Witness::beside(&attacked.host, || {
            let mut front = Front::open(Door::FastCgi.address(&attacked.host));
            let Wire::Tcp(stream) = &mut front.wire else { unreachable!() };
            stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            let block = kind.repeat(64 * 1024 / kind.len());
            // 32 MiB of questions have more bytes of answers than the sockets between keep.
            // It does not read them, or ends what has no request within the time for a head.
            assert!((0..512).any(|_| stream.write_all(&block).is_err()), "{what}: all were read");
        });
        let grown = private(&attacked).saturating_sub(before);
        assert!(grown < 16 << 20, "{what}: {} KiB", grown >> 10);
    }
}

/// The application gives back what it reads, block by block, so that neither may be ahead.
#[test]
fn a_body_that_comes_back_to_nobody_is_not_piled_up() {
    let attacked = Attacked::start();
    let before = private(&attacked);
    // The most that a body may have; a front that keeps its connection is given as much.
    let length = 16 << 20;
    for door in Door::ALL {
        Witness::beside(&attacked.host, || {
            let mut peer = door.open(&attacked.host);
            peer.send(&door.unended(&post("/", length), b""));
            let block = match door {
                Door::FastCgi => record(STDIN, 1, &[b'x'; 65_528]),
                Door::One(_) => vec![b'x'; 65_536],
            };
            let Wire::Tcp(stream) = peer.wire() else { unreachable!() };
            stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
            let all_were_read = (0..length / block.len()).all(|_| stream.write_all(&block).is_ok());
            assert!(!all_were_read, "{door:?}");
            let grown = private(&attacked).saturating_sub(before);
            assert!(grown < 8 << 20, "{door:?}: {} KiB", grown >> 10);
        });
    }
}

/// What cannot be told apart ends its connection, and no other.
#[test]
fn a_number_that_is_used_twice_ends_its_connection() {
    let attacked = Attacked::start();
    Witness::beside(&attacked.host, || {
        for bytes in [
            [begin(1, 1, 1), begin(1, 1, 1)].concat(),
            [request(1, 1, &post("/", 9), b"")[..60].to_vec(), begin(0, 1, 1)].concat(),
            begin(0, 1, 1),
            record(BEGIN, 1, b""),
        ] {
            let mut front = Front::open(Door::FastCgi.address(&attacked.host));
            front.send(&bytes);
            assert!(front.is_over(), "{bytes:?}");
        }
        // What belongs to no request is passed over.
        let mut front = Front::open(Door::FastCgi.address(&attacked.host));
        front.send(&[record(PARAMS, 9, b"x"), record(STDIN, 9, b"x")].concat());
        front.send(&request(1, 1, &get("/environ"), b""));
        assert_eq!(front.answer(1).status, 200);
    });
}

/// Each is answered, and the log says enough of them.
#[test]
fn what_is_wrong_often_does_not_fill_the_log() {
    const TIMES: usize = 600;
    let attacked = Attacked::start();
    let mut front = Front::open(Door::FastCgi.address(&attacked.host));
    for _ in 0..TIMES {
        // An authorizer, which nobody is here.
        front.send(&begin(1, 2, 1));
        assert_eq!(front.come(1).status, Some(3));
    }
    for _ in 0..TIMES {
        let mut peer = Door::One(Protocol::Scgi).open(&attacked.host);
        peer.send(b"x");
        assert_eq!(peer.answer().status, 400);
    }
    for line in ["a request over FastCGI is refused", "a request over SCGI is refused"] {
        let log = attacked.host.log();
        let told = log.lines().filter(|told| told.contains(line)).count();
        assert!((1..TIMES / 2).contains(&told), "{told} of {TIMES}: {line}");
    }
}
