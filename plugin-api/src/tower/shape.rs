//! The shapes of heads: a client sends fields of the same names in the same order again and again.
//!
//! To copy a map of the same names costs a third of making one, and what differs from the map's
//! values is put into the copy. A map keeps its own copies of values, and none that may be secret.
//! Each thread has shapes of its own, as far as there are places, so that cores do not count the
//! users of the same values.

use std::mem::{self, ManuallyDrop};
use std::ptr;
use std::sync::Mutex;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
};

use super::block;
use crate::Result;
use crate::abi::known;
use crate::bridge::fields;

/// A field as it was received: the number of its name, or 0, the name and the value.
pub(super) type Row<'a> = (u32, &'a [u8], &'a [u8]);

/// What was laid beside the fields of a request: its target, and what was seen of them.
pub(super) type Beside = (Bytes, Seen);

/// Bits of fields that say something of the request as a whole, for those that are there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen(u8);

impl Seen {
    pub(super) const TRANSFER_ENCODING: u8 = 1;
    pub(super) const UPGRADE: u8 = 2;

    pub(super) const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    const fn see(&mut self, number: u32) {
        self.0 |= match number {
            known::TRANSFER_ENCODING => Self::TRANSFER_ENCODING,
            known::UPGRADE => Self::UPGRADE,
            _ => 0,
        };
    }
}

/// The shapes that a service has seen.
pub(super) struct Shapes([Mutex<[Place; PLACES]>; THREADS]);

#[derive(Default)]
struct Place {
    shape: Option<Shape>,
    /// Heads of other shapes that came here since one of this.
    others: u8,
}

struct Shape {
    /// No name twice, so that the map has this order.
    fields: Box<[Field]>,
    map: HeaderMap,
    seen: Seen,
}

/// A field as the map has it, to be compared with: to walk through the map costs twice as much.
struct Field {
    number: u32,
    name: HeaderName,
    value: HeaderValue,
}

/// Threads that have shapes of their own.
const THREADS: usize = 16;
/// Shapes of a thread.
const PLACES: usize = 8;
/// Heads of other shapes until a place is given to one of them.
const PATIENCE: u8 = 16;
/// Values that may differ. Where more do, it is another client's head.
const DIFFERENT: usize = 8;
/// Longer values are rarely the same twice.
const VALUE_BYTES_MAX: usize = 256;

thread_local! {
    /// Tells threads apart by where it lies.
    static HERE: u8 = const { 0 };
}

impl Shapes {
    pub(super) fn none() -> Self {
        Self([const { Mutex::new([const { Place { shape: None, others: 0 } }; PLACES]) }; THREADS])
    }

    /// Lays these fields into an empty map; their values lie in one block with the target.
    #[inline(always)]
    pub(super) fn lay<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = Row<'a>> + Clone,
        target: &'a [u8],
        fields: &mut HeaderMap,
    ) -> Result<Beside> {
        let here = HERE.with(|here| ptr::from_ref(here).addr());
        let thread = (here as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // Who shares a place with another thread does without it.
        let Ok(mut shapes) = self.0[thread as usize % THREADS].try_lock() else {
            return lay(rows, target, fields);
        };
        // Told apart by how many they are and by the last one: nearly always enough.
        let last = rows.len().checked_sub(1).and_then(|last| rows.clone().nth(last));
        let last = last.map_or(0, |(number, name, _)| number as usize + name.len());
        let place = &mut shapes[(rows.len() * 5 + last) % PLACES];
        let known = place.shape.as_ref();
        if let Some(laid) = known.and_then(|shape| shape.lay(rows.clone(), target, fields)) {
            place.others = 0;
            return Ok(laid);
        }
        place.learn(rows, target, fields)
    }
}

impl Place {
    #[inline(never)]
    fn learn<'a>(
        &mut self,
        rows: impl ExactSizeIterator<Item = Row<'a>> + Clone,
        target: &'a [u8],
        fields: &mut HeaderMap,
    ) -> Result<Beside> {
        let laid = lay(rows.clone(), target, fields)?;
        self.others += 1;
        if self.shape.is_none() || self.others > PATIENCE {
            *self = Self { shape: Shape::of(rows, fields, laid.1), others: 0 };
        }
        Ok(laid)
    }
}

/// The same, name by name.
#[inline(never)]
fn lay<'a>(
    rows: impl ExactSizeIterator<Item = Row<'a>> + Clone,
    target: &'a [u8],
    into: &mut HeaderMap,
) -> Result<Beside> {
    let values = rows.clone().map(|(_, _, value)| value);
    let block = block::of(std::iter::once(target).chain(values));
    let (mut seen, mut from) = (Seen::default(), target.len());
    into.reserve(rows.len());
    for (number, name, value) in rows {
        // A host need not know the numbers.
        let number = if number == 0 { number_of(name) } else { number };
        let name = match fields::NAMES.get((number as usize).wrapping_sub(1)) {
            Some(name) => name.clone(),
            None => HeaderName::from_bytes(name)?,
        };
        seen.see(number);
        into.append(name, fields::value(block.slice(from..from + value.len())));
        from += value.len();
    }
    Ok((block.slice(..target.len()), seen))
}

impl Shape {
    /// The shape of these fields, if it is one to be kept.
    fn of<'a>(
        rows: impl ExactSizeIterator<Item = Row<'a>>,
        laid: &HeaderMap,
        seen: Seen,
    ) -> Option<Self> {
        if laid.keys_len() != rows.len() {
            return None;
        }
        let mut map = HeaderMap::with_capacity(laid.len());
        let fields = rows.zip(laid).map(|((number, ..), (name, value))| {
            let keep = number != 0 && !is_secret(name) && value.len() <= VALUE_BYTES_MAX;
            let value = if keep { value.as_bytes() } else { b"" };
            let (name, value) = (name.clone(), HeaderValue::from_bytes(value).ok()?);
            map.append(name.clone(), value.clone());
            Some(Field { number, name, value })
        });
        Some(Self { fields: fields.collect::<Option<_>>()?, map, seen })
    }

    /// Lays a copy with these values, if they are of this shape.
    #[inline(always)]
    fn lay<'a>(
        &self,
        rows: impl ExactSizeIterator<Item = Row<'a>>,
        target: &'a [u8],
        into: &mut HeaderMap,
    ) -> Option<Beside> {
        if rows.len() != self.fields.len() {
            return None;
        }
        let (mut different, mut count) = ([(0, b"".as_slice()); DIFFERENT], 0);
        for (at, ((number, name, value), own)) in rows.zip(&self.fields).enumerate() {
            if number != own.number || (number == 0 && name != own.name.as_str().as_bytes()) {
                return None;
            }
            if own.value.as_bytes() != value {
                *different.get_mut(count)? = (at, value);
                count += 1;
            }
        }
        // Empty, and without memory of its own: even finding that out costs something.
        let before = ManuallyDrop::new(mem::replace(into, self.map.clone()));
        debug_assert!(before.is_empty(), "fields were laid over others");
        if count == 0 {
            return Some((block::of(std::iter::once(target)), self.seen));
        }
        Some((self.change(into, &different[..count], target), self.seen))
    }

    /// Puts the values that differ into a copy, and gives the target.
    #[inline(never)]
    fn change(&self, map: &mut HeaderMap, different: &[(usize, &[u8])], target: &[u8]) -> Bytes {
        let values = different.iter().map(|(_, value)| *value);
        let block = block::of(std::iter::once(target).chain(values));
        let mut from = target.len();
        for (at, value) in different {
            let part = fields::value(block.slice(from..from + value.len()));
            from += value.len();
            if let Some(own) = map.get_mut(&self.fields[*at].name) {
                *own = part;
            }
        }
        block.slice(..target.len())
    }
}

fn number_of(name: &[u8]) -> u32 {
    std::str::from_utf8(name).map_or(0, known::id)
}

fn is_secret(name: &HeaderName) -> bool {
    [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<'a>(fields: &'a [(&str, &str)]) -> impl ExactSizeIterator<Item = Row<'a>> + Clone {
        let row =
            |(name, value): &'a (&str, &str)| (known::id(name), name.as_bytes(), value.as_bytes());
        fields.iter().map(row)
    }

    struct Laid {
        fields: HeaderMap,
        target: Bytes,
        seen: Seen,
    }

    fn laid(shapes: &Shapes, given: &[(&str, &str)], target: &str) -> Laid {
        let mut fields = HeaderMap::new();
        let (target, seen) = shapes.lay(rows(given), target.as_bytes(), &mut fields).unwrap();
        Laid { fields, target, seen }
    }

    fn is_known(shapes: &Shapes, fields: &[(&str, &str)]) -> bool {
        let is_it = |it: &Shape| it.lay(rows(fields), b"/", &mut HeaderMap::new()).is_some();
        let mut threads = shapes.0.iter().map(|thread| thread.lock().unwrap());
        threads.any(|places| places.iter().filter_map(|it| it.shape.as_ref()).any(is_it))
    }

    #[test]
    fn a_head_is_what_was_received_whether_its_shape_is_known_or_not() {
        let shapes = Shapes::none();
        let long = "x".repeat(1000);
        for cookie in ["a=1", "a=2", "", &long, "a=2"] {
            for x in ["1", "2"] {
                let fields = [
                    ("host", "localhost"),
                    ("cookie", cookie),
                    ("accept", x),
                    ("x-own", x),
                    ("user-agent", "test"),
                ];
                let got = laid(&shapes, &fields, "/a?b");
                let names: Vec<_> = got.fields.iter().map(|(name, _)| name.as_str()).collect();
                let values: Vec<_> = got.fields.values().map(|it| it.to_str().unwrap()).collect();
                assert_eq!(names, fields.map(|(name, _)| name));
                assert_eq!(values, fields.map(|(_, value)| value));
                assert_eq!(got.target, "/a?b");
                assert!(is_known(&shapes, &fields), "{fields:?}");
            }
        }
    }

    #[test]
    fn other_names_are_another_shape() {
        let shapes = Shapes::none();
        laid(&shapes, &[("host", "a"), ("x-a", "1")], "/");
        assert!(is_known(&shapes, &[("host", "b"), ("x-a", "2")]));
        for other in [
            &[("host", "a"), ("x-b", "1")][..],
            &[("x-a", "1"), ("host", "a")],
            &[("host", "a")],
            &[("host", "a"), ("x-a", "1"), ("x-a", "1")],
        ] {
            assert!(!is_known(&shapes, other), "{other:?}");
            let got = laid(&shapes, other, "/");
            assert_eq!(got.fields.len(), other.len());
        }
    }

    #[test]
    fn repeated_names_stay_in_order_and_are_no_shape() {
        let shapes = Shapes::none();
        let fields = [("accept", "1"), ("host", "a"), ("accept", "2")];
        for _ in 0..2 {
            let got = laid(&shapes, &fields, "/");
            let values: Vec<_> = got.fields.get_all("accept").iter().collect();
            assert_eq!(values, ["1", "2"]);
        }
        assert!(!is_known(&shapes, &fields));
    }

    #[test]
    fn secrets_are_not_kept() {
        let shapes = Shapes::none();
        let fields = [
            ("authorization", "Basic hidden"),
            ("cookie", "hidden=1"),
            ("x-token", "hidden"),
            ("accept", "shown"),
        ];
        laid(&shapes, &fields, "/?hidden");
        let kept: Vec<_> = shapes
            .0
            .iter()
            .flat_map(|thread| {
                let thread = thread.lock().unwrap();
                let shapes = thread.iter().filter_map(|place| place.shape.as_ref());
                shapes
                    .flat_map(|it| it.map.values().cloned().collect::<Vec<_>>())
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(kept, ["", "", "", "shown"]);
    }

    #[test]
    fn a_place_is_given_to_what_comes_more_often() {
        let shapes = Shapes::none();
        let shape = |at: usize| [("x-a", "0"), if at == 0 { ("x-b", "0") } else { ("x-c", "0") }];
        laid(&shapes, &shape(0), "/");
        for _ in 0..PATIENCE {
            laid(&shapes, &shape(1), "/");
        }
        assert!(is_known(&shapes, &shape(0)) && !is_known(&shapes, &shape(1)));
        laid(&shapes, &shape(1), "/");
        assert!(!is_known(&shapes, &shape(0)) && is_known(&shapes, &shape(1)));
    }

    #[test]
    fn fields_that_say_more_are_seen() {
        let shapes = Shapes::none();
        for _ in 0..2 {
            let got = laid(&shapes, &[("upgrade", "a"), ("host", "a")], "/");
            assert!(got.seen.has(Seen::UPGRADE) && !got.seen.has(Seen::TRANSFER_ENCODING));
        }
        // Of a host that numbers no names.
        let rows = [(0, b"transfer-encoding".as_slice(), b"chunked".as_slice())].into_iter();
        let (_, seen) = shapes.lay(rows, b"/", &mut HeaderMap::new()).unwrap();
        assert!(seen.has(Seen::TRANSFER_ENCODING) && !seen.has(Seen::UPGRADE));
    }
}
