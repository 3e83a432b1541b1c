//! What threads share: std's, for those files whose meeting of threads is modelled.
//!
//! The package in `tests/models` compiles the same files with a module of this name that is made of
//! loom's. So they take from here whatever two threads could see, and use of it what both have.

pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak, atomic, mpsc,
};
pub(crate) use std::{thread, thread_local};

/// Statics, which a model has anew for each of its runs.
macro_rules! global {
    ($($(#[$meta:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$meta])* static $name: $type = $value;)*
    };
}

pub(crate) use global;
