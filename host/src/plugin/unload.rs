//! The end of a library: from nobody using it to nothing of it being mapped, or to a reason why.
//!
//! Two engines have the same few functions. `glibc` knows what a library leaves behind in the
//! process, clears it away and looks whether it is gone; `pinned` unmaps nothing and says so, for
//! every other system. Invariant: whatever cannot be known to be safe stays mapped.

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(dsgi_portable)
))]
mod glibc;
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(dsgi_portable)
)))]
mod pinned;

#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(dsgi_portable)
))]
use self::glibc as engine;
#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(dsgi_portable)
)))]
use self::pinned as engine;

pub(super) use self::engine::{Brought, Code, thread_in, unload};
pub(crate) use self::engine::{
    Left, OutOfKeys, Pin, hold_what_is_gone, opening, purge, room, verdict, watch_exits,
};
#[cfg(test)]
pub(crate) use self::engine::{Ranges, StillThere};

use super::library::Library;

/// Who opened a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) app: String,
    pub(crate) generation: u64,
}

/// What became of a library.
#[derive(Debug)]
#[allow(dead_code, reason = "an engine that unmaps nothing knows one end only")]
pub(crate) enum Unloaded {
    /// Nothing of it is mapped any more.
    Gone(Left),
    /// It stays until the process ends.
    Pinned(Pin),
    /// It may go later.
    NotYet(Library, Pin),
}
