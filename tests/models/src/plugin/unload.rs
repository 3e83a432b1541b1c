//! What becomes of a library that is closed.

use super::library::Library;

/// Why a library cannot go, which is no matter of order: none of these is made.
pub(crate) type Pin = std::convert::Infallible;

#[derive(Debug)]
pub(crate) enum Unloaded {
    Gone(()),
    Pinned(Pin),
    NotYet(Library, Pin),
}
