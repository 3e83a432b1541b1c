//! loom's in place of what `host/src/sync.rs` has of std, and what loom lacks.

mod counted;
pub(crate) mod mpsc;

pub(crate) use std::sync::{OnceLock, PoisonError};

pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use loom::{thread, thread_local};

pub(crate) use self::counted::{Arc, Weak};

/// Statics that each run of a model has anew.
macro_rules! global {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        loom::lazy_static! { $($(#[$meta])* static ref $name: $type = $value;)* }
    };
}

pub(crate) use global;
