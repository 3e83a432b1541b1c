//! Records that come from the front server.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};

use super::{HEADER_BYTES, VERSION, kind};
use crate::wire::{Most, Unusable, Variables};

/// Reads the records of one connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    most: Most,
    requests: usize,
    place: Place,
    /// The requests that were begun and are not over.
    open: BTreeMap<u16, Open>,
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// All variables of a request, which begins with them.
    Request { id: u16, variables: Variables, keep: Keep },
    /// Some of its body.
    Input { id: u16, bytes: Bytes },
    /// The end of its body.
    InputEnd { id: u16 },
    /// The front does not want a request any more, which may not have come whole.
    Abort { id: u16 },
    /// A request that is not to be answered by an application; it is forgotten.
    Refused { id: u16, why: Refused, keep: Keep },
    /// What the front wants to know, each with no value.
    Values(Variables),
    /// A record of a type that the specification does not have.
    Unknown { kind: u8 },
}

/// What becomes of the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Open,
    Close,
}

/// How much of a request has come when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    All,
    /// More may come.
    Some,
}

/// Why a request is not one, on a connection that can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("role {0}, where only 1 is a request of a web server")]
    Role(u16),
    #[error("more than {0} requests at once on one connection")]
    Overloaded(usize),
    #[error("a body before the end of the variables")]
    Order,
    #[error(transparent)]
    Variables(#[from] Unusable),
}

/// Why a connection cannot go on: where its records are is not known any more, or whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("version {0} of a record, where only 1 is known")]
    Version(u8),
    #[error("a request that begins with {0} bytes, where eight are needed")]
    Begin(usize),
    #[error("request {0} begins within itself")]
    Again(u16),
    #[error("request 0, which is the connection itself")]
    Zero,
    #[error("more than {0} bytes of names")]
    Values(usize),
}

/// Where in a record the next byte is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Header,
    Content { record: Record, left: usize },
    Padding { left: usize },
}

#[derive(Clone, Copy, Debug)]
struct Record {
    kind: u8,
    id: u16,
    length: usize,
    padding: usize,
}

/// A request under way.
#[derive(Debug)]
struct Open {
    keep: Keep,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Variables(BytesMut),
    Input,
    Ended,
}

const BEGIN_BYTES: usize = 8;
const RESPONDER: u16 = 1;
const KEEP: u8 = 1;

/// Bytes of names that a front asks for; the specification has three names.
const VALUES_BYTES: usize = 1024;

impl Decoder {
    /// For a connection of so many requests at once, which bring no more than this each.
    pub(crate) const fn new(most: Most, requests: usize) -> Self {
        Self { most, requests, place: Place::Header, open: BTreeMap::new() }
    }

    /// How many requests were begun and are not over.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether the last record has come whole.
    pub(crate) fn is_between(&self) -> bool {
        match self.place {
            Place::Header => true,
            Place::Content { record, left } => left + record.padding == 0,
            Place::Padding { left } => left == 0,
        }
    }

    /// A request is over: its number may be used again, and what still comes for it is passed over.
    pub(crate) fn over(&mut self, id: u16) -> Heard {
        match self.open.remove(&id) {
            Some(Open { stage: Stage::Ended, .. }) => Heard::All,
            _ => Heard::Some,
        }
    }

    /// Takes what is next off the front of what has arrived; none where more is needed.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Fault> {
        loop {
            match self.place {
                Place::Header => {
                    let Some(record) = Record::take(input)? else { return Ok(None) };
                    self.place = Place::Content { record, left: record.length };
                    if let Some(event) = self.seen(record) {
                        return Ok(Some(event));
                    }
                }
                Place::Content { record: Record { padding, .. }, left: 0 } => {
                    self.place = Place::Padding { left: padding };
                }
                Place::Content { record, left } => {
                    let arrived = left.min(input.len());
                    if arrived == 0 || (record.is_read_whole() && arrived < left) {
                        return Ok(None);
                    }
                    self.place = Place::Content { record, left: left - arrived };
                    let content = input.split_to(arrived).freeze();
                    if let Some(event) = self.take(record, content)? {
                        return Ok(Some(event));
                    }
                }
                Place::Padding { left } => {
                    let arrived = left.min(input.len());
                    input.advance(arrived);
                    if arrived < left {
                        self.place = Place::Padding { left: left - arrived };
                        return Ok(None);
                    }
                    self.place = Place::Header;
                }
            }
        }
    }

    /// What the header of a record says by itself.
    fn seen(&mut self, Record { kind, id, length, .. }: Record) -> Option<Event> {
        match (kind, length) {
            (kind::ABORT, _) => self.open.contains_key(&id).then_some(Event::Abort { id }),
            (kind::VARIABLES, 0) => self.variables_end(id),
            (kind::INPUT, 0) => self.input_end(id),
            (kind::VALUES, 0) if id == 0 => Some(Event::Values(Variables::new())),
            (kind::BEGIN..=kind::UNKNOWN, _) => None,
            (kind, _) => Some(Event::Unknown { kind }),
        }
    }

    /// Some content of a record, or all of one that is read whole.
    fn take(&mut self, record: Record, content: Bytes) -> Result<Option<Event>, Fault> {
        let Record { kind, id, .. } = record;
        Ok(match kind {
            kind::BEGIN => return self.begin(id, &content),
            kind::VARIABLES => self.variables(id, &content),
            kind::INPUT => self.input(id, content),
            kind::VALUES if id == 0 => {
                // A front that cannot write names does not learn values.
                let most = Most { bytes: VALUES_BYTES, count: VALUES_BYTES };
                Some(Event::Values(pairs(content, most).unwrap_or_default()))
            }
            // What the front does not send, and bodies for other roles.
            _ => None,
        })
    }

    fn begin(&mut self, id: u16, content: &[u8]) -> Result<Option<Event>, Fault> {
        let &[high, low, flags, ..] = content else { return Err(Fault::Begin(content.len())) };
        if id == 0 {
            return Err(Fault::Zero);
        }
        if self.open.contains_key(&id) {
            return Err(Fault::Again(id));
        }
        let keep = if flags & KEEP == 0 { Keep::Close } else { Keep::Open };
        match u16::from_be_bytes([high, low]) {
            RESPONDER if self.open.len() == self.requests => {
                let why = Refused::Overloaded(self.requests);
                Ok(Some(Event::Refused { id, why, keep }))
            }
            RESPONDER => {
                self.open.insert(id, Open { keep, stage: Stage::Variables(BytesMut::new()) });
                Ok(None)
            }
            role => Ok(Some(Event::Refused { id, why: Refused::Role(role), keep })),
        }
    }

    fn variables(&mut self, id: u16, content: &[u8]) -> Option<Event> {
        let Stage::Variables(bytes) = &mut self.open.get_mut(&id)?.stage else { return None };
        if bytes.len() + content.len() > self.most.bytes {
            return self.refuse(id, Unusable::Bytes(self.most.bytes).into());
        }
        bytes.extend_from_slice(content);
        None
    }

    fn variables_end(&mut self, id: u16) -> Option<Event> {
        let Open { keep, stage } = self.open.get_mut(&id)?;
        let Stage::Variables(bytes) = stage else { return None };
        let bytes = std::mem::take(bytes).freeze();
        *stage = Stage::Input;
        let keep = *keep;
        match pairs(bytes, self.most) {
            Ok(variables) => Some(Event::Request { id, variables, keep }),
            Err(why) => self.refuse(id, why.into()),
        }
    }

    fn input(&mut self, id: u16, bytes: Bytes) -> Option<Event> {
        match self.open.get(&id)?.stage {
            Stage::Variables(_) => self.refuse(id, Refused::Order),
            Stage::Input => Some(Event::Input { id, bytes }),
            Stage::Ended => None,
        }
    }

    fn input_end(&mut self, id: u16) -> Option<Event> {
        let stage = &mut self.open.get_mut(&id)?.stage;
        match stage {
            Stage::Variables(_) => self.refuse(id, Refused::Order),
            Stage::Input => {
                *stage = Stage::Ended;
                Some(Event::InputEnd { id })
            }
            Stage::Ended => None,
        }
    }

    fn refuse(&mut self, id: u16, why: Refused) -> Option<Event> {
        let Open { keep, .. } = self.open.remove(&id)?;
        Some(Event::Refused { id, why, keep })
    }
}

impl Record {
    /// The header of the next record; none while it has not arrived.
    fn take(input: &mut BytesMut) -> Result<Option<Self>, Fault> {
        let Some(&[version, kind, id_high, id_low, high, low, padding, _]) =
            input.first_chunk::<HEADER_BYTES>()
        else {
            return Ok(None);
        };
        if version != VERSION {
            return Err(Fault::Version(version));
        }
        let id = u16::from_be_bytes([id_high, id_low]);
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind == kind::BEGIN && length != BEGIN_BYTES {
            return Err(Fault::Begin(length));
        }
        if kind == kind::VALUES && length > VALUES_BYTES {
            return Err(Fault::Values(VALUES_BYTES));
        }
        input.advance(HEADER_BYTES);
        Ok(Some(Self { kind, id, length, padding: usize::from(padding) }))
    }

    /// Whether its content makes sense only as a whole, and is short.
    const fn is_read_whole(self) -> bool {
        matches!(self.kind, kind::BEGIN | kind::VALUES)
    }
}

/// Names and values, each behind its length: of one byte, or of four with the highest bit set.
fn pairs(mut bytes: Bytes, most: Most) -> Result<Variables, Unusable> {
    let mut variables = Variables::new();
    while !bytes.is_empty() {
        let lengths = [length(&mut bytes)?, length(&mut bytes)?];
        let [name, value] = lengths.map(|length| {
            (length <= bytes.len()).then(|| bytes.split_to(length)).ok_or(Unusable::Beyond)
        });
        most.add(&mut variables, name?, value?)?;
    }
    Ok(variables)
}

fn length(bytes: &mut Bytes) -> Result<usize, Unusable> {
    const LONG: u32 = 1 << 31;
    let beyond = |_| Unusable::Beyond;
    match bytes.first() {
        Some(0x80..) => {
            let length = bytes.try_get_u32().map_err(beyond)? & !LONG;
            usize::try_from(length).map_err(|_| Unusable::Beyond)
        }
        _ => bytes.try_get_u8().map(usize::from).map_err(beyond),
    }
}

#[cfg(test)]
mod tests;
