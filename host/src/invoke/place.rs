//! What kind of thread this is, and which core's pulse it shows.
//!
//! A core must never wait, so whatever would wait asks here first. The pulse is how the watchdog
//! sees a core that an application holds: two stores a call, no clock.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What kind of thread this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Serves connections.
    Core,
    /// May wait: a pool's thread, the probe, a thread of a library.
    Elsewhere,
}

/// Where a core is: inside which generation, and how many calls it has finished.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    inside: AtomicU64,
    finished: AtomicU64,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Elsewhere) };
    static PULSE: Cell<Option<&'static Pulse>> = const { Cell::new(None) };
}

/// Makes this thread a core. Its pulse lives as long as the process, as cores do.
pub(crate) fn become_core() -> &'static Pulse {
    let pulse: &'static Pulse = Box::leak(Box::default());
    PLACE.set(Place::Core);
    PULSE.set(Some(pulse));
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
    let Some(pulse) = PULSE.get() else {
        return code();
    };
    // Only this thread writes; the watchdog reads and may be late.
    pulse.inside.store(generation, Ordering::Relaxed);
    let result = code();
    pulse.inside.store(0, Ordering::Relaxed);
    pulse.finished.store(pulse.finished.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    result
}

/// The same for code that a generation calls: the pulse shows who is inside, and then the caller
/// again. The call that it belongs to is counted where it began.
#[inline]
pub(crate) fn further<T>(caller: u64, generation: u64, code: impl FnOnce() -> T) -> T {
    let Some(pulse) = PULSE.get() else {
        return code();
    };
    pulse.inside.store(generation, Ordering::Relaxed);
    let result = code();
    pulse.inside.store(caller, Ordering::Relaxed);
    result
}

impl Pulse {
    /// The generation that the core is inside of, and how many calls it finished before.
    pub(crate) fn read(&self) -> Option<(u64, u64)> {
        let inside = self.inside.load(Ordering::Relaxed);
        (inside != 0).then(|| (inside, self.finished.load(Ordering::Relaxed)))
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
            inside(3, || seen.push(pulse.read()));
            seen
        });
        let expected = [None, Some((1, 0)), Some((2, 0)), Some((1, 0)), None, Some((3, 1))];
        assert_eq!(seen.join().unwrap(), expected);
    }
}
