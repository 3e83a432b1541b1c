//! A library's life, from file to served, in the order of the files below.
//!
//! `artifact` copies the file, `inspect` reads it without running it, `probe` tries it in a child,
//! `library` opens it, and a `generation` is the started application. `load` is the whole way, and
//! `alive` knows which ones run.
//!
//! And back: `retire` has an application end once nobody uses it, and `unload` has its library
//! unmapped, where the system allows that.

pub(crate) mod alive;
pub(crate) mod application;
pub(crate) mod artifact;
mod file_bytes;
pub(crate) mod generation;
pub(crate) mod inspect;
pub(crate) mod library;
pub(crate) mod load;
pub(crate) mod probe;
pub(crate) mod retire;
pub(crate) mod unload;
