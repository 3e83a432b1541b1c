//! A front server that speaks FastCGI, record by record.

use super::doors::{Answer, First, Wire};
use std::collections::BTreeMap;
use std::io::Read;

pub(crate) const BEGIN: u8 = 1;
pub(crate) const ABORT: u8 = 2;
pub(crate) const END: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const STDOUT: u8 = 6;
pub(crate) const STDERR: u8 = 7;
pub(crate) const GET_VALUES: u8 = 9;
pub(crate) const GET_VALUES_RESULT: u8 = 10;
pub(crate) const UNKNOWN_TYPE: u8 = 11;

/// A connection.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) wire: Wire,
    /// What has come of each request that is not over.
    come: BTreeMap<u16, Come>,
}

/// What the host has said of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Come {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
    /// The status of the protocol, once it is over.
    pub(crate) status: Option<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) id: u16,
    pub(crate) content: Vec<u8>,
}

/// A record, with some padding.
pub(crate) fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("one record").to_be_bytes();
    let ([high, low], padding) = (id.to_be_bytes(), (content.len() % 5) as u8);
    let mut bytes = vec![1, kind, high, low, length[0], length[1], padding, 0];
    bytes.extend(content);
    bytes.resize(bytes.len() + usize::from(padding), 0xaa);
    bytes
}

pub(crate) fn begin(id: u16, role: u8, keep: u8) -> Vec<u8> {
    record(BEGIN, id, &[0, role, keep, 0, 0, 0, 0, 0])
}

/// Names and values behind their lengths.
pub(crate) fn pairs(variables: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in variables {
        for length in [name.len(), value.len()] {
            match u8::try_from(length) {
                Ok(short @ 0..128) => bytes.push(short),
                _ => bytes.extend((length as u32 | 1 << 31).to_be_bytes()),
            }
        }
        bytes.extend(name.as_bytes());
        bytes.extend(value.as_bytes());
    }
    bytes
}

/// A whole request: keep is 0 or 1.
pub(crate) fn request(id: u16, keep: u8, variables: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut bytes = begin(id, 1, keep);
    let blocks = [(PARAMS, pairs(variables)), (STDIN, body.to_vec())];
    for (kind, content) in blocks {
        for block in content.chunks(40_000) {
            bytes.extend(record(kind, id, block));
        }
        bytes.extend(record(kind, id, b""));
    }
    bytes
}

impl Front {
    pub(crate) fn open(shown: &str) -> Self {
        Self { wire: Wire::open(shown), come: BTreeMap::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.wire.send(bytes);
    }

    /// The next record; none at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Record> {
        let mut header = [0; 8];
        if self.wire.first(&mut header[..1]) == First::End {
            return None;
        }
        self.wire.read_exact(&mut header[1..]).expect("a whole header");
        let [version, kind, high, low, length_high, length_low, padding, _] = header;
        assert_eq!(version, 1, "{header:?}");
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let mut content = vec![0; length + usize::from(padding)];
        self.wire.read_exact(&mut content).expect("a whole record");
        assert_eq!(content.len() % 8, 0, "records are padded: {header:?}");
        content.truncate(length);
        Some(Record { kind, id: u16::from_be_bytes([high, low]), content })
    }

    /// Everything of one request; what comes of others is kept.
    pub(crate) fn come(&mut self, id: u16) -> Come {
        loop {
            if self.come.get(&id).is_some_and(|come| come.status.is_some()) {
                return self.come.remove(&id).unwrap_or_default();
            }
            let Some(Record { kind, id: of, content }) = self.next() else {
                return self.come.remove(&id).unwrap_or_default();
            };
            let come = self.come.entry(of).or_default();
            assert_eq!(come.status, None, "a record behind the last one");
            match kind {
                STDOUT => come.output.extend(content),
                STDERR => come.errors.extend(content),
                END => {
                    assert_eq!((content.len(), &content[..4]), (8, &[0; 4][..]));
                    come.status = Some(content[4]);
                }
                kind => panic!("a record of type {kind}"),
            }
        }
    }

    /// The answer to a request that is answered.
    pub(crate) fn answer(&mut self, id: u16) -> Answer {
        let come = self.come(id);
        assert_eq!(come.status, Some(0), "{}", String::from_utf8_lossy(&come.output));
        Answer::read(&come.output)
    }

    /// Whether the connection ends here.
    pub(crate) fn is_over(&mut self) -> bool {
        self.next().is_none()
    }
}
