//! Work that may be asked for while it is done: one at work, and one that waits.
//!
//! Invariant: whoever asks, asks for a run that begins after it asked.

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, thread};

/// The errand of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Errand(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    AtWork,
    /// At work, and asked for again.
    Again,
}

impl Errand {
    /// Does it on a thread of its own, once more if it is at work.
    pub(super) fn run(&self, work: impl Fn() + Send + 'static) {
        {
            let mut state = self.lock();
            if *state != State::Idle {
                *state = State::Again;
                return;
            }
            *state = State::AtWork;
        }
        let errand = self.clone();
        let run = move || {
            loop {
                work();
                let mut state = errand.lock();
                if *state == State::AtWork {
                    *state = State::Idle;
                    return;
                }
                *state = State::AtWork;
            }
        };
        if let Err(error) = thread::Builder::new().name(String::from("deploy")).spawn(run) {
            *self.lock() = State::Idle;
            tracing::error!("what changed is not deployed: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn any_number_of_wishes_during_a_run_is_one_more_run() {
        let errand = Errand::default();
        let (begin, begun) = channel();
        let (end, ended) = channel();
        let ended = Arc::new(Mutex::new(ended));
        let ask = || {
            let (begin, ended) = (begin.clone(), Arc::clone(&ended));
            errand.run(move || {
                begin.send(()).unwrap();
                ended.lock().unwrap().recv().unwrap();
            });
        };
        ask();
        begun.recv().unwrap();
        (0..50).for_each(|_| ask());
        end.send(()).unwrap();
        begun.recv().unwrap();
        end.send(()).unwrap();
        while *errand.lock() != State::Idle {
            thread::yield_now();
        }
        assert!(begun.try_recv().is_err(), "a third run");
        ask();
        begun.recv().unwrap();
        end.send(()).unwrap();
    }
}
