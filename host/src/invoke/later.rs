//! A call that answers later, polled on the core that received the request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use dsgi::bridge::future::Pending;
use http::StatusCode;
use tokio::time::{Sleep, sleep};

use super::answer::{Answered, Failed, Wanted};
use super::call;
use crate::lease::Lease;

/// An async call under way. Dropping it cancels the call.
#[derive(Debug)]
pub(crate) struct Later {
    // Drop order: the application's future before the lease on its code.
    pending: Pending,
    lease: Lease,
    wanted: Wanted,
    deadline: Deadline,
}

impl Later {
    pub(crate) fn new(pending: Pending, lease: Lease, wanted: Wanted) -> Self {
        let deadline = Deadline::new(lease.limits.request_timeout);
        Self { pending, lease, wanted, deadline }
    }
}

impl Future for Later {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let Self { pending, lease, wanted, deadline } = &mut *self;
        if let Some(answered) = call::poll(pending, context.waker(), lease, *wanted) {
            return Poll::Ready(answered);
        }
        deadline.poll(context).map(|()| Err(Failed::timed_out()))
    }
}

impl Failed {
    /// The application took longer to its first byte than the host waits.
    #[cold]
    pub(super) fn timed_out() -> Self {
        let message = String::from("gave no response within the request timeout");
        Self { status: StatusCode::GATEWAY_TIMEOUT, message }
    }
}

/// A timer that is made only when somebody really waits.
pub(in crate::invoke) struct Deadline {
    after: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) const fn new(after: Duration) -> Self {
        Self { after, sleep: None }
    }

    pub(super) const fn after(&self) -> Duration {
        self.after
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let after = self.after;
        self.sleep.get_or_insert_with(|| Box::pin(sleep(after))).as_mut().poll(context)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deadline({:?})", self.after)
    }
}
