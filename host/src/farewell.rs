//! The end of a stack's time: what has no end of its own is told then.
//!
//! A member that leaves service has a drain timeout for what it has in hand. A connection that was
//! taken over, or a stream that goes on for ever, would keep it longer, so each of them listens
//! here while it waits, and ends itself when it is told.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

/// Of one stack.
#[derive(Default)]
pub(crate) struct Farewell {
    said: AtomicBool,
    ears: Mutex<Vec<Weak<Ear>>>,
}

/// Of one that listens.
pub(crate) struct Ear(Mutex<Waker>);

impl Farewell {
    /// Tells all that listen, and those to come; how many listen now.
    pub(crate) fn say(&self) -> usize {
        self.said.store(true, Ordering::Release);
        let ears = std::mem::take(&mut *lock(&self.ears));
        let ears = ears.iter().filter_map(Weak::upgrade);
        ears.inspect(|ear| lock(&ear.0).wake_by_ref()).count()
    }

    /// Ready once it was said. Wakes whoever has polled last with this ear.
    pub(crate) fn poll(&self, ear: &mut Option<Arc<Ear>>, waker: &Waker) -> Poll<()> {
        match ear {
            Some(ear) => lock(&ear.0).clone_from(waker),
            None => self.add(ear, waker),
        }
        // It may have been said meanwhile, to the last waker or to nobody.
        if self.said.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    #[cold]
    fn add(&self, place: &mut Option<Arc<Ear>>, waker: &Waker) {
        let ear = Arc::new(Ear(Mutex::new(waker.clone())));
        let mut ears = lock(&self.ears);
        // Each time the list would have to grow, those that are gone make room first.
        if ears.len() == ears.capacity() {
            ears.retain(|ear| ear.strong_count() > 0);
        }
        ears.push(Arc::downgrade(&ear));
        *place = Some(ear);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = if self.said.load(Ordering::Relaxed) { "said" } else { "not said" };
        write!(f, "Farewell({said})")
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_listens_is_told_once_and_whoever_comes_later_at_once() {
        let farewell = Farewell::default();
        let wakes = [(); 3].map(|()| Arc::new(Wakes::default()));
        let wakers = wakes.each_ref().map(|wakes| Waker::from(Arc::clone(wakes)));
        let [mut first, mut second, mut gone] = [None, None, None];
        assert!(farewell.poll(&mut first, &wakers[0]).is_pending());
        assert!(farewell.poll(&mut gone, &wakers[2]).is_pending());
        drop(gone);
        assert!(farewell.poll(&mut second, &wakers[0]).is_pending());
        assert!(farewell.poll(&mut second, &wakers[1]).is_pending(), "it listens on");
        assert_eq!(farewell.say(), 2);
        assert_eq!(wakes.each_ref().map(|wakes| wakes.0.load(Ordering::Relaxed)), [1, 1, 0]);
        assert!(farewell.poll(&mut first, &wakers[0]).is_ready());
        assert!(farewell.poll(&mut None, &wakers[2]).is_ready());
        assert_eq!(farewell.say(), 0, "told twice");
    }

    #[test]
    fn those_that_are_gone_make_room() {
        let farewell = Farewell::default();
        for _ in 0..1_000 {
            assert!(farewell.poll(&mut None, Waker::noop()).is_pending());
        }
        assert!(lock(&farewell.ears).capacity() < 10, "{}", lock(&farewell.ears).capacity());
    }
}
