//! What kind of thread this is, and which core's pulse it shows.
//!
//! A core must never wait, so whatever would wait asks here first. The pulse is how the watchdog
//! sees a core that an application holds: two stores a call, no clock. It beats in a thread-local,
//! so that a step inwards is one store, and is looked at from outside only while its thread lives.
#![allow(unsafe_code, reason = "a thread-local is looked at by another thread")]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What kind of thread this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Serves connections.
    Core,
    /// May wait: a pool's thread, the probe, a thread of a library.
    Elsewhere,
}

/// Where a thread is: inside which generation, and how many calls it has finished. Only the thread
/// writes; who looks may be late.
#[derive(Debug)]
struct Beat {
    inside: AtomicU64,
    finished: AtomicU64,
}

/// The beat of a core, until its thread ends.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Option<NonNull<Beat>>>);

// SAFETY: the beat is made of atomics, and is looked at under the lock only.
unsafe impl Send for Pulse {}
// SAFETY: as above.
unsafe impl Sync for Pulse {}

/// Ends a pulse with its thread.
#[derive(Debug)]
struct Living(Arc<Pulse>);

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Elsewhere) };
    // Nothing to drop, so that it is there for as long as the thread.
    static BEAT: Beat =
        const { Beat { inside: AtomicU64::new(0), finished: AtomicU64::new(0) } };
    static LIVING: RefCell<Option<Living>> = const { RefCell::new(None) };
}

/// Makes this thread a core.
pub(crate) fn become_core() -> Arc<Pulse> {
    let pulse = BEAT.with(|beat| Arc::new(Pulse(Mutex::new(Some(NonNull::from(beat))))));
    LIVING.set(Some(Living(Arc::clone(&pulse))));
    PLACE.set(Place::Core);
    pulse
}

/// What kind of thread this is.
#[inline]
pub(crate) fn current() -> Place {
    PLACE.get()
}

/// Runs code of a generation where the watchdog can see it.
#[inline]
pub(crate) fn inside<T>(generation: u64, code: impl FnOnce() -> T) -> T {
    on_to(generation);
    let result = code();
    BEAT.with(|beat| {
        beat.inside.store(0, Ordering::Relaxed);
        beat.finished.store(beat.finished.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    });
    result
}

/// The same for code that a generation calls: the pulse shows who is inside, and then the caller
/// again. The call that it belongs to is counted where it began.
#[inline]
pub(crate) fn further<T>(caller: u64, generation: u64, code: impl FnOnce() -> T) -> T {
    on_to(generation);
    let result = code();
    on_to(caller);
    result
}

/// The same for code that a generation leaves the thread to: nobody comes back to it.
#[inline]
pub(crate) fn on_to(generation: u64) {
    BEAT.with(|beat| beat.inside.store(generation, Ordering::Relaxed));
}

impl Pulse {
    /// The generation that the core is inside of, and how many calls it finished before.
    pub(crate) fn read(&self) -> Option<(u64, u64)> {
        let beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: there until its thread ends, which takes it away first and waits for this lock.
        let beat = unsafe { (*beat)?.as_ref() };
        let inside = beat.inside.load(Ordering::Relaxed);
        (inside != 0).then(|| (inside, beat.finished.load(Ordering::Relaxed)))
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Wakes a thread that waits for a future.
#[derive(Debug)]
pub(crate) struct Unpark(std::thread::Thread);

impl Unpark {
    /// A waker of this thread.
    pub(crate) fn this_thread() -> std::task::Waker {
        Arc::new(Self(std::thread::current())).into()
    }
}

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pulse_shows_whoever_is_innermost() {
        let seen = std::thread::spawn(|| {
            let pulse = become_core();
            let mut seen = vec![pulse.read()];
            inside(1, || {
                seen.push(pulse.read());
                further(1, 2, || seen.push(pulse.read()));
                seen.push(pulse.read());
            });
            seen.push(pulse.read());
            inside(3, || {
                on_to(4);
                seen.push(pulse.read());
            });
            seen
        });
        let expected = [None, Some((1, 0)), Some((2, 0)), Some((1, 0)), None, Some((4, 1))];
        assert_eq!(seen.join().unwrap(), expected);
    }

    #[test]
    fn a_pulse_ends_with_its_thread() {
        let core = std::thread::spawn(|| {
            let pulse = become_core();
            on_to(1);
            assert_eq!(pulse.read(), Some((1, 0)));
            pulse
        });
        assert_eq!(core.join().unwrap().read(), None);
    }
}
