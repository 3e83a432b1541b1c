//! The time after a swap in which a version that keeps panicking is taken back.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Instant;

use super::{Host, Slot};
use crate::operator::{Build, Verdict};
use crate::panics::{Panics, Watching};

/// Verdicts that are remembered for whoever asks late.
const REMEMBERED: usize = 16;

impl Slot {
    /// Watches a version that was put into service.
    pub(super) fn open_window(
        self: &Arc<Self>,
        host: &Arc<Host>,
        build: &Build,
        panics: Arc<Panics>,
    ) {
        self.judge(build.generation, None);
        let spec = self.spec();
        let (budget, window) = (spec.policy.panics, spec.policy.window);
        let until = Instant::now() + window;
        let generation = build.generation;
        let (slot, host, build) = (Arc::clone(self), Arc::clone(host), build.clone());
        let watch = move || {
            let verdict = match panics.watch(budget, until) {
                Watching::Passed => {
                    slot.remember_good(&host, &build);
                    Verdict::Stayed
                }
                Watching::GivenUp => {
                    Verdict::Undecided { why: String::from("it was taken out of service") }
                }
                Watching::Spent => {
                    let why = format!("it panicked {budget} times within {window:?} of its swap");
                    slot.take_back(&host, &build, &why)
                }
            };
            slot.judge(build.generation, Some(verdict));
        };
        if let Err(error) = thread::Builder::new().name(String::from("window")).spawn(watch) {
            let why = format!("nobody watches it: {error}");
            self.judge(generation, Some(Verdict::Undecided { why }));
        }
    }

    fn judge(&self, generation: u64, verdict: Option<Verdict>) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.insert(generation, verdict);
        while verdicts.len() > REMEMBERED {
            verdicts.pop_first();
        }
        drop(verdicts);
        self.judged.notify_all();
    }
}
