//! Address ranges of libraries: how what was recorded as an address is told to be theirs.

use std::ops::Range;

/// Some ranges of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    pub(crate) fn contain(&self, address: usize) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter()
    }
}

impl FromIterator<Range<usize>> for Ranges {
    fn from_iter<T: IntoIterator<Item = Range<usize>>>(ranges: T) -> Self {
        Self(ranges.into_iter().collect())
    }
}
