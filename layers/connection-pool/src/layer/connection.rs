//! What the pool asks of a connection, whichever database it leads to.

use std::fmt;

use crate::{Cell, Rows};

/// A connection to a database.
pub(crate) trait Connection: Send {
    /// Runs a statement that gives rows.
    fn query(&mut self, text: &str, with: &[Cell]) -> Result<Rows, StatementError>;

    /// Runs a statement, and tells how many rows it has changed.
    fn execute(&mut self, text: &str, with: &[Cell]) -> Result<u64, StatementError>;

    /// Whether it still leads anywhere, asked after it lay idle.
    fn is_alive(&mut self) -> bool;

    /// Undoes what a request has left behind: a transaction that is open, settings of its own.
    ///
    /// # Errors
    /// It is not fit to be lent again.
    fn reset(&mut self) -> Result<(), StatementError>;
}

/// Makes connections.
pub(crate) type Open = Box<dyn Fn() -> Result<Box<dyn Connection>, String> + Send + Sync>;

/// Why a statement gave nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StatementError {
    /// The database has looked at it and refused it; the connection is as good as before.
    Refused(String),
    /// Others are at work with the database; the connection is as good as before.
    Busy(String),
    /// The connection is lost.
    Broken(String),
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the database refused a statement: {why}"),
            Self::Busy(why) => write!(f, "the database is busy: {why}"),
            Self::Broken(why) => write!(f, "the connection to the database is lost: {why}"),
        }
    }
}
