//! The uwsgi protocol: a packet of variables, and the body behind it.
//!
//! `modifier1 (1) size (2, little-endian) modifier2 (1)`, then pairs of strings, each behind its
//! length (2, little-endian). Only modifiers 0 and 0 are a request of a web server.

use bytes::{Buf, Bytes, BytesMut};

use super::{Most, Unusable, Variables};

/// Why a packet is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("modifiers {0} and {1}, where only 0 and 0 are a request")]
    Modifiers(u8, u8),
    #[error(transparent)]
    Variables(#[from] Unusable),
}

const HEAD_BYTES: usize = 4;

/// Takes a packet off the front of what has arrived; none while it is not whole.
pub(crate) fn packet(input: &mut BytesMut, most: Most) -> Result<Option<Variables>, Fault> {
    let Some(&[modifier, low, high, other]) = input.first_chunk::<HEAD_BYTES>() else {
        return Ok(None);
    };
    if (modifier, other) != (0, 0) {
        return Err(Fault::Modifiers(modifier, other));
    }
    let size = usize::from(u16::from_le_bytes([low, high]));
    if size > most.bytes {
        return Err(Unusable::Bytes(most.bytes).into());
    }
    if input.len() < HEAD_BYTES + size {
        return Ok(None);
    }
    input.advance(HEAD_BYTES);
    let mut rest = input.split_to(size).freeze();
    let mut variables = Variables::new();
    while !rest.is_empty() {
        let name = string(&mut rest)?;
        most.add(&mut variables, name, string(&mut rest)?)?;
    }
    Ok(Some(variables))
}

fn string(rest: &mut Bytes) -> Result<Bytes, Unusable> {
    let length = usize::from(rest.try_get_u16_le().map_err(|_| Unusable::Beyond)?);
    if length > rest.len() {
        return Err(Unusable::Beyond);
    }
    Ok(rest.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::{MOST, however_split, pair};

    fn packed(size: Option<usize>, pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut body = Vec::new();
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            body.extend((text.len() as u16).to_le_bytes());
            body.extend(text.as_bytes());
        }
        let size = size.unwrap_or(body.len()) as u16;
        let mut bytes = vec![0, size.to_le_bytes()[0], size.to_le_bytes()[1], 0];
        bytes.extend(body);
        bytes
    }

    fn decoded(bytes: &[u8]) -> (Option<Result<Variables, Fault>>, Vec<u8>) {
        however_split(bytes, |input| packet(input, MOST).transpose())
    }

    #[test]
    fn a_packet_is_read_however_it_comes_and_the_body_is_left() {
        let long = "x".repeat(300);
        let mut bytes = packed(None, &[("A", "1"), ("B", ""), ("A", "2"), ("L", &long)]);
        bytes.extend(b"body");
        let (variables, left) = decoded(&bytes);
        let all = vec![pair("A", "1"), pair("B", ""), pair("A", "2"), pair("L", &long)];
        assert_eq!((variables, &*left), (Some(Ok(all)), &b"body"[..]));
        assert_eq!(decoded(&packed(None, &[])).0, Some(Ok(Variables::new())));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let refused = |bytes: &[u8]| decoded(bytes).0.expect("an answer").unwrap_err();
        for (first, last) in [(5, 0), (0, 1), (255, 30)] {
            let mut bytes = packed(None, &[("A", "1")]);
            (bytes[0], bytes[3]) = (first, last);
            assert_eq!(refused(&bytes), Fault::Modifiers(first, last));
        }
        let many = [("A", "1"); MOST.count + 1];
        assert_eq!(refused(&packed(None, &many)), Unusable::Count(MOST.count).into());
        assert!(matches!(decoded(&packed(None, &many[1..])).0, Some(Ok(_))), "the limit itself");
        assert_eq!(refused(&packed(None, &[("", "1")])), Unusable::Nameless.into());
        // Before it has arrived.
        assert_eq!(refused(&[0, 1, 2, 0]), Unusable::Bytes(512).into());
        assert_eq!(decoded(&[0, 0, 2, 0]), (None, vec![0, 0, 2, 0]), "the limit itself");
        for cut in [1, 2, 3, 4, 5] {
            // The packet is whole, and its last string is not.
            let bytes = packed(Some(6 - cut), &[("A", "1")]);
            assert_eq!(refused(&bytes[..bytes.len() - cut]), Unusable::Beyond.into(), "{cut}");
        }
    }
}
