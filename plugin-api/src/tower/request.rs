//! An exchange as a request of a service.

use std::mem::{self, ManuallyDrop};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};

use super::exchange::Exchange;
use super::{Body, target};
use crate::Result;
use crate::abi::known;
use crate::bridge::exchange::{Handle, Text};

/// What a client may want beside an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// It names another protocol, or wants a tunnel.
    Upgrade,
}

/// The request that an exchange is about.
pub(super) fn of(handle: Handle) -> Result<(Request<Body>, Wish)> {
    let handle = Arc::new(handle);
    let (headers, seen) = headers(&handle)?;
    let body = Body::new(Arc::clone(&handle), length(&handle, seen));
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(handle.text(Text::Method))?;
    *request.uri_mut() = target::of(&handle)?;
    *request.version_mut() = version(handle.protocol());
    *request.headers_mut() = headers;
    request.extensions_mut().insert(Exchange::new(handle));
    let upgrade = seen.has(Seen::UPGRADE) || request.method() == Method::CONNECT;
    Ok((request, if upgrade { Wish::Upgrade } else { Wish::Nothing }))
}

/// Bits of fields that say something of the request as a whole, for those that are there.
#[derive(Clone, Copy, Debug, Default)]
struct Seen(u32);

impl Seen {
    const TRANSFER_ENCODING: u32 = 1;
    const UPGRADE: u32 = 2;

    const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
}

/// The values lie in one block, of which each has its part; a name that has a number is not read.
fn headers(handle: &Handle) -> Result<(HeaderMap, Seen)> {
    let rows = handle.numbered();
    let (count, bytes) =
        rows.clone().fold((0, 0), |(count, bytes), (_, _, value)| (count + 1, bytes + value.len()));
    let mut block = BytesMut::with_capacity(bytes);
    rows.clone().for_each(|(_, _, value)| block.extend_from_slice(value));
    let block = block.freeze();
    let (mut map, mut from, mut seen) = (HeaderMap::with_capacity(count), 0, Seen::default());
    for (number, name, value) in rows {
        let name = match KNOWN.get((number as usize).wrapping_sub(1)) {
            Some(name) => name.clone(),
            None => HeaderName::from_bytes(name)?,
        };
        if number == TRANSFER_ENCODING {
            seen.0 |= Seen::TRANSFER_ENCODING;
        } else if number == UPGRADE {
            seen.0 |= Seen::UPGRADE;
        }
        map.append(name, part(&block, from, value.len())?);
        from += value.len();
    }
    Ok((map, seen))
}

fn part(block: &Bytes, from: usize, length: usize) -> Result<HeaderValue> {
    Ok(HeaderValue::from_maybe_shared(block.slice(from..from + length))?)
}

/// The length of the body, where it is known: without a length and without chunks there is none.
fn length(handle: &Handle, seen: Seen) -> Option<u64> {
    let is_none = handle.protocol() < 20 && !seen.has(Seen::TRANSFER_ENCODING);
    handle.content_length().or(is_none.then_some(0))
}

const fn version(protocol: u32) -> Version {
    match protocol {
        9 => Version::HTTP_09,
        10 => Version::HTTP_10,
        20 => Version::HTTP_2,
        30 => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// The name with number `n` stands at `n - 1`. Made by the compiler, for what a library puts on the
/// heap for a static stays there when the library is gone.
static KNOWN: [HeaderName; known::NAMES.len()] = {
    let mut names = [const { HeaderName::from_static("host") }; known::NAMES.len()];
    let mut at = 0;
    while at < names.len() {
        let name = HeaderName::from_static(known::NAMES[at]);
        let _ = ManuallyDrop::new(mem::replace(&mut names[at], name));
        at += 1;
    }
    names
};

const TRANSFER_ENCODING: u32 = 70;
const UPGRADE: u32 = 71;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_stands_at_its_number() {
        for (name, text) in KNOWN.iter().zip(known::NAMES) {
            assert_eq!(name.as_str(), *text);
        }
        assert_eq!(known::name(TRANSFER_ENCODING), Some("transfer-encoding"));
        assert_eq!(known::name(UPGRADE), Some("upgrade"));
    }
}
