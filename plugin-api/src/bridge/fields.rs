//! Header fields of a request that the host has checked, as those of the crate `http`.

use std::mem::{self, ManuallyDrop};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::abi::known;

/// The name with number `n` stands at `n - 1`. Made by the compiler, for what a library puts on the
/// heap for a static stays there when the library is gone.
pub(crate) static NAMES: [HeaderName; known::NAMES.len()] = {
    let mut names = [const { HeaderName::from_static("host") }; known::NAMES.len()];
    let mut at = 0;
    while at < names.len() {
        let name = HeaderName::from_static(known::NAMES[at]);
        let _ = ManuallyDrop::new(mem::replace(&mut names[at], name));
        at += 1;
    }
    names
};

/// The value of a field of a head: to look at each byte again would cost as much as the rest of it.
#[inline]
pub(crate) fn value(bytes: Bytes) -> HeaderValue {
    // SAFETY: a rule of the boundary: values of a head have no control characters but tabs. Nothing
    // reads a value as more than bytes without looking.
    unsafe { HeaderValue::from_maybe_shared_unchecked(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_stands_at_its_number() {
        for (name, text) in NAMES.iter().zip(known::NAMES) {
            assert_eq!(name.as_str(), *text);
        }
    }
}
