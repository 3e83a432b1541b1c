//! FastCGI 1.0, the application's side: records in, and what they mean; records out.
//!
//! A record is `version (1) type (1) id (2) length (2) padding (1) 0`, its content and padding.
//! Several requests may share a connection, their records in any order; the variables and the body
//! of each are streams of records that end with an empty one.

pub(crate) mod decoder;
pub(crate) mod encoder;

/// The only version there is.
const VERSION: u8 = 1;

const HEADER_BYTES: usize = 8;

/// Types of records.
mod kind {
    pub(super) const BEGIN: u8 = 1;
    pub(super) const ABORT: u8 = 2;
    pub(super) const END: u8 = 3;
    pub(super) const VARIABLES: u8 = 4;
    pub(super) const INPUT: u8 = 5;
    pub(super) const OUTPUT: u8 = 6;
    pub(super) const ERRORS: u8 = 7;
    pub(super) const VALUES: u8 = 9;
    pub(super) const VALUES_RESULT: u8 = 10;
    pub(super) const UNKNOWN: u8 = 11;
}

/// How a request ended, as far as the protocol is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Complete = 0,
    /// There are as many requests as may be.
    Overloaded = 2,
    /// It asked for another role than that of a responder.
    UnknownRole = 3,
}
