//! A call that answers later, polled on the core that received the request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use dsgi::bridge::future::Pending;
use http::StatusCode;

use super::answer::{Answered, Failed, Wanted};
use super::call;
use crate::clock::Deadline;
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
