//! The validator, tried by those who break one rule each, and by those who break none.
//!
//! `stack` puts validators into the host that the tests of the shape have too; `hosts` are those
//! that break a rule, `raw` applications that fill a reply in by hand.
#![allow(unsafe_code, reason = "both sides of the boundary are played here, with raw pointers")]

mod application;
mod enforce;
#[path = "../host/mod.rs"]
mod host;
mod hosts;
mod mutants;
mod raw;
mod stack;
mod transparent;
