//! Which versions of an application run, and that none runs beside one that must be alone.
//!
//! A version runs from before its `init` until its application was dropped and the last thread of
//! its code has ended, however long that stays mapped. Invariant: where one of two versions is
//! exclusive, the second one is not let in while the first one runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inspect::Overlap;
use super::unload::{Brought, Code, thread_in};

/// A version that runs; dropped once its application is.
#[derive(Debug)]
pub(crate) struct Running {
    number: u64,
    brought: Option<Brought>,
}

/// Another version runs that this one must not run beside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only one version of `{app}` may run at a time: {found}")]
pub(crate) struct Beside {
    app: String,
    found: String,
}

#[derive(Debug)]
struct Entry {
    app: String,
    number: u64,
    overlap: Overlap,
    life: Life,
}

#[derive(Debug)]
enum Life {
    Runs,
    /// Its application was dropped; threads of this code may be left.
    Ended(Code),
    /// It never came into service, so that it keeps nobody from it.
    Refused(Code),
}

static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Lets a version in that is about to start.
pub(crate) fn enter(
    app: &str,
    number: u64,
    overlap: Overlap,
    brought: Option<&Brought>,
) -> Result<Running, Beside> {
    let mut entries = lock();
    if let Some(entry) = entries.iter().find(|entry| entry.excludes(app, overlap)) {
        return Err(Beside { app: app.to_owned(), found: entry.text() });
    }
    entries.push(Entry { app: app.to_owned(), number, overlap, life: Life::Runs });
    Ok(Running { number, brought: brought.cloned() })
}

/// Whether a version of this kind could not be let in now.
pub(crate) fn excludes(app: &str, overlap: Overlap) -> bool {
    lock().iter().any(|entry| entry.excludes(app, overlap))
}

/// What still runs of an application, in words, other than this generation and what was refused.
pub(crate) fn found(app: &str, other_than: Option<u64>) -> Option<String> {
    let entries = lock();
    let mut others = entries.iter().filter(|entry| Some(entry.number) != other_than);
    others.find(|entry| entry.app == app && entry.counts()).map(Entry::text)
}

/// The same with what was refused, of which threads may be on their way out.
pub(crate) fn left(app: &str) -> Option<String> {
    lock().iter().find(|entry| entry.app == app).map(Entry::text)
}

/// Nobody waits for this one: its `init` does not return, or nothing of it is mapped any more.
pub(crate) fn forget(number: u64) {
    lock().retain(|entry| entry.number != number);
}

/// Those that run, without those whose last thread has ended.
fn lock() -> MutexGuard<'static, Vec<Entry>> {
    let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
    entries.retain(|entry| match &entry.life {
        Life::Runs => true,
        Life::Ended(code) | Life::Refused(code) => thread_in(code).is_some(),
    });
    entries
}

impl Running {
    /// It did not start.
    pub(crate) fn refused(self) {
        self.lives(Life::Refused);
    }

    fn lives(&self, life: impl FnOnce(Code) -> Life) {
        let code = self.brought.as_ref().map(Code::of).unwrap_or_default();
        let mut entries = lock();
        let runs = |entry: &&mut Entry| entry.number == self.number;
        if let Some(entry) = entries.iter_mut().find(runs)
            && matches!(entry.life, Life::Runs)
        {
            entry.life = life(code);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lives(Life::Ended);
    }
}

impl Entry {
    fn excludes(&self, app: &str, overlap: Overlap) -> bool {
        let alone = [self.overlap, overlap].contains(&Overlap::Exclusive);
        self.app == app && self.counts() && alone
    }

    /// One that never came into service keeps nobody from it.
    const fn counts(&self) -> bool {
        !matches!(self.life, Life::Refused(_))
    }

    fn text(&self) -> String {
        let number = self.number;
        let thread = match &self.life {
            Life::Runs => None,
            Life::Ended(code) | Life::Refused(code) => thread_in(code),
        };
        match thread {
            Some(thread) => format!("{thread} of generation {number} still runs"),
            None => format!("generation {number} has not ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(number: u64, overlap: Overlap) -> Result<Running, Beside> {
        super::enter("one at a time", number, overlap, None)
    }

    #[test]
    fn nobody_runs_beside_one_that_is_alone() {
        let (first, second) = (u64::MAX - 1, u64::MAX - 2);
        for (one, other) in [
            (Overlap::Exclusive, Overlap::Exclusive),
            (Overlap::Exclusive, Overlap::Allowed),
            (Overlap::Allowed, Overlap::Exclusive),
        ] {
            let running = enter(first, one).unwrap();
            let beside = enter(second, other).unwrap_err().to_string();
            assert!(beside.contains(&format!("generation {first} has not ended")), "{beside}");
            assert!(super::enter("another", second, other, None).is_ok());
            assert_eq!(found("one at a time", Some(first)), None);
            drop(running);
            enter(second, other).unwrap().refused();
        }
        let both = [enter(first, Overlap::Allowed), enter(second, Overlap::Allowed)];
        assert!(both.iter().all(Result::is_ok));
    }
}
