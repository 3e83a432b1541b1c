//! Codecs of the protocols by which front servers pass requests on: bytes in, values out.
//!
//! Nothing here reads or writes. A decoder is given what has arrived, takes what it understands off
//! its front, and says when it needs more. Invariant: what comes out does not depend on where the
//! bytes were split, and nothing is kept that is larger than was allowed.

pub(crate) mod fastcgi;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
pub(crate) mod proxy;
pub(crate) mod scgi;
pub(crate) mod uwsgi;

use bytes::Bytes;

/// Variables in the order in which they came, each with its value; a name may be there twice.
pub(crate) type Variables = Vec<(Bytes, Bytes)>;

/// How much of variables one request may bring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Bytes of all of them, as they are on the wire.
    pub(crate) bytes: usize,
    pub(crate) count: usize,
}

/// Why variables cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("more than {0} bytes of variables")]
    Bytes(usize),
    #[error("more than {0} variables")]
    Count(usize),
    #[error("a variable that is longer than all of them")]
    Beyond,
    #[error("a variable without a name")]
    Nameless,
}

impl Most {
    /// Puts one more to the others.
    fn add(self, variables: &mut Variables, name: Bytes, value: Bytes) -> Result<(), Unusable> {
        if name.is_empty() {
            return Err(Unusable::Nameless);
        }
        if variables.len() == self.count {
            return Err(Unusable::Count(self.count));
        }
        variables.push((name, value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use bytes::BytesMut;

    use super::*;

    pub(super) const MOST: Most = Most { bytes: 512, count: 8 };

    pub(super) fn pair(name: &str, value: &str) -> (Bytes, Bytes) {
        (Bytes::copy_from_slice(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes()))
    }

    /// Gives a decoder the bytes in every pair of parts and one by one: what comes out must be the
    /// same; gives that, and what was left.
    pub(super) fn however_split<T: PartialEq + fmt::Debug>(
        bytes: &[u8],
        decode: impl Fn(&mut BytesMut) -> Option<T>,
    ) -> (Option<T>, Vec<u8>) {
        let in_parts = |parts: &[&[u8]]| {
            let (mut input, mut out) = (BytesMut::new(), None);
            for part in parts {
                input.extend_from_slice(part);
                out = out.or_else(|| decode(&mut input));
            }
            (out, input.to_vec())
        };
        let whole = in_parts(&[bytes]);
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(in_parts(&[first, second]), whole, "split at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(in_parts(&single), whole, "byte by byte");
        whole
    }
}
