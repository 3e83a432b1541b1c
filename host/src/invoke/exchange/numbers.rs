//! Numbers of field names by where their texts lie.
//!
//! Of a name that the crate `http` knows there is one text for all fields, so that its address says
//! what it is, and nothing of it is read.

use std::sync::LazyLock;

use dsgi::abi::known;
use http::HeaderName;

/// The numbers of names that have one text.
pub(super) struct Numbers([Place; PLACES]);

#[derive(Clone, Copy)]
struct Place {
    /// Zero where there is no text.
    address: usize,
    length: usize,
    number: u32,
}

/// A power of two, of which texts take less than a third.
const PLACES: usize = 256;

static NUMBERS: LazyLock<Numbers> = LazyLock::new(Numbers::of_all);

impl Numbers {
    /// All of them.
    #[inline]
    pub(super) fn get() -> &'static Self {
        &NUMBERS
    }

    /// The number of a lower-case name; 0 when it is not known.
    #[inline]
    pub(super) fn number(&self, name: &str) -> u32 {
        let (address, length) = (name.as_ptr().addr(), name.len());
        let mut at = first(address);
        loop {
            let place = &self.0[at];
            if place.address == address && place.length == length {
                return place.number;
            }
            if place.address == 0 {
                return known::id(name);
            }
            at = (at + 1) % PLACES;
        }
    }

    fn of_all() -> Self {
        let mut all = Self([Place { address: 0, length: 0, number: 0 }; PLACES]);
        for name in known::NAMES {
            let made = || HeaderName::from_bytes(name.as_bytes());
            // Two that are there at once have one text only if that is everybody's.
            if let (Ok(one), Ok(other)) = (made(), made())
                && std::ptr::eq(one.as_str(), other.as_str())
            {
                all.put(one.as_str(), known::id(name));
            }
        }
        all
    }

    fn put(&mut self, text: &str, number: u32) {
        let (address, length) = (text.as_ptr().addr(), text.len());
        let mut at = first(address);
        while self.0[at].address != 0 {
            at = (at + 1) % PLACES;
        }
        self.0[at] = Place { address, length, number };
    }
}

/// Where a text is looked for first.
const fn first(address: usize) -> usize {
    ((address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_number_wherever_its_text_lies() {
        let numbers = Numbers::get();
        for name in known::NAMES {
            let field = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let number = known::id(name);
            assert_eq!(numbers.number(field.as_str()), number, "{name}");
            assert_eq!(numbers.number(&String::from(*name)), number, "a copy of {name}");
            // A text that begins where another one does.
            let shorter = &field.as_str()[..name.len() - 1];
            assert_eq!(numbers.number(shorter), known::id(shorter), "{shorter}");
        }
        assert_eq!((numbers.number("x-unknown"), numbers.number("")), (0, 0));
    }

    #[test]
    fn most_names_are_told_by_their_address() {
        let places = Numbers::get().0;
        let taken = places.iter().filter(|place| place.address != 0).count();
        assert!(taken > 50 && taken < PLACES / 2, "{taken} of {}", known::NAMES.len());
        let host = places.iter().filter(|place| place.number == known::HOST).count();
        assert_eq!(host, 1);
    }
}
