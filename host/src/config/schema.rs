//! The JSON schema of a config file, which editors complete and check from.
//!
//! It is committed, so that the host carries it without what makes it. Invariant: it is what the
//! tables say; a test makes it anew.

/// The schema as text.
pub(crate) const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests;
