//! Answers on their way from threads of pools to a core.
//!
//! To wake a core from another thread is a system call each time, so answers are left here, and the
//! core is told once for all of them. What an answer was made in goes back to the core with it: the
//! core has made that memory, and frees it at less cost than anybody else.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The answers that one core has not looked at.
pub(crate) struct Post(Mutex<Letters>);

/// For which seat, and what is to be dropped there.
pub(super) struct Letter(pub(super) usize, pub(super) Arc<dyn Any + Send + Sync>);

#[derive(Default)]
struct Letters {
    left: Vec<Letter>,
    core: Core,
}

#[derive(Default)]
enum Core {
    /// Comes when this is woken.
    Away(Waker),
    /// Was woken and has not come yet.
    Told(Waker),
    /// Comes for the first time by itself.
    #[default]
    Early,
    /// Takes no letters.
    Gone,
}

impl Post {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Leaves an answer; the core has to be told.
    pub(crate) fn leave(&self, seat: usize, with: Arc<dyn Any + Send + Sync>) {
        let mut letters = self.lock();
        // Otherwise it is dropped here, outside the lock.
        if !matches!(letters.core, Core::Gone) {
            letters.left.push(Letter(seat, with));
        }
    }

    /// Tells the core of answers that it does not know of.
    pub(crate) fn tell(&self) {
        let mut letters = self.lock();
        if letters.left.is_empty() {
            return;
        }
        match std::mem::take(&mut letters.core) {
            Core::Away(waker) => {
                let wake = waker.clone();
                letters.core = Core::Told(waker);
                drop(letters);
                wake.wake();
            }
            known => letters.core = known,
        }
    }

    /// Whether somebody has yet to tell the core.
    pub(super) fn is_put_off(&self) -> bool {
        let letters = self.lock();
        matches!(letters.core, Core::Away(_)) && !letters.left.is_empty()
    }

    /// Takes all letters; the core comes again when `waker` is woken.
    pub(super) fn collect(&self, waker: &Waker, into: &mut Vec<Letter>) {
        let mut letters = self.lock();
        std::mem::swap(&mut letters.left, into);
        letters.core = match std::mem::take(&mut letters.core) {
            Core::Away(known) | Core::Told(known) if known.will_wake(waker) => Core::Away(known),
            _ => Core::Away(waker.clone()),
        };
    }

    /// The core takes no more.
    pub(super) fn close(&self) {
        let last = Letters { left: Vec::new(), core: Core::Gone };
        let letters = std::mem::replace(&mut *self.lock(), last);
        drop(letters);
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Post({} answers)", self.lock().left.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool may be quicker than the core that has just been opened.
    #[test]
    fn what_is_left_before_the_core_comes_is_kept_until_it_does() {
        let post = Post::new();
        post.leave(7, Arc::new(()));
        post.tell();
        let mut letters = Vec::new();
        post.collect(Waker::noop(), &mut letters);
        assert!(matches!(&*letters, [Letter(7, _)]));
        letters.clear();
        post.close();
        post.leave(8, Arc::new(()));
        post.collect(Waker::noop(), &mut letters);
        assert!(letters.is_empty(), "nobody takes it any more");
    }
}
