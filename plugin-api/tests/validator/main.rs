//! The validator, tried by those who break one rule each, and by those who break none.
//!
//! `stub` is a host for one request that may be told to keep its rules or to break one; `raw` are
//! applications that fill a reply in by hand.
#![allow(unsafe_code, reason = "both sides of the boundary are played here, with raw pointers")]

mod application;
mod enforce;
mod host;
mod mutants;
mod raw;
mod stub;
mod transparent;
