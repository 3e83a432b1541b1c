//! The engine of systems where nobody knows what a library leaves behind: nothing is unmapped.
//!
//! A library that is out of service stays, is counted and shown, and too many of one application
//! are warned of, as wherever something keeps a library.

use std::path::Path;
use std::time::Instant;

use super::{Owner, Unloaded};
use crate::plugin::library::Library;

/// Why libraries of this process cannot be unmapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unloading is not supported on this system")]
pub(crate) struct Pin;

/// Whether libraries can be unmapped here.
///
/// # Errors
/// They cannot.
pub(crate) fn verdict() -> Result<(), Pin> {
    Err(Pin)
}

/// Takes a library out of use; it stays.
pub(crate) fn unload(library: Library, _: Instant) -> Unloaded {
    drop(library);
    Unloaded::Pinned(Pin)
}

/// What a library that is gone had left: none is ever gone.
#[derive(Debug)]
pub(crate) enum Left {}

/// What the opening of a library has brought: nobody knows.
#[derive(Clone, Debug)]
pub(crate) enum Brought {}

/// The right to open a library: anybody's.
#[derive(Debug)]
pub(crate) struct Turn;

/// Begins to open a library.
pub(crate) fn opening() -> Turn {
    Turn
}

impl Turn {
    pub(crate) fn adopt(&self, _: &Path, _: Owner) -> Option<Brought> {
        None
    }
}

/// The code of one library.
#[derive(Debug, Default)]
pub(crate) struct Code;

impl Code {
    pub(crate) fn of(brought: &Brought) -> Self {
        match *brought {}
    }
}

/// A thread that was begun in this code and has not ended: nobody knows of one.
pub(crate) fn thread_in(_: &Code) -> Option<String> {
    None
}

/// There is no room for a further library: nobody counts what they take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutOfKeys {}

/// Whether a further library may be opened.
pub(crate) fn room() -> Result<(), OutOfKeys> {
    Ok(())
}

/// A library's `exit` is the system's.
pub(crate) fn watch_exits() {}

/// Nothing is ever gone.
pub(crate) fn hold_what_is_gone() {}

/// Clearing threads of what libraries have left there, which nobody will ask for.
pub(crate) mod purge {
    /// The mailbox of a thread that is not written to.
    #[derive(Debug)]
    pub(crate) struct Mailbox;

    pub(crate) fn enrol(_: impl Fn() + Send + Sync + 'static) -> Mailbox {
        Mailbox
    }

    pub(crate) fn run_pending() {}

    impl Mailbox {
        pub(crate) fn has_mail(&self) -> bool {
            false
        }
    }
}
