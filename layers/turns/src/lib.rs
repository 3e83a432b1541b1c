//! Turns of libraries at one file of SQLite.
//!
//! Each library has a copy of SQLite of its own, and the locks that a copy takes on a file are the
//! process's: two copies in one process do not see each other's, and a file that one of them closes
//! gives up those of the other. So whatever a copy does with a file, to open and close it included,
//! it does in a turn: a lock on a file beside it, which belongs to whoever opened that one. Those
//! who share `Turns` share a copy, and have a turn together.
//!
//! Who waits for a turn holds a second lock, by which the others know: then none of them joins a
//! turn that has begun, or takes the next one.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The way of one copy of SQLite to its turns at a file.
#[derive(Debug)]
pub struct Turns {
    /// Whose lock is the turn.
    turn: File,
    /// Whose lock has who is next.
    next: File,
    state: Mutex<State>,
    changed: Condvar,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(Arc<Turns>);

/// Why there was none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoTurn {
    /// Others had it for as long as one would wait.
    #[error("others work with it for {0:?} now")]
    TakenFor(Duration),
    /// The files beside it cannot be opened, or not be locked.
    #[error("its lock: {0}")]
    Refused(io::Error),
}

#[derive(Debug)]
enum State {
    Free,
    /// One asks the others for it.
    Asking,
    /// So many have it.
    Taken(usize),
}

/// How often a taken lock is looked at.
const LOOK: Duration = Duration::from_micros(200);

impl Turns {
    /// Those of a database, by the files `NAME-turn` and `NAME-next` beside it.
    ///
    /// # Errors
    /// These cannot be opened.
    pub fn of(database: &Path) -> Result<Arc<Self>, NoTurn> {
        // SQLite follows links too, so that one database has one name.
        let database = database.canonicalize().unwrap_or_else(|_| database.to_path_buf());
        let open = |behind| {
            let mut name = OsString::from(&database);
            name.push(behind);
            File::options().create(true).append(true).open(name).map_err(NoTurn::Refused)
        };
        let (turn, next) = (open("-turn")?, open("-next")?);
        let (state, changed) = (Mutex::new(State::Free), Condvar::new());
        Ok(Arc::new(Self { turn, next, state, changed }))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// Others had it for so long, or it cannot be asked for.
    pub fn take(self: &Arc<Self>, wait: Duration) -> Result<Turn, NoTurn> {
        let end = Instant::now() + wait;
        let mut state = self.state();
        loop {
            match &mut *state {
                State::Free => {
                    *state = State::Asking;
                    drop(state);
                    let asked = self.ask(end);
                    let taken = matches!(asked, Ok(true));
                    *self.state() = if taken { State::Taken(1) } else { State::Free };
                    self.changed.notify_all();
                    return match asked {
                        Ok(true) => Ok(Turn(Arc::clone(self))),
                        Ok(false) => Err(NoTurn::TakenFor(wait)),
                        Err(error) => Err(NoTurn::Refused(error)),
                    };
                }
                State::Taken(turns) if lock(&self.next).map_err(NoTurn::Refused)? => {
                    *turns += 1;
                    unlock(&self.next);
                    return Ok(Turn(Arc::clone(self)));
                }
                State::Taken(_) | State::Asking => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoTurn::TakenFor(wait));
            }
            // Nobody tells of it where another copy gives up.
            let woken = self.changed.wait_timeout(state, left.min(LOOK));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks the others for a turn; whether it came in time.
    fn ask(&self, end: Instant) -> io::Result<bool> {
        if !lock_until(&self.next, end)? {
            return Ok(false);
        }
        let asked = lock_until(&self.turn, end);
        unlock(&self.next);
        asked
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let turns = &self.0;
        let mut state = turns.state();
        match &mut *state {
            State::Taken(more @ 2..) => *more -= 1,
            _ => {
                unlock(&turns.turn);
                *state = State::Free;
                drop(state);
                turns.changed.notify_all();
            }
        }
    }
}

fn lock_until(file: &File, end: Instant) -> io::Result<bool> {
    while !lock(file)? {
        if Instant::now() >= end {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
    Ok(true)
}

fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn unlock(file: &File) {
    // What cannot be given back goes with the file.
    let _ = file.unlock();
}

#[cfg(test)]
mod tests;
