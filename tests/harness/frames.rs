//! Frames of HTTP/2 as bytes, for what no proper client would send or show (RFC 9113 4.1).

use super::client::Connection;
use std::io::Result;

/// What every connection of a client begins with, and its settings: none.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a short frame").to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], self.kind, self.flags];
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    pub(crate) fn read(connection: &mut Connection) -> Result<Self> {
        let head = connection.exactly(9)?;
        let number =
            |bytes: &[u8]| bytes.iter().fold(0, |so_far, one| so_far << 8 | u32::from(*one));
        let length = usize::try_from(number(&head[..3])).expect("24 bits");
        let payload = connection.exactly(length)?;
        Ok(Self { kind: head[3], flags: head[4], stream: number(&head[5..]), payload })
    }

    /// Reads up to the first frame of this kind.
    pub(crate) fn read_kind(connection: &mut Connection, kind: u8) -> Result<Self> {
        loop {
            let frame = Self::read(connection)?;
            if frame.kind == kind {
                return Ok(frame);
            }
        }
    }
}

/// `GET path` as a whole stream.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    // RFC 7541 appendix A: method GET, scheme http; then the literals of :path and :authority.
    let mut payload = vec![0x82, 0x86, 0x04];
    for text in [path, "a.example"] {
        payload.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("short"));
        payload.extend(text.as_bytes());
        payload.extend((text == path).then_some(0x01));
    }
    // END_STREAM and END_HEADERS.
    Frame { kind: HEADERS, flags: 0x5, stream, payload }.bytes()
}

/// The end of a stream by a client that does not want it any more (RFC 9113 8.1).
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    let cancel = 8_u32.to_be_bytes().to_vec();
    Frame { kind: RST_STREAM, flags: 0, stream, payload: cancel }.bytes()
}

/// A ping that must be answered.
pub(crate) fn ping() -> Vec<u8> {
    Frame { kind: PING, flags: 0, stream: 0, payload: b"pingpong".to_vec() }.bytes()
}
