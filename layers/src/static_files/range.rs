//! Which part of a file a client asks for (RFC 9110 14).

use std::ops::Range;

/// What the field `Range` comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: nothing else was asked for, or in a way that may be passed over.
    Whole,
    /// One part, never empty.
    One(Range<u64>),
    /// Nothing of what was asked for is there.
    Nothing,
}

/// What `asked` means for a file of `length` bytes. Several parts that do not make one are passed
/// over, as RFC 9110 14.2 allows: the client gets the whole file, which has all of them.
pub(super) fn part(asked: &str, length: u64) -> Part {
    let Some((unit, set)) = asked.split_once('=') else { return Part::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Part::Whole;
    }
    let mut parts = Vec::new();
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        match range(spec, length) {
            Some(range) => parts.push(range),
            None => return Part::Whole,
        }
    }
    if parts.is_empty() {
        return Part::Whole;
    }
    parts.retain(|range| !range.is_empty());
    parts.sort_by_key(|range| range.start);
    let mut parts = parts.into_iter();
    let Some(mut one) = parts.next() else { return Part::Nothing };
    for next in parts {
        if next.start > one.end {
            return Part::Whole;
        }
        one.end = one.end.max(next.end);
    }
    Part::One(one)
}

/// One part, empty where nothing of it is there; `None` if it is malformed.
fn range(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let count = number(last)?.min(length);
        return Some(length - count..length);
    }
    let first = number(first)?;
    let end = if last.is_empty() { length } else { number(last)?.checked_add(1)?.min(length) };
    // Backwards is malformed; behind the end is only nothing.
    let backwards = !last.is_empty() && number(last)? < first;
    (!backwards).then_some(first.min(length)..end.max(first.min(length)))
}

fn number(digits: &str) -> Option<u64> {
    let digits = digits.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    // More digits than a file has bytes mean its end.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_the_rfc_says() {
        for (asked, expected) in [
            ("bytes=0-0", Part::One(0..1)),
            ("bytes=0-499", Part::One(0..500)),
            ("Bytes = 9500-", Part::One(9500..10_000)),
            ("bytes=-500", Part::One(9500..10_000)),
            ("bytes=-20000", Part::One(0..10_000)),
            ("bytes=9999-20000", Part::One(9999..10_000)),
            ("bytes=0-99999999999999999999999", Part::One(0..10_000)),
            ("bytes=0-9999", Part::One(0..10_000)),
            ("bytes=0-0,1-1", Part::One(0..2)),
            ("bytes=500-999, 0-600", Part::One(0..1000)),
            ("bytes=0-0,20000-", Part::One(0..1)),
            ("bytes=10000-", Part::Nothing),
            ("bytes=10000-10001,20000-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=0-0,-1", Part::Whole),
            ("bytes=0-0,5-5", Part::Whole),
            ("bytes=5-4", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=,", Part::Whole),
            ("lines=0-5", Part::Whole),
            ("bytes 0-5", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(asked, 10_000), expected, "{asked:?}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Nothing);
        assert_eq!(part("bytes=-5", 0), Part::Nothing);
    }
}
