//! One after the other: a lock on a file beside the database, which also holds between libraries of
//! one process.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// The way to a turn. The lock belongs to this file as it was opened here.
pub(super) struct Turns(File);

/// A turn, until it is dropped.
pub(super) struct Turn<'a>(&'a File);

/// Why there was none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTurn {
    #[error("others work with it for {0:?} now")]
    TakenFor(Duration),
    #[error("its lock: {0}")]
    Refused(io::Error),
}

/// How often a taken lock is looked at.
const LOOK: Duration = Duration::from_micros(200);

impl Turns {
    /// Those of a database: of the file `NAME-turn` beside it.
    pub(super) fn of(database: &Path) -> Result<Self, NoTurn> {
        let mut name = OsString::from(database);
        name.push("-turn");
        let file = File::options().create(true).append(true).open(Path::new(&name));
        file.map(Self).map_err(NoTurn::Refused)
    }

    /// Waits for a turn.
    pub(super) fn take(&self, wait: Duration) -> Result<Turn<'_>, NoTurn> {
        let end = Instant::now() + wait;
        loop {
            match self.0.try_lock() {
                Ok(()) => return Ok(Turn(&self.0)),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => return Err(NoTurn::TakenFor(wait)),
                Err(TryLockError::Error(error)) => return Err(NoTurn::Refused(error)),
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // What cannot be given back goes with the file.
        let _ = self.0.unlock();
    }
}
