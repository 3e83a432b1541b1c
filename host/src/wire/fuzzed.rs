//! What fuzzing asks of the codecs, whatever the bytes: the same however they were split, nothing
//! beyond what was allowed, and what was read can be written and read again.
//!
//! The first byte of an input says how the rest is split, and what is allowed.

use std::fmt;
use std::net::IpAddr;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::fastcgi::decoder::{Decoder, Event, Fault, Keep};
use super::fastcgi::encoder::{self, Stream};
use super::{Most, Variables, proxy, scgi, uwsgi};

/// Records of a front server, and what a request would be answered with.
pub(crate) fn fastcgi(input: &[u8]) {
    let Some((&how, bytes)) = input.split_first() else { return };
    let (most, requests) = if how & 1 == 0 { (SMALL, 2) } else { (LARGE, 16) };
    let whole = events(&[bytes], most, requests);
    assert_eq!(events(&parts(bytes, how), most, requests), whole, "split by {how}");
    for event in &whole.0 {
        match event {
            Event::Request { variables, keep, .. } => {
                kept(variables, most);
                let again = events(&[&begun(variables, *keep)], most, 1);
                let request = Event::Request { id: 1, variables: variables.clone(), keep: *keep };
                assert_eq!(again, (vec![request], None), "written and read again");
            }
            Event::Input { id, bytes } => assert_eq!(answered(*id, bytes), *bytes),
            Event::Values(asked) => values(asked),
            _ => {}
        }
    }
}

/// A netstring and a body.
pub(crate) fn scgi(input: &[u8]) {
    read_once(input, 11, scgi::head, |variables| {
        let text = |text: &Bytes| [text, &b"\0"[..]].concat();
        let pairs = variables.iter().flat_map(|(name, value)| [text(name), text(value)]);
        let content: Vec<u8> = pairs.flatten().collect();
        let (name, length) = &variables[0];
        assert_eq!(name, "CONTENT_LENGTH");
        let length = std::str::from_utf8(length).expect("digits").parse::<u64>();
        assert!(length.is_ok(), "a length of nothing");
        ([format!("{}:", content.len()).as_bytes(), &content, b","].concat(), variables)
    });
}

/// A packet and a body.
pub(crate) fn uwsgi(input: &[u8]) {
    read_once(input, 4, uwsgi::packet, |variables| {
        let text = |text: &Bytes| [&(text.len() as u16).to_le_bytes(), &text[..]].concat();
        let pairs = variables.iter().flat_map(|(name, value)| [text(name), text(value)]);
        let content: Vec<u8> = pairs.flatten().collect();
        let [low, high] = (content.len() as u16).to_le_bytes();
        ([&[0, low, high, 0], &content[..]].concat(), variables)
    });
}

/// A header of a load balancer, and what its client says.
pub(crate) fn proxy(input: &[u8]) {
    let Some((&how, bytes)) = input.split_first() else { return };
    let most = if how & 1 == 0 { 64 } else { 512 };
    let read = |input: &mut BytesMut| proxy::header(input, most);
    let whole = in_parts(&[bytes], read);
    assert_eq!(in_parts(&parts(bytes, how), read), whole, "split by {how}");
    match whole {
        (Ok(None), left) => {
            assert_eq!(left, bytes, "nothing is taken before all is there");
            assert!(left.len() < most.max(proxy::LINE_MAX), "more is asked for than is allowed");
        }
        (Ok(Some(ends)), left) => {
            assert!(bytes.ends_with(&left), "something behind the header was taken");
            assert!(bytes.len() - left.len() <= most.max(proxy::LINE_MAX));
            for mut again in said(ends) {
                again.extend_from_slice(&left);
                let read_again = in_parts(&[&again], |input| proxy::header(input, 512));
                assert_eq!(read_again, (Ok(Some(ends)), left.clone()), "written and read again");
            }
        }
        (Err(_), _) => {}
    }
}

/// A header of each version that says this.
fn said(ends: proxy::Ends) -> Vec<Vec<u8>> {
    let binary = |command: u8, kind: u8, addresses: &[u8]| {
        let length = (addresses.len() as u16).to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, kind][..], &length, addresses].concat()
    };
    let proxy::Ends::Addresses { remote, local } = ends else {
        return match ends {
            proxy::Ends::Local => vec![binary(0x21, 0x31, &[0; 216])],
            _ => vec![binary(0x20, 0, &[]), b"PROXY UNKNOWN\r\n".to_vec()],
        };
    };
    let (mut addresses, kind) = (Vec::new(), if remote.is_ipv4() { 4 } else { 6 });
    for end in [remote, local] {
        match end.ip() {
            IpAddr::V4(ip) => addresses.extend(ip.octets()),
            IpAddr::V6(ip) => addresses.extend(ip.octets()),
        }
    }
    [remote, local].iter().for_each(|end| addresses.put_u16(end.port()));
    let [from, to] = [remote.ip(), local.ip()];
    let line = format!("PROXY TCP{kind} {from} {to} {} {}\r\n", remote.port(), local.port());
    vec![binary(0x21, if kind == 4 { 0x11 } else { 0x21 }, &addresses), line.into_bytes()]
}

const SMALL: Most = Most { bytes: 64, count: 4 };
const LARGE: Most = Most { bytes: 128 * 1024, count: 200 };

/// Reads one head, whole and in parts. There is one way only to write what it says: `write` gives
/// that, and the variables. `around` bytes are not counted as variables.
fn read_once<T: PartialEq + fmt::Debug, E: PartialEq + fmt::Debug>(
    input: &[u8],
    around: usize,
    read: impl Fn(&mut BytesMut, Most) -> Result<Option<T>, E>,
    write: impl FnOnce(T) -> (Vec<u8>, Variables),
) {
    let Some((&how, bytes)) = input.split_first() else { return };
    let most = if how & 1 == 0 { SMALL } else { LARGE };
    let read = |input: &mut BytesMut| read(input, most);
    let whole = in_parts(&[bytes], read);
    assert_eq!(in_parts(&parts(bytes, how), read), whole, "split by {how}");
    match whole {
        (Ok(None), left) => {
            assert_eq!(left, bytes, "nothing is taken before all is there");
            assert!(left.len() < most.bytes + around, "more is asked for than is allowed");
        }
        (Ok(Some(head)), left) => {
            let (written, variables) = write(head);
            assert_eq!([&written, &left[..]].concat(), bytes, "written and read again");
            kept(&variables, most);
        }
        (Err(_), _) => {}
    }
}

/// What comes of bytes that arrive in these parts, and what is left.
fn in_parts<T: PartialEq, E: PartialEq>(
    parts: &[&[u8]],
    read: impl Fn(&mut BytesMut) -> Result<Option<T>, E>,
) -> (Result<Option<T>, E>, BytesMut) {
    let (mut arrived, mut out) = (BytesMut::new(), Ok(None));
    for part in parts {
        arrived.extend_from_slice(part);
        if out == Ok(None) {
            out = read(&mut arrived);
        }
    }
    // What a fault leaves is nobody's.
    let left = if out.is_ok() { arrived } else { BytesMut::new() };
    (out, left)
}

/// All events, with what follows each other of a body in one; a request is over with its body if
/// its number is odd, and when the client does not want it.
fn events(parts: &[&[u8]], most: Most, requests: usize) -> (Vec<Event>, Option<Fault>) {
    let mut decoder = Decoder::new(most, requests);
    let (mut arrived, mut events) = (BytesMut::new(), Vec::new());
    for part in parts {
        arrived.extend_from_slice(part);
        loop {
            let event = match decoder.next(&mut arrived) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(fault) => return (events, Some(fault)),
            };
            assert!(decoder.open() <= requests);
            match &event {
                Event::Abort { id } => drop(decoder.over(*id)),
                Event::InputEnd { id } if id % 2 == 1 => drop(decoder.over(*id)),
                Event::Input { bytes, .. } => assert!(!bytes.is_empty()),
                _ => {}
            }
            join(&mut events, event);
        }
        assert!(arrived.len() < HELD_BYTES, "{} bytes wait for more", arrived.len());
    }
    (events, None)
}

/// What may wait to be understood: a header, or a question.
const HELD_BYTES: usize = 8 + 1024;

fn join(events: &mut Vec<Event>, event: Event) {
    if let (Event::Input { id: more_of, bytes: more }, Some(Event::Input { id, bytes })) =
        (&event, events.last_mut())
        && id == more_of
    {
        *bytes = [&**bytes, &**more].concat().into();
    } else {
        events.push(event);
    }
}

/// A request that begins with these variables, as short as it can be written.
fn begun(variables: &Variables, keep: Keep) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in variables {
        for text in [name, value] {
            match text.len() {
                short @ ..0x80 => pairs.push(short as u8),
                long => pairs.extend((long as u32 | 1 << 31).to_be_bytes()),
            }
        }
        pairs.extend([&**name, &**value].concat());
    }
    let mut bytes = vec![1, 1, 0, 1, 0, 8, 0, 0, 0, 1, u8::from(keep == Keep::Open), 0, 0, 0, 0, 0];
    for part in pairs.chunks(0xffff).chain([&[][..]]) {
        let [high, low] = (part.len() as u16).to_be_bytes();
        bytes.extend([1, 4, 0, 1, high, low, 0, 0]);
        bytes.extend(part);
    }
    bytes
}

/// What a front server makes of a response of these bytes.
fn answered(of: u16, bytes: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    for part in bytes.chunks(encoder::CONTENT_MAX) {
        records.extend(encoder::header(of, Stream::Output, part.len()));
        records.extend([part, encoder::padding(part.len())].concat());
        assert!(records.len().is_multiple_of(8));
    }
    let (mut rest, mut read) = (&records[..], Vec::new());
    while let Some(&[1, 6, high, low, first, second, padding, 0]) = rest.first_chunk() {
        assert_eq!(u16::from_be_bytes([high, low]), of);
        let length = usize::from(u16::from_be_bytes([first, second]));
        read.extend(&rest[8..8 + length]);
        rest.advance(8 + length + usize::from(padding));
    }
    assert!(rest.is_empty(), "an output that is no record");
    read
}

/// What was asked and is known is told once, in one record.
fn values(asked: &[(Bytes, Bytes)]) {
    const OURS: [(&str, &str); 2] = [("FCGI_MAX_REQS", "16"), ("FCGI_MPXS_CONNS", "1")];
    let told = encoder::values(asked, &OURS);
    let wanted = OURS.iter().filter(|(name, _)| asked.iter().any(|(asked, _)| asked == name));
    let lengths = wanted.map(|(name, value)| 2 + name.len() + value.len());
    let length = lengths.sum::<usize>() as u8;
    assert_eq!(told[..6], [1, 10, 0, 0, 0, length]);
    assert_eq!(told.len(), usize::from(length + 8).next_multiple_of(8));
}

/// No more than was allowed, and none without a name.
fn kept(variables: &Variables, most: Most) {
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(bytes <= most.bytes && variables.len() <= most.count);
    assert!(variables.iter().all(|(name, _)| !name.is_empty()));
}

/// The same bytes in parts, the sizes of which follow from `how`: single bytes, or up to so many.
fn parts(bytes: &[u8], how: u8) -> Vec<&[u8]> {
    let most = [1, 7, 64, 5000][usize::from(how >> 1 & 3)];
    let (mut parts, mut rest, mut random) = (Vec::new(), bytes, u64::from(how));
    while !rest.is_empty() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (part, left) = rest.split_at((1 + (random >> 33) as usize % most).min(rest.len()));
        parts.push(part);
        rest = left;
    }
    parts
}
