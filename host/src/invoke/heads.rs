//! Whole heads of responses, remembered as checked and parsed.
//!
//! Most applications send a few heads again and again. A thread that has seen all fields of one
//! before keeps it whole, so that the next time one comparison of bytes takes the place of all
//! others. What is compared is what was checked, byte for byte and field for field.

use std::cell::RefCell;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

/// Heads a thread remembers; a power of two.
const REMEMBERED: usize = 16;
/// Longer heads are rarely the same twice.
const TEXT_BYTES_MAX: usize = 512;

/// A head as an application has laid it out.
#[derive(Clone, Copy)]
pub(super) struct Head<'a, R> {
    pub(super) status: StatusCode,
    /// Reason, names and values, one behind the other.
    pub(super) text: &'a [u8],
    /// Lengths of names and values, in order.
    pub(super) lengths: R,
}

/// Lengths of the name and of the value of a field.
pub(super) type Lengths = (usize, usize);

struct Known {
    status: StatusCode,
    text: Box<[u8]>,
    fields: Box<[Field]>,
}

struct Field {
    lengths: Lengths,
    name: HeaderName,
    value: HeaderValue,
}

thread_local! {
    static HEADS: RefCell<[Option<Known>; REMEMBERED]> =
        const { RefCell::new([const { None }; REMEMBERED]) };
}

impl<R: ExactSizeIterator<Item = Lengths> + Clone> Head<'_, R> {
    /// Appends the fields of this head, if it is remembered.
    #[inline]
    pub(super) fn recall(&self, headers: &mut HeaderMap) -> bool {
        HEADS.with_borrow(|heads| match &heads[self.place()] {
            Some(known) if self.is(known) => {
                for Field { name, value, .. } in &known.fields {
                    headers.append(name.clone(), value.clone());
                }
                true
            }
            _ => false,
        })
    }

    /// Remembers this head with the fields that it came to.
    #[cold]
    pub(super) fn remember(&self, headers: &HeaderMap) {
        if self.text.len() > TEXT_BYTES_MAX || headers.len() != self.lengths.len() {
            return;
        }
        let fields = self.lengths.clone().zip(headers).map(|(lengths, (name, value))| Field {
            lengths,
            name: name.clone(),
            value: value.clone(),
        });
        let (status, text) = (self.status, self.text.into());
        let known = Known { status, text, fields: fields.collect() };
        HEADS.with_borrow_mut(|heads| heads[self.place()] = Some(known));
    }

    #[inline]
    fn is(&self, known: &Known) -> bool {
        self.status == known.status
            && self.lengths.len() == known.fields.len()
            && *self.text == *known.text
            && self
                .lengths
                .clone()
                .zip(&known.fields)
                .all(|(lengths, field)| lengths == field.lengths)
    }

    /// Where a head is remembered: heads of one application differ in one of these.
    #[inline]
    fn place(&self) -> usize {
        let status = usize::from(self.status.as_u16());
        (self.text.len() + self.lengths.len() * 5 + status * 3) % REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(
        text: &'a str,
        lengths: &'a [Lengths],
    ) -> Head<'a, impl ExactSizeIterator<Item = Lengths> + Clone> {
        Head { status: StatusCode::OK, text: text.as_bytes(), lengths: lengths.iter().copied() }
    }

    #[test]
    fn only_the_very_same_head_is_recalled() {
        let mut sent = HeaderMap::new();
        sent.insert("ab", HeaderValue::from_static("c"));
        let mut recalled = HeaderMap::new();
        assert!(!head("OKabc", &[(2, 1)]).recall(&mut recalled), "recalled before it was seen");
        head("OKabc", &[(2, 1)]).remember(&sent);
        assert!(head("OKabc", &[(2, 1)]).recall(&mut recalled));
        assert_eq!(recalled, sent);
        for (text, lengths) in
            [("OKabc", [(1, 2)]), ("OKabd", [(2, 1)]), ("Kabcd", [(2, 2)]), ("OKabc", [(1, 1)])]
        {
            assert!(!head(text, &lengths).recall(&mut HeaderMap::new()), "{text} {lengths:?}");
        }
        let other = Head { status: StatusCode::ACCEPTED, ..head("OKabc", &[(2, 1)]) };
        assert!(!other.recall(&mut HeaderMap::new()), "another status");
    }

    #[test]
    fn repeated_fields_come_back_in_order() {
        let mut sent = HeaderMap::new();
        for (name, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            sent.append(name, HeaderValue::from_static(value));
        }
        let lengths = [(1, 1); 3];
        head("OKa1b2a3", &lengths).remember(&sent);
        let mut recalled = HeaderMap::new();
        assert!(head("OKa1b2a3", &lengths).recall(&mut recalled));
        assert_eq!(recalled, sent);
    }
}
