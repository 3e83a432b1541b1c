//! A call that answers later, polled on the core that received the request.

use std::task::{Context, Poll};

use dsgi::bridge::future::Pending;
use http::StatusCode;

use super::answer::{Answered, Failed, Wanted};
use super::call;
use super::exchange::Rest;
use crate::clock::Deadline;
use crate::lease::Lease;
use crate::message::Response;

/// An async call under way. Dropping it cancels the call.
#[derive(Debug)]
pub(crate) struct Later {
    // Drop order: the application's future before the lease on its code.
    pending: Pending,
    lease: Lease,
    wanted: Wanted,
    deadline: Deadline,
    /// Where the request has a body.
    rest: Option<Rest>,
}

impl Later {
    pub(crate) fn new(pending: Pending, lease: Lease, wanted: Wanted, rest: Option<Rest>) -> Self {
        let deadline = Deadline::new(lease.limits.request_timeout);
        Self { pending, lease, wanted, deadline, rest }
    }
}

impl Later {
    /// Polls the call, and fills its answer in.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        response: &mut Response,
    ) -> Poll<Answered> {
        let Self { pending, lease, wanted, deadline, .. } = self;
        match call::poll(pending, context.waker(), lease, *wanted, response) {
            Some(answered) => Poll::Ready(answered),
            None => deadline.poll(context).map(|()| Err(Failed::timed_out())),
        }
    }

    /// Ends the call; whether a body is left that nobody will read.
    pub(crate) fn end(self) -> bool {
        let Self { pending, rest, .. } = self;
        // It may be what would read.
        drop(pending);
        rest.is_some_and(Rest::let_go)
    }

    pub(crate) const fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Failed {
    /// The application took longer to its first byte than the host waits.
    #[cold]
    pub(super) fn timed_out() -> Self {
        let message = String::from("gave no response within the request timeout");
        Self { status: StatusCode::GATEWAY_TIMEOUT, message, generation: 0 }
    }
}
