//! Records as a front server may send them, and what comes out.

use std::collections::VecDeque;

use super::*;
use crate::wire::tests::pair;

const MOST: Most = Most { bytes: 100_000, count: 8 };
const REQUESTS: usize = 3;

fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let ([high, low], [id_high, id_low]) = ((content.len() as u16).to_be_bytes(), id.to_be_bytes());
    let mut bytes = vec![VERSION, kind, id_high, id_low, high, low, padding, 99];
    bytes.extend(content);
    bytes.extend(vec![0xee; padding.into()]);
    bytes
}

fn begin(id: u16, role: u8, flags: u8) -> Vec<u8> {
    record(kind::BEGIN, id, &[0, role, flags, 1, 2, 3, 4, 5], 0)
}

/// Variables in as many records as they need.
fn variables(id: u16, pairs: &[u8]) -> Vec<u8> {
    let records = pairs.chunks(60_000).map(|part| record(kind::VARIABLES, id, part, 3));
    records.chain([record(kind::VARIABLES, id, &[], 0)]).flatten().collect()
}

fn input(id: u16, bytes: &[u8]) -> Vec<u8> {
    record(kind::INPUT, id, bytes, 5)
}

/// What comes out, with a body in one piece; `over` is told of each request that is begun.
fn decoded<'a>(
    decoder: &mut Decoder,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Option<Fault>) {
    let (mut arrived, mut events) = (BytesMut::new(), Vec::new());
    for part in parts {
        arrived.extend_from_slice(part);
        loop {
            match decoder.next(&mut arrived) {
                Ok(None) => break,
                Err(fault) => return (events, Some(fault)),
                Ok(Some(Event::Input { id, bytes })) => join(&mut events, id, bytes),
                Ok(Some(event)) => events.push(event),
            }
        }
    }
    (events, None)
}

fn join(events: &mut Vec<Event>, of: u16, more: Bytes) {
    assert!(!more.is_empty(), "an event that says nothing");
    match events.last_mut() {
        Some(Event::Input { id, bytes }) if *id == of => {
            *bytes = [&**bytes, &*more].concat().into();
        }
        _ => events.push(Event::Input { id: of, bytes: more }),
    }
}

/// The same whole, in every two parts, byte by byte, and in parts of any size.
fn however_split(bytes: &[u8]) -> (Vec<Event>, Option<Fault>) {
    let decode =
        |parts: &[&[u8]]| decoded(&mut Decoder::new(MOST, REQUESTS), parts.iter().copied());
    let whole = decode(&[bytes]);
    for at in (0..bytes.len()).step_by((bytes.len() / 2000).max(1)) {
        let (first, second) = bytes.split_at(at);
        assert_eq!(decode(&[first, second]), whole, "split at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(&single), whole, "byte by byte");
    for seed in 1..20 {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed);
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let (mut parts, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            let most = if next() % 4 == 0 { rest.len() } else { rest.len().min(20) };
            let (part, left) = rest.split_at(1 + next() as usize % most);
            parts.push(part);
            rest = left;
        }
        assert_eq!(decode(&parts), whole, "seed {seed}");
    }
    whole
}

fn events(bytes: &[u8]) -> Vec<Event> {
    let (events, fault) = however_split(bytes);
    assert_eq!(fault, None, "after {events:?}");
    events
}

fn fault(bytes: &[u8]) -> Fault {
    however_split(bytes).1.expect("a fault")
}

fn request(id: u16, pairs: &[(&str, &str)], keep: Keep) -> Event {
    let variables = pairs.iter().map(|(name, value)| pair(name, value)).collect();
    Event::Request { id, variables, keep }
}

fn body(id: u16, bytes: &'static [u8]) -> Event {
    Event::Input { id, bytes: Bytes::from_static(bytes) }
}

#[test]
fn a_request_is_variables_and_a_body() {
    let bytes = [
        begin(1, 1, 0),
        record(kind::VARIABLES, 1, b"\x01\x02Ax", 7),
        record(kind::VARIABLES, 1, b"y\x01\0B", 0),
        record(kind::VARIABLES, 1, b"", 1),
        input(1, b"some "),
        input(1, b"body"),
        input(1, b""),
    ]
    .concat();
    let all = [
        request(1, &[("A", "xy"), ("B", "")], Keep::Close),
        body(1, b"some body"),
        Event::InputEnd { id: 1 },
    ];
    assert_eq!(events(&bytes), all);
}

#[test]
fn lengths_have_one_byte_or_four() {
    let (name, value) = ("n".repeat(127), "v".repeat(70_000));
    let mut pairs = vec![127, 0x80, 1, 0x11, 0x70];
    pairs.extend(name.bytes().chain(value.bytes()));
    pairs.extend(b"\x80\0\0\x01\x01Ax");
    let bytes = [begin(1, 1, 1), variables(1, &pairs)].concat();
    let all = [("A", "x")];
    let all: Vec<_> = [(&*name, &*value)].into_iter().chain(all).collect();
    assert_eq!(events(&bytes), [request(1, &all, Keep::Open)]);
}

#[test]
fn requests_share_a_connection() {
    let bytes = [
        begin(1, 1, 1),
        begin(0xfffe, 1, 0),
        variables(0xfffe, b"\x01\x01A2"),
        record(kind::VARIABLES, 1, b"\x01", 0),
        input(0xfffe, b"two"),
        record(kind::VARIABLES, 1, b"\x01A1", 0),
        record(kind::VARIABLES, 1, b"", 0),
        input(1, b"one"),
        record(kind::ABORT, 0xfffe, b"", 0),
        input(0xfffe, b"more"),
        input(1, b""),
    ]
    .concat();
    let all = [
        request(0xfffe, &[("A", "2")], Keep::Close),
        body(0xfffe, b"two"),
        request(1, &[("A", "1")], Keep::Open),
        body(1, b"one"),
        Event::Abort { id: 0xfffe },
        body(0xfffe, b"more"),
        Event::InputEnd { id: 1 },
    ];
    assert_eq!(events(&bytes), all);
}

#[test]
fn a_number_is_used_again_once_its_request_is_over() {
    let one = [begin(7, 1, 1), variables(7, b"\x01\x01A1")].concat();
    let mut decoder = Decoder::new(MOST, REQUESTS);
    for _ in 0..3 {
        let (events, fault) = decoded(&mut decoder, [&*one]);
        assert_eq!((&*events, fault), (&[request(7, &[("A", "1")], Keep::Open)][..], None));
        assert_eq!(decoder.open(), 1);
        decoder.over(7);
        // Its body may still be on its way.
        let late = [input(7, b"late"), input(7, b""), record(kind::ABORT, 7, b"", 0)].concat();
        assert_eq!(decoded(&mut decoder, [&*late]), (vec![], None));
        assert_eq!(decoder.open(), 0);
    }
    assert_eq!(fault(&[&*one, &one].concat()), Fault::Again(7));
}

#[test]
fn what_belongs_to_nobody_is_passed_over() {
    let bytes = [
        input(5, b"nobody's"),
        variables(5, b"\x01\x01A1"),
        record(kind::ABORT, 5, b"", 0),
        variables(0, b"\x01\x01A1"),
        record(kind::END, 1, &[0; 8], 0),
        record(kind::OUTPUT, 1, b"not ours to read", 1),
        record(kind::ERRORS, 1, b"nor this", 1),
        record(8, 1, b"a body for a filter", 1),
        record(kind::VALUES_RESULT, 0, b"an answer", 1),
        record(kind::UNKNOWN, 0, &[0; 8], 0),
        record(kind::VALUES, 3, b"\x01\0A", 0),
        begin(1, 1, 0),
        variables(1, b"\x01\x01A1"),
        input(1, b""),
        input(1, b"after its end"),
        input(1, b""),
        variables(1, b"\x01\x01B1"),
    ]
    .concat();
    let all = [request(1, &[("A", "1")], Keep::Close), Event::InputEnd { id: 1 }];
    assert_eq!(events(&bytes), all);
}

#[test]
fn the_connection_itself_is_asked() {
    let bytes = [
        record(kind::VALUES, 0, b"\x0e\0FCGI_MAX_CONNS\x0f\0FCGI_MPXS_CONNS", 2),
        record(kind::VALUES, 0, b"", 0),
        record(kind::VALUES, 0, b"\x0eA", 0),
        record(12, 0, b"something new", 3),
        record(0, 0, b"", 0),
        record(255, 9, b"x", 255),
    ]
    .concat();
    let all = [
        Event::Values(vec![pair("FCGI_MAX_CONNS", ""), pair("FCGI_MPXS_CONNS", "")]),
        Event::Values(vec![]),
        Event::Values(vec![]),
        Event::Unknown { kind: 12 },
        Event::Unknown { kind: 0 },
        Event::Unknown { kind: 255 },
    ];
    assert_eq!(events(&bytes), all);
}

/// The others on the connection go on.
#[test]
fn a_request_that_is_none_is_refused_by_itself() {
    let nine = [&b"\x01\x01A1"[..]; 9].concat();
    let cases: [(Vec<u8>, Refused); 9] = [
        (begin(1, 2, 0), Refused::Role(2)),
        (begin(1, 0, 0), Refused::Role(0)),
        ([begin(1, 1, 0), input(1, b"early")].concat(), Refused::Order),
        ([begin(1, 1, 0), input(1, b"")].concat(), Refused::Order),
        ([begin(1, 1, 0), variables(1, b"\x02\x01A1")].concat(), Unusable::Beyond.into()),
        ([begin(1, 1, 0), variables(1, b"\x80\0\0")].concat(), Unusable::Beyond.into()),
        ([begin(1, 1, 0), variables(1, b"\x01")].concat(), Unusable::Beyond.into()),
        ([begin(1, 1, 0), variables(1, b"\0\x011")].concat(), Unusable::Nameless.into()),
        ([begin(1, 1, 0), variables(1, &nine)].concat(), Unusable::Count(8).into()),
    ];
    for (bytes, why) in cases {
        let others = [begin(2, 1, 1), variables(2, b"\x01\x01A1"), input(1, b"its rest")].concat();
        let refused = Event::Refused { id: 1, why, keep: Keep::Close };
        let all = [refused, request(2, &[("A", "1")], Keep::Open)];
        assert_eq!(events(&[bytes, others].concat()), all, "{why:?}");
    }
    let eight = [begin(1, 1, 0), variables(1, &nine[4..])].concat();
    assert!(matches!(events(&eight)[..], [Event::Request { .. }]), "the limit itself");
}

#[test]
fn no_more_is_kept_than_was_allowed() {
    let large = vec![b'x'; 50_000];
    let part = record(kind::VARIABLES, 1, &large, 0);
    let refused = |why: Refused| Event::Refused { id: 1, why, keep: Keep::Close };
    let two = [begin(1, 1, 0), part.clone(), part.clone()].concat();
    let why = Unusable::Bytes(MOST.bytes).into();
    let mut decoder = Decoder::new(MOST, REQUESTS);
    assert_eq!(decoded(&mut decoder, [&*two]), (vec![], None), "the limit itself");
    let one_more = record(kind::VARIABLES, 1, b"x", 0);
    assert_eq!(decoded(&mut decoder, [&*one_more, &part]), (vec![refused(why)], None));
    let many: Vec<u8> = (1..=4).rev().flat_map(|id| begin(id, 1, 0)).collect();
    assert_eq!(events(&many), [refused(Refused::Overloaded(3))]);
    assert_eq!(fault(&record(kind::VALUES, 0, &[0; 1025], 0)[..8]), Fault::Values(1024));
}

#[test]
fn a_connection_whose_records_are_lost_cannot_go_on() {
    let mut other = begin(1, 1, 0);
    other[0] = 2;
    assert_eq!(fault(&other), Fault::Version(2));
    assert_eq!(fault(b"GET / HTTP/1.1\r\n"), Fault::Version(b'G'));
    for length in [0, 7, 9, 4000] {
        assert_eq!(fault(&record(kind::BEGIN, 1, &vec![1; length], 0)), Fault::Begin(length));
    }
    assert_eq!(fault(&begin(0, 1, 0)), Fault::Zero);
}

/// Whatever comes: no panic, no more than was allowed, and the same however it was split.
#[test]
fn any_bytes_are_understood_or_not() {
    let seed = [
        begin(1, 1, 1),
        variables(1, b"\x01\x01A1\x80\0\0\x02\x01abc"),
        input(1, b"body"),
        input(1, b""),
        record(kind::VALUES, 0, b"\x0e\0FCGI_MAX_CONNS", 0),
    ]
    .concat();
    let mut queue: VecDeque<u8> = (1..=255).collect();
    for at in 0..seed.len() {
        queue.rotate_left(7);
        for value in [0, 0x7f, 0x80, 0xff, queue[0]] {
            let mut bytes = seed.clone();
            bytes[at] = value;
            let _ = however_split(&bytes);
        }
    }
}
