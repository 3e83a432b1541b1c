//! Where requests wait while one version of an application ends and the next one starts.
//!
//! A gate stands at the mounts in place of a stack. It opens by a new site: each core calls those
//! that wait on it once it has taken one, in the order in which they came, and they look again at
//! what stands at their path. So a request is never between two sites.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

/// What stands at the mounts meanwhile.
#[derive(Debug)]
pub(crate) struct Gate {
    hold: Duration,
    most: usize,
    held: AtomicUsize,
}

/// A request that waits at a gate.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    /// Where it stands among those of its core.
    number: u64,
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

thread_local! {
    /// Who waits for this core's next site, in the order of arrival.
    static WAITING: RefCell<BTreeMap<u64, Waker>> = const { RefCell::new(BTreeMap::new()) };
}

impl Gate {
    /// A gate at which so many requests wait, each for so long.
    pub(crate) fn new(hold: Duration, most: usize) -> Arc<Self> {
        Arc::new(Self { hold, most, held: AtomicUsize::new(0) })
    }

    /// How long a request waits.
    pub(crate) const fn hold(&self) -> Duration {
        self.hold
    }

    /// How many wait.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> Result<Ticket, Full> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let ticket =
            Ticket { gate: Arc::clone(self), number: NEXT.fetch_add(1, Ordering::Relaxed) };
        // One too many is counted for as long as it takes to say so.
        if self.held.fetch_add(1, Ordering::Relaxed) < self.most { Ok(ticket) } else { Err(Full) }
    }
}

impl Ticket {
    /// Is called when this core has taken another site.
    pub(crate) fn wait(&self, waker: &Waker) {
        WAITING.with_borrow_mut(|waiting| waiting.insert(self.number, waker.clone()));
    }

    /// How long it waits.
    pub(crate) fn hold(&self) -> Duration {
        self.gate.hold()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.held.fetch_sub(1, Ordering::Relaxed);
        // A core that ends has nobody to call any more.
        let _ = WAITING.try_with(|waiting| waiting.borrow_mut().remove(&self.number));
    }
}

/// Calls everybody who waits on this core.
pub(crate) fn call() {
    let waiting = WAITING.take();
    waiting.into_values().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::Wake;

    use super::*;

    struct Note(u8, Arc<Mutex<Vec<u8>>>);

    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn those_that_wait_are_called_in_order_and_those_that_left_are_not() {
        let gate = Gate::new(Duration::ZERO, 3);
        let called = Arc::default();
        let mut tickets: Vec<Ticket> = (0..3).map(|_| gate.enter().unwrap()).collect();
        assert_eq!((gate.enter().unwrap_err(), gate.held()), (Full, 3));
        // Whoever is polled last came first.
        for at in [2, 0, 1] {
            tickets[at].wait(&Arc::new(Note(at as u8, Arc::clone(&called))).into());
        }
        drop(tickets.remove(1));
        assert_eq!(gate.held(), 2);
        call();
        assert_eq!(*called.lock().unwrap(), [0, 2]);
        call();
        assert_eq!(called.lock().unwrap().len(), 2);
    }
}
