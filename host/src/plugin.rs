//! A library's life, from file to served, in the order of the files below.
//!
//! `artifact` copies the file, `inspect` reads it without running it, `probe` tries it in a child,
//! `library` opens it, and a `generation` is the started application. `load` is the whole way.
//!
//! And back: `interpose` knows what a library leaves behind and `objects` what it has brought,
//! `purge` runs on every thread what it has left there, and `unload` is the whole way.

pub(crate) mod application;
pub(crate) mod artifact;
pub(crate) mod generation;
pub(crate) mod inspect;
pub(crate) mod interpose;
pub(crate) mod library;
pub(crate) mod load;
pub(crate) mod mapped;
pub(crate) mod objects;
pub(crate) mod probe;
pub(crate) mod purge;
pub(crate) mod ranges;
pub(crate) mod retire;
pub(crate) mod unload;
