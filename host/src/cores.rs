//! The threads that serve connections: one for each core, each with its own runtime.

mod install;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

pub(crate) use self::install::Held;
use crate::duty::{Duties, Verdict};
use crate::invoke::place::{self, Pulse};
use crate::limits::Limits;
use crate::plan::Plan;
use crate::plugin::unload::purge;
use crate::pool::desk::Desk;
use crate::site::{self, Site};

/// One core: a thread with a runtime and its own copy of the site.
pub(crate) struct Core {
    runtime: Handle,
    duties: Arc<Duties>,
    load: Arc<AtomicUsize>,
    pulse: Arc<Pulse>,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

/// All cores.
#[derive(Debug)]
pub(crate) struct Cores {
    cores: Vec<Core>,
    ended: Arc<Notify>,
}

/// The threads of cores, to wait for once the cores were dropped.
#[derive(Debug)]
pub(crate) struct Threads(mpsc::Receiver<Infallible>);

/// A connection that a core serves.
pub(crate) struct Served {
    load: Arc<AtomicUsize>,
    ended: Arc<Notify>,
}

impl Cores {
    /// Starts a thread for each core this process may run on.
    pub(crate) fn start(plan: &Plan, limits: &Arc<Limits>) -> io::Result<(Self, Threads)> {
        let count = thread::available_parallelism()?.get();
        let (alive, threads) = mpsc::channel();
        let cores: io::Result<Vec<Core>> =
            (0..count).map(|number| Core::start(number, plan, limits, alive.clone())).collect();
        Ok((Self { cores: cores?, ended: Arc::default() }, Threads(threads)))
    }

    /// The core with the fewest connections, counted as one more; of several the first from this
    /// number on.
    pub(crate) fn least_loaded(&self, from: usize) -> Option<(&Core, Served)> {
        let (before, behind) = self.cores.split_at_checked(from)?;
        let cores = behind.iter().chain(before);
        let core = cores.min_by_key(|core| core.load.load(Ordering::Relaxed))?;
        core.load.fetch_add(1, Ordering::Relaxed);
        let (load, ended) = (Arc::clone(&core.load), Arc::clone(&self.ended));
        Some((core, Served { load, ended }))
    }

    /// Connections of all cores.
    pub(crate) fn connections(&self) -> usize {
        self.cores.iter().map(|core| core.load.load(Ordering::Relaxed)).sum()
    }

    /// Waits until there are fewer connections than these.
    pub(crate) async fn room(&self, most: usize) {
        if self.connections() < most {
            return;
        }
        while self.connections() >= most {
            self.ended.notified().await;
        }
        // Of several that wait one is told of each end.
        self.ended.notify_one();
    }

    /// Each core's runtime, in their order.
    pub(crate) fn runtimes(&self) -> impl Iterator<Item = &Handle> + Clone {
        self.cores.iter().map(Core::runtime)
    }

    /// Tells every connection, those to come included, what to do.
    pub(crate) fn judge_all(&self, verdict: Verdict) {
        for core in &self.cores {
            core.duties.judge_all(verdict);
        }
    }

    /// Gives every core the mounts of a plan, see [`install`].
    pub(crate) fn install(&self, plan: &Plan, until: Instant) -> Result<(), Held> {
        install::install(&self.cores, plan, until)
    }

    /// Looks at every connection once.
    pub(crate) fn tick(&self) {
        self.cores.iter().for_each(|core| core.duties.tick());
    }

    /// Waits until no connection is left.
    pub(crate) async fn empty(&self) {
        while self.connections() > 0 {
            self.ended.notified().await;
        }
    }

    pub(crate) fn pulses(&self) -> Vec<Arc<Pulse>> {
        self.cores.iter().map(|core| Arc::clone(&core.pulse)).collect()
    }
}

impl Threads {
    /// Waits until the last thread has ended, with everything it held, or the time is over.
    pub(crate) fn ended(self, until: Instant) {
        // Nothing is ever sent: the channel closes with its last thread.
        let _ = self.0.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

impl Core {
    fn start(
        number: usize,
        plan: &Plan,
        limits: &Arc<Limits>,
        alive: mpsc::Sender<Infallible>,
    ) -> io::Result<Self> {
        let duties = Arc::new(Duties::new(Arc::clone(limits)));
        let (send, receive) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let site = plan.for_core(number);
        thread::Builder::new().name(format!("core {number}")).spawn(move || {
            site::install(site);
            let pulse = place::become_core();
            let runtime = match Builder::new_current_thread().enable_io().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(send.send(Err(error))),
            };
            let tasks = runtime.handle().clone();
            let mailbox = purge::enrol(move || drop(tasks.spawn(async { purge::run_pending() })));
            // It sees to what this core hands over to pools.
            runtime.spawn(Desk::open());
            // The receiver waits until it has this.
            let _ = send.send(Ok((runtime.handle().clone(), pulse)));
            // An error says that the core was dropped, which is what it waits for.
            let _ = runtime.block_on(stopped);
            drop(runtime);
            site::install(Site::nothing());
            drop(mailbox);
            drop(alive);
        })?;
        let (runtime, pulse) = receive.recv().map_err(io::Error::other)??;
        Ok(Self { runtime, duties, load: Arc::default(), pulse, _stop: stop })
    }

    /// Where its connections run.
    pub(crate) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(crate) const fn duties(&self) -> &Arc<Duties> {
        &self.duties
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
        // Remembered when nobody waits yet, so the last connection is never missed.
        self.ended.notify_one();
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Core({} connections)", self.load.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plugin::unload::{Ranges, StillThere};

    #[test]
    fn cores_clear_themselves_when_they_are_asked() {
        let ask = |patience| {
            let until = Instant::now() + Duration::from_millis(patience);
            purge::everywhere(&Ranges::default(), until)
        };
        let (cores, threads) = Cores::start(&Plan::default(), &Arc::default()).unwrap();
        let (hold, held) = mpsc::channel::<()>();
        let (busy, is_busy) = mpsc::channel();
        cores.cores[0].runtime().spawn(async move {
            busy.send(()).unwrap();
            held.recv().unwrap();
        });
        is_busy.recv().unwrap();
        assert!(matches!(ask(20), Err(StillThere::Busy(_))), "it did not wait for the core");
        hold.send(()).unwrap();
        assert_eq!(ask(30_000), Ok(()));
        drop(cores);
        threads.ended(Instant::now() + Duration::from_secs(30));
        assert_eq!(ask(30_000), Ok(()), "a core that is gone was asked");
    }
}
