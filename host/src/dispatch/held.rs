//! A request that waits at a gate, and is dispatched like any other once its core has another site.
//!
//! Nothing of it was given to an application, and nothing of its body is read.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;

use super::{Dispatched, Instead, Work, await_turn, find, look_up, unavailable};
use crate::clock::Deadline;
use crate::gate::{Gate, Ticket};
use crate::invoke::exchange::begin;
use crate::invoke::exchange::input::Input;
use crate::message::Origin;
use crate::site;

/// A request that waits.
pub(super) struct Held {
    request: Request<Option<Input>>,
    origin: Arc<Origin>,
    ticket: Ticket,
    deadline: Deadline,
}

impl Dispatched {
    /// Lets a request wait.
    #[cold]
    pub(super) fn hold<B>(
        &mut self,
        request: Request<B>,
        input: impl FnOnce(B) -> Option<Input>,
        origin: &Arc<Origin>,
        gate: &Arc<Gate>,
    ) {
        let Ok(ticket) = gate.enter() else {
            self.answer(unavailable("too many requests wait for the next version"));
            return;
        };
        let (request, origin) = (request.map(input), Arc::clone(origin));
        let deadline = Deadline::new(ticket.hold());
        if let Some(underway) = self.underway.as_deref_mut() {
            underway.work = Work::Held(Box::new(Held { request, origin, ticket, deadline }));
        }
    }

    /// Dispatches it as soon as something else stands at its path.
    #[cold]
    pub(super) fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(underway) = self.underway.as_deref_mut() else { return Poll::Pending };
        let Work::Held(held) = &mut underway.work else { return Poll::Pending };
        let upload = held.request.body().is_some();
        if held.still_waits() {
            held.ticket.wait(context.waker());
            if held.deadline.poll(context).is_pending() {
                return Poll::Pending;
            }
            underway.work = Work::Done;
            self.answer(unavailable("the next version of the application takes too long"));
        } else if let Work::Held(held) = std::mem::replace(&mut underway.work, Work::Done) {
            let Held { request, origin, ticket, .. } = *held;
            drop(ticket);
            match find(&request) {
                Ok(found) => self.call(found, begin!(request), |input| input, &origin),
                Err(instead) => self.instead(instead, request, |input| input, &origin),
            }
        }
        if upload && self.is_done() {
            return await_turn(context);
        }
        // It may be held again, or be worked on.
        self.work_on(context)
    }
}

impl Held {
    /// Whether a gate still stands at its path; another one is as good as the same.
    fn still_waits(&self) -> bool {
        site::current(|site| matches!(look_up(site, &self.request), Err(Instead::Wait(_))))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?})", self.ticket)
    }
}
