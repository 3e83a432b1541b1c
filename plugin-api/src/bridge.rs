//! Safe handles over the objects of [`abi`](crate::abi), for hosts and for this kit.
//!
//! Each object has two sides here: a *maker* that turns a Rust value into a thin pointer with a
//! table, and a *handle* that owns such a pointer whoever made it. Every function that the other
//! side calls catches unwinds, so a panic never crosses. With [`abi`](crate::abi) and the export
//! macros this is the only place of the crate with `unsafe`.
#![allow(unsafe_code, reason = "safe handles are made here out of the boundary's raw pointers")]

pub mod body;
pub mod bytes;
pub mod callable;
pub mod duplex;
pub(crate) mod examined;
pub mod exchange;
#[cfg(feature = "tower")]
pub(crate) mod fields;
pub mod file;
pub mod future;
pub mod glance;
pub mod inward;
pub mod once;
pub mod remote;
pub mod reply;
pub mod room;
pub mod started;
pub mod state;
pub mod upgrade;
pub mod value;
pub mod waker;
pub(crate) mod watched;

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Runs `code` and turns a panic into its message. The payload is dropped inside a second catch,
/// because dropping it may panic too.
///
/// # Errors
/// The text of the panic.
pub fn caught<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(code)).map_err(panic_text)
}

#[cold]
fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| String::from(*text))
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| String::from("a value that is not text"));
    if let Err(second) = panic::catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        leak(second);
    }
    text
}

#[allow(clippy::mem_forget, reason = "dropping this payload has panicked before")]
fn leak(payload: Box<dyn Any + Send>) {
    std::mem::forget(payload);
}
