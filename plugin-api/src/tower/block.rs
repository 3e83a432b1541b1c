//! One piece of memory for texts of a request, of which each has its part.
//!
//! Few bytes lie beside the count of their users, so that there is one allocation for both.

use bytes::Bytes;

/// Bytes that lie beside the count; a target and a cookie, say.
const FEW: usize = 232;

struct Few {
    bytes: [u8; FEW],
    length: usize,
}

/// These texts, one behind the other.
pub(super) fn of<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Bytes {
    let length = texts.clone().map(<[u8]>::len).sum();
    if length > FEW {
        return many(texts, length);
    }
    let mut few = Few { bytes: [0; FEW], length };
    let mut left = few.bytes.as_mut_slice();
    for text in texts {
        let (here, rest) = left.split_at_mut(text.len());
        here.copy_from_slice(text);
        left = rest;
    }
    Bytes::from_owner(few)
}

#[inline(never)]
fn many<'a>(texts: impl Iterator<Item = &'a [u8]>, length: usize) -> Bytes {
    let mut many = Vec::with_capacity(length);
    texts.for_each(|text| many.extend_from_slice(text));
    Bytes::from(many)
}

impl AsRef<[u8]> for Few {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lie_one_behind_the_other() {
        for length in [0, 1, FEW - 2, FEW - 1, FEW, 1000] {
            let long = vec![b'x'; length];
            let block = of([b"ab".as_slice(), &long].into_iter());
            assert_eq!(block, [b"ab", long.as_slice()].concat(), "{length}");
        }
    }
}
