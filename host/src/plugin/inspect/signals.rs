//! tokio's signal driver in a library, by what it would say.
//!
//! A feature of a crate leaves no mark in a file, and a stripped library has no names. What stays
//! are the texts of its messages, which lie in what is mapped to be read. Invariant: the words are
//! tokio's own, at least as old as its release 1.0, and what does not have them is said to have no
//! driver; a library with another tokio may have one all the same, and is pinned where it sets a
//! handler.

use memchr::memmem;

use super::image::Image;

/// Whether a library has tokio's signal driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalDriver {
    /// It has none.
    Absent,
    /// Its runtimes have one, and no code of it waits for a signal.
    Idle,
    /// It has code that waits for signals: from then on a handler of it stays in the process.
    Waits,
}

/// What a runtime says when the driver fails, and what whoever asks for a signal is told.
const DRIVER: &[u8] = b"Bad read on self-pipe";
const WAITS: &[u8] = b"Refusing to register signal";

impl SignalDriver {
    pub(super) fn find(image: &Image<'_>) -> Self {
        let says = |text| image.constants().any(|bytes| memmem::find(bytes, text).is_some());
        match (says(WAITS), says(DRIVER)) {
            (true, _) => Self::Waits,
            (false, true) => Self::Idle,
            (false, false) => Self::Absent,
        }
    }

    /// What it does to the end of a library, for whoever loads one.
    pub(crate) const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Idle => Some("will leave some memory behind: tokio signal driver, unused"),
            Self::Waits => {
                Some("will stay loaded: tokio signal driver, once it has waited for a signal")
            }
        }
    }
}
