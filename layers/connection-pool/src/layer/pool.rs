//! The pool: a number of connections that is never exceeded, lent to one request at a time.
//!
//! It has no thread of its own. A connection is opened by the request that finds none idle, tried
//! by the one that takes it from the shelf, and closed by the one that gives back a broken one. So
//! nothing is left when the last request is over and the shelf is cleared, and the library of the
//! layer can be unmapped.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::{Connection, Open};

/// Connections, of which at most so many are open.
pub(crate) struct Pool {
    open: Open,
    most: usize,
    wait: Duration,
    shelf: Mutex<Shelf>,
    changed: Condvar,
}

/// What lies in the pool.
struct Shelf {
    idle: Vec<Box<dyn Connection>>,
    /// How many are with requests, those included that are being opened.
    lent: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Lending,
    Closed,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TakeError {
    /// All were with other requests for as long as one may wait.
    Busy(usize, Duration),
    /// The database cannot be reached.
    Down(String),
    /// The layer is leaving.
    Closed,
}

impl Pool {
    pub(crate) fn new(open: Open, most: usize, wait: Duration) -> Self {
        let shelf = Shelf { idle: Vec::new(), lent: 0, state: State::Lending };
        Self { open, most, wait, shelf: Mutex::new(shelf), changed: Condvar::new() }
    }

    /// A connection that works: one from the shelf, else a new one, else the first to come back.
    pub(crate) fn take(&self) -> Result<Box<dyn Connection>, TakeError> {
        let until = Instant::now() + self.wait;
        let mut shelf = self.shelf();
        loop {
            if shelf.state == State::Closed {
                return Err(TakeError::Closed);
            }
            if let Some(mut connection) = shelf.idle.pop() {
                shelf.lent += 1;
                drop(shelf);
                if connection.is_alive() {
                    return Ok(connection);
                }
                drop(connection);
                shelf = self.shelf();
                shelf.lent -= 1;
                continue;
            }
            if shelf.lent < self.most {
                shelf.lent += 1;
                drop(shelf);
                return (self.open)().map_err(|why| {
                    self.lose();
                    TakeError::Down(why)
                });
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TakeError::Busy(self.most, self.wait));
            }
            let woken = self.changed.wait_timeout(shelf, left);
            shelf = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes a connection back, as clean as it was. What cannot be cleaned is closed.
    pub(crate) fn give_back(&self, mut connection: Box<dyn Connection>) {
        if connection.reset().is_err() {
            drop(connection);
            return self.lose();
        }
        let mut shelf = self.shelf();
        shelf.lent -= 1;
        let surplus = match shelf.state {
            State::Lending => {
                shelf.idle.push(connection);
                None
            }
            State::Closed => Some(connection),
        };
        drop(shelf);
        self.changed.notify_one();
        // Closing waits for the database: not under the lock.
        drop(surplus);
    }

    /// One that was lent is gone: there is room for another.
    pub(crate) fn lose(&self) {
        self.shelf().lent -= 1;
        self.changed.notify_one();
    }

    /// Closes what is idle; what is lent is closed when it comes back.
    pub(crate) fn close(&self) {
        let mut shelf = self.shelf();
        shelf.state = State::Closed;
        let idle = std::mem::take(&mut shelf.idle);
        drop(shelf);
        self.changed.notify_all();
        drop(idle);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Nothing panics between two changes of it.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelf = self.shelf();
        write!(f, "Pool({} idle, {} lent, {:?})", shelf.idle.len(), shelf.lent, shelf.state)
    }
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(most, wait) => {
                write!(f, "all {most} connections to the database are in use for {wait:?}")
            }
            Self::Down(why) => write!(f, "no connection to the database: {why}"),
            Self::Closed => f.write_str("the connections to the database are closed"),
        }
    }
}

#[cfg(test)]
mod tests;
