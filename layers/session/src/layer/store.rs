//! Where sessions are kept, and what is said to such a place.

pub(crate) mod memory;
pub(crate) mod redis;
pub(crate) mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::id::Id;

/// A place that keeps sessions. Requests of one session may come at once, so they say what they
/// change, not what they have seen: one that sets a colour and one that sets a size both last.
pub(crate) trait Store: Send + Sync {
    /// A session whose time is not over.
    fn load(&self, id: &Id) -> Result<Sought, StoreError>;

    /// Changes a session, and puts the end of its time off. One that was known and has ended in
    /// the meantime stays ended.
    fn save(
        &self,
        id: &Id,
        birth: Birth,
        changes: &Changes,
        lifetime: Duration,
    ) -> Result<(), StoreError>;

    /// Ends a session.
    fn remove(&self, id: &Id) -> Result<(), StoreError>;
}

/// What became of a session that a cookie names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sought {
    Kept(Kept),
    /// It has ended, or its time is over.
    Gone,
    /// Nothing was heard of it, and the version before, which may have begun it, has not said its
    /// last word yet.
    Awaited,
}

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) fields: Fields,
    /// How much of its time is left.
    pub(crate) left: Duration,
}

pub(crate) type Fields = BTreeMap<String, Value>;

/// Fields with their new values; those without one are removed.
pub(crate) type Changes = BTreeMap<String, Option<Value>>;

/// Whether a session begins with what is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Birth {
    Now,
    Earlier,
}

/// A store that cannot be asked, with the reason.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoreError(pub(crate) String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store of sessions: {}", self.0)
    }
}

#[cfg(test)]
pub(crate) mod tests;
