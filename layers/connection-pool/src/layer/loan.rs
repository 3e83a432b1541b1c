//! What one request has of the pool: nothing until its first statement, a connection from then on,
//! and nothing again once its response is closed, whatever an application still holds.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dsgi::{Error, Result};

use super::connection::{Connection, StatementError};
use super::pool::{Pool, TakeError};
use crate::statement::{Statement, Text};

/// The part of the pool that a request has. Dropping it ends it, as its response's end does.
pub(crate) struct Loan {
    pool: Arc<Pool>,
    state: Mutex<State>,
}

enum State {
    /// No statement was run.
    Unused,
    Held(Box<dyn Connection>),
    /// Nothing more is run in this request: a transaction may have gone with the connection.
    Failed(Failure),
    Over,
}

/// Why a request has no connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    Untaken(TakeError),
    Ended(StatementError),
}

impl Loan {
    pub(crate) const fn new(pool: Arc<Pool>) -> Self {
        Self { pool, state: Mutex::new(State::Unused) }
    }

    /// Runs a statement, both sides as JSON.
    pub(crate) fn run(&self, statement: &[u8]) -> Result<Vec<u8>> {
        let statement: Statement = serde_json::from_slice(statement)?;
        let mut state = self.state();
        let connection = self.connection(&mut state)?;
        let with = &statement.with;
        let answer = match &statement.text {
            Text::Query(text) => connection.query(text, with).map(|rows| serde_json::to_vec(&rows)),
            Text::Execute(text) => {
                connection.execute(text, with).map(|count| serde_json::to_vec(&count))
            }
        };
        match answer {
            Ok(bytes) => Ok(bytes?),
            Err(error @ StatementError::Refused(_)) => Err(Error::new(error.to_string())),
            Err(error @ StatementError::Busy(_)) => {
                let failure = Failure::Ended(error);
                let state = std::mem::replace(&mut *state, State::Failed(failure.clone()));
                self.take_back(state);
                Err(failure.into())
            }
            Err(error @ StatementError::Broken(_)) => {
                let failure = Failure::Ended(error);
                drop(std::mem::replace(&mut *state, State::Failed(failure.clone())));
                self.pool.lose();
                Err(failure.into())
            }
        }
    }

    /// Gives the connection back. What is asked later is refused.
    pub(crate) fn end(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Over);
        self.take_back(state);
    }

    fn take_back(&self, state: State) {
        if let State::Held(connection) = state {
            self.pool.give_back(connection);
        }
    }

    /// Why this request had no connection, if that is so.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &*self.state() {
            State::Failed(failure) => Some(failure.clone()),
            _ => None,
        }
    }

    fn connection<'a>(&self, state: &'a mut State) -> Result<&'a mut dyn Connection> {
        if let State::Unused = state {
            *state = match self.pool.take() {
                Ok(connection) => State::Held(connection),
                Err(error) => State::Failed(Failure::Untaken(error)),
            };
        }
        match state {
            State::Held(connection) => Ok(connection.as_mut()),
            State::Failed(failure) => Err(failure.clone().into()),
            State::Unused | State::Over => {
                Err(Error::new("the request is over, and its connection with another one"))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.end();
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::status(503, failure.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untaken(error) => error.fmt(f),
            Self::Ended(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &*self.state() {
            State::Unused => "unused",
            State::Held(_) => "held",
            State::Failed(_) => "failed",
            State::Over => "over",
        };
        write!(f, "Loan({state})")
    }
}

#[cfg(test)]
mod tests;
