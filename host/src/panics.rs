//! The panics of one generation in service, and who waits for them.
//!
//! Whoever watches holds the count and not the generation, so that watching keeps nothing in
//! service.

use std::time::Instant;

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The panics of a tenure.
#[derive(Debug, Default)]
pub(crate) struct Panics {
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Watched {
    count: u64,
    watch: Watch,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Watch {
    #[default]
    On,
    Over,
}

/// What a watch for panics came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watching {
    /// There were as many as were allowed.
    Spent,
    /// The time was over first.
    Passed,
    /// The generation was taken out of service.
    GivenUp,
}

impl Panics {
    /// The generation has panicked.
    #[cold]
    pub(crate) fn add(&self) {
        self.lock().count += 1;
        self.changed.notify_all();
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    /// Waits until there are so many, the time is over, or nobody wants to know any more.
    pub(crate) fn watch(&self, budget: u64, until: Instant) -> Watching {
        let mut watched = self.lock();
        loop {
            if watched.watch == Watch::Over {
                return Watching::GivenUp;
            }
            if watched.count >= budget {
                return Watching::Spent;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Watching::Passed;
            };
            let waited = self.changed.wait_timeout(watched, left);
            watched = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends every watch.
    pub(crate) fn give_up(&self) {
        self.lock().watch = Watch::Over;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
