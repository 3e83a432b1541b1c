//! Libraries, as far as a swap knows of them.

pub(crate) mod artifact;
pub(crate) mod generation;
pub(crate) mod library;
pub(crate) mod retire;
pub(crate) mod unload;
