//! The runtime of one generation: where tasks, timers and sockets of a service live.
//!
//! The host polls on its own cores. The runtime is entered around each poll, so that a service
//! finds it, and around each drop of what came from the service, because destructors look for it
//! too. Its one thread drives timers and sockets and runs what was spawned.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::runtime::{Builder, EnterGuard, Handle};

use crate::{Result, purpose};

/// How long tasks that block may go on when their generation has ended. A thread that does not
/// end in this time keeps the library in memory, and the host says so.
const PATIENCE: Duration = Duration::from_secs(5);

/// A runtime that ends when it is dropped, with everything that was spawned on it.
pub struct Runtime {
    /// There until the drop.
    tokio: Option<tokio::runtime::Runtime>,
    entry: Entry,
}

/// The way into a runtime.
#[derive(Clone)]
pub(super) struct Entry(Handle);

impl Runtime {
    /// A runtime with one thread, named for the application.
    pub(super) fn start() -> Result<Self> {
        let name = format!("dsgi-{}", purpose::name());
        let tokio =
            Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build()?;
        let entry = Entry(tokio.handle().clone());
        Ok(Self { tokio: Some(tokio), entry })
    }

    pub(super) const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Waits for something that is not `Send`, as a constructor may be.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.entry.0.block_on(future)
    }
}

impl Entry {
    /// The way into the runtime that is entered already.
    pub(super) fn current() -> Self {
        Self(Handle::current())
    }

    /// Makes the runtime known to what runs on this thread, until the guard is dropped.
    #[inline]
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }

    /// A future that is polled and dropped inside of the runtime.
    pub(super) const fn inside<F: Future>(self, future: F) -> Inside<F> {
        Inside { future: Some(future), entry: self, next: Poller::Outside }
    }

    /// The same, of which the first poll comes from inside.
    #[inline(always)]
    pub(super) const fn begun_inside<F: Future>(self, future: F) -> Inside<F> {
        Inside { future: Some(future), entry: self, next: Poller::Inside }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(tokio) = self.tokio.take() {
            tokio.shutdown_timeout(PATIENCE);
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}

/// Where the next poll comes from: to enter twice costs as much as a small handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poller {
    Inside,
    Outside,
}

pin_project! {
    /// A future that is polled and dropped inside of a runtime.
    pub(super) struct Inside<F> {
        #[pin]
        future: Option<F>,
        entry: Entry,
        next: Poller,
    }

    impl<F> PinnedDrop for Inside<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = this.entry.enter();
                this.future.set(None);
            }
        }
    }
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = match std::mem::replace(this.next, Poller::Outside) {
            Poller::Inside => None,
            Poller::Outside => Some(this.entry.enter()),
        };
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let polled = future.poll(context);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}
