//! How every core gets new mounts: a task for each, which takes them between two requests.

use std::convert::Infallible;
use std::time::Instant;

use super::Core;
use crate::plan::Plan;
use crate::site;
use crate::sync::mpsc::{self, RecvTimeoutError};

/// A core did not take new mounts in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held;

/// Gives every core the mounts of a plan. Waits until all have taken them, or the time is over: a
/// core that an application holds takes them later.
pub(super) fn install(cores: &[Core], plan: &Plan, until: Instant) -> Result<(), Held> {
    let (pending, done) = mpsc::channel::<Infallible>();
    for (number, core) in cores.iter().enumerate() {
        let (site, pending) = (plan.for_core(number), pending.clone());
        core.runtime().spawn(async move {
            site::install(site);
            drop(pending);
        });
    }
    drop(pending);
    // Nothing is ever sent: the channel closes with the last core that has taken it.
    match done.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Err(RecvTimeoutError::Timeout) => Err(Held),
        Ok(_) | Err(RecvTimeoutError::Disconnected) => Ok(()),
    }
}
