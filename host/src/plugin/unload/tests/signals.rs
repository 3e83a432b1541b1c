//! Signals: both sides have theirs, and whoever set one stays.

pub(super) const CASES: &[(&str, fn())] = &[];
