//! Whose turn it is to deploy an application: one at work, and the newest that waits.

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The turns of one application.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queue: Mutex<Queue>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    at_work: Option<u64>,
    waiting: Option<u64>,
    last: u64,
}

/// A turn; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

/// Whether somebody is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    Idle,
    Deploying,
}

/// A later one took this one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overtaken;

impl Turns {
    /// Waits for the turn; `waits` is told if there is a wait.
    pub(super) fn take(&self, waits: impl FnOnce()) -> Result<Turn<'_>, Overtaken> {
        let mut queue = self.lock();
        queue.last += 1;
        let own = queue.last;
        // Whoever still waits is overtaken, also when its turn has come and it does not know yet:
        // what was asked for later would be done earlier.
        if queue.waiting.take().is_some() {
            self.moved.notify_all();
        }
        if queue.at_work.is_some() {
            queue.waiting = Some(own);
            drop(queue);
            waits();
            queue = self.lock();
            while queue.at_work.is_some() && queue.waiting == Some(own) {
                queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.waiting != Some(own) {
                return Err(Overtaken);
            }
            queue.waiting = None;
        }
        queue.at_work = Some(own);
        Ok(Turn(self))
    }

    /// Waits until nobody is at work or waits, and takes nobody's place.
    pub(super) fn take_last(&self) -> Turn<'_> {
        let mut queue = self.lock();
        while queue.at_work.is_some() || queue.waiting.is_some() {
            queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.last += 1;
        queue.at_work = Some(queue.last);
        Turn(self)
    }

    pub(super) fn busy(&self) -> Busy {
        if self.lock().at_work.is_some() { Busy::Deploying } else { Busy::Idle }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().at_work = None;
        self.0.moved.notify_all();
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    #[test]
    fn the_newest_waits_and_the_one_before_is_overtaken() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(|| {}).unwrap();
        let (waiting, waits) = mpsc::channel();
        let later = || {
            let (turns, waiting) = (Arc::clone(&turns), waiting.clone());
            let wait = move || turns.take(|| waiting.send(()).unwrap()).map(drop);
            let thread = thread::spawn(wait);
            waits.recv().unwrap();
            thread
        };
        let (second, third) = (later(), later());
        assert_eq!(second.join().unwrap(), Err(Overtaken));
        assert_eq!(turns.busy(), Busy::Deploying);
        drop(first);
        assert_eq!(third.join().unwrap(), Ok(()));
        assert_eq!(turns.busy(), Busy::Idle);
    }
}
