//! The boundary as plain C: everything that crosses between a host and a library.
//!
//! `include/dsgi.h` is the same thing for C. Three kinds of types, and one rule for each:
//!
//! | kind | rule | files |
//! |---|---|---|
//! | leaf | frozen, by value, reserved fields are zero | [`leaf`] |
//! | growable | by `In` or `Out` pointer only, `size` first, fields are appended | [`grown`] |
//! | object, table | a thin pointer to its table; slots are appended | [`object`], [`app`] |
//!
//! An object's first word is its table. Whoever makes an object owns the table and frees the
//! object through it.
//!
//! Nothing unwinds across, no type of std crosses, and whoever made a thing frees it. Objects
//! are *Send, not Sync*: one user at a time, on any thread.
#![allow(unsafe_code, reason = "the boundary itself: raw pointers and sized structs")]

pub mod app;
pub mod grown;
pub mod known;
pub mod leaf;
pub mod object;
pub mod pointer;
#[cfg(feature = "layout-proof")]
pub mod proof;

/// Version of the boundary. Hosts and libraries of different versions refuse each other.
/// While it is 0, any release may change it.
pub const ABI: u32 = 0;

/// Name of the symbol through which a library is called: an [`app::AppTable`].
pub const SYMBOL: &str = "dsgi_app_v1";

/// Answers of functions; 0 is never an answer, so that zeroed memory is not a success.
pub mod answer {
    /// Done, and the out-struct is filled.
    pub const READY: u32 = 1;
    /// Not yet: for `call`, `future` is set; for a poll, the waker will be woken.
    pub const PENDING: u32 = 2;
    /// A stream is over.
    pub const END: u32 = 3;
    /// It failed, and `fault` says why.
    pub const ERROR: u32 = 4;
    /// This host or library does not do this.
    pub const UNSUPPORTED: u32 = 5;
    /// The exchange was given up: the client left, or the time was over.
    pub const CANCELLED: u32 = 6;
    /// The request body has another owner already.
    pub const TAKEN: u32 = 7;
    /// Waiting here would stop a core; declare the application blocking or async.
    pub const WOULD_BLOCK: u32 = 8;
}

/// How an exchange ended, as told to `close`.
pub mod outcome {
    /// The whole response was handed to the transport.
    pub const COMPLETED: u32 = 1;
    /// The client left, or did not take the response in time.
    pub const CLIENT_GONE: u32 = 2;
    /// The application, a layer or the gateway failed.
    pub const FAILED: u32 = 3;
}
