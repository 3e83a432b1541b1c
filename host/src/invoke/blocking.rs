//! A call on a thread of a pool, and the core that waits for its answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use dsgi::bridge::future::Pending;

use super::answer::{Answered, Failed, Wanted};
use super::call::{self, Called};
use super::exchange::Exchange;
use super::place::Unpark;
use crate::clock::Deadline;
use crate::lease::Lease;
use crate::pool::Job;

/// The core's side: waits for the answer. Dropping it gives the request up.
#[derive(Debug)]
pub(crate) struct Waiting {
    ticket: Arc<Ticket>,
    exchange: Arc<Exchange>,
    deadline: Deadline,
}

/// The pool is full: the exchange was not begun.
#[derive(Debug)]
pub(crate) struct Full;

struct Ticket(Mutex<State>);

enum State {
    Waiting(Option<Waker>),
    Answered(Box<Answered>),
    GivenUp,
}

struct Call {
    exchange: Arc<Exchange>,
    wanted: Wanted,
    ticket: Arc<Ticket>,
}

/// Queues the call on the stack's pool.
pub(crate) fn begin(exchange: Arc<Exchange>, wanted: Wanted) -> Result<Waiting, Full> {
    let ticket = Arc::new(Ticket(Mutex::new(State::Waiting(None))));
    let lease = exchange.mounted.lease.clone();
    let call =
        Call { exchange: Arc::clone(&exchange), wanted, ticket: Arc::clone(&ticket) };
    let pool = lease.pool().ok_or(Full)?;
    pool.begin(Box::new(call)).map_err(|_| Full)?;
    let deadline = Deadline::new(lease.limits.request_timeout);
    Ok(Waiting { ticket, exchange, deadline })
}

/// Calls on this thread and waits for the answer, as a pool's thread and the probe do.
pub(crate) fn call(exchange: Arc<Exchange>, wanted: Wanted) -> Answered {
    let lease = exchange.mounted.lease.clone();
    match call::outermost(exchange, wanted) {
        Called::Answered(answered) => answered,
        Called::Later(pending) => wait(pending, &lease, wanted),
    }
}

fn wait(mut pending: Pending, lease: &Lease, wanted: Wanted) -> Answered {
    let waker = Unpark::this_thread();
    loop {
        if let Some(answered) = call::poll(&mut pending, &waker, lease, wanted) {
            return answered;
        }
        thread::park();
    }
}

impl Job for Call {
    fn run(self: Box<Self>) {
        let Self { exchange, wanted, ticket } = *self;
        if ticket.given_up() {
            return;
        }
        let answered = call(exchange, wanted);
        let (answered, pipe) = match answered {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let (body, pipe) = body.into_pipe();
                (Ok(http::Response::from_parts(head, body)), pipe)
            }
            Err(failed) => (Err(failed), None),
        };
        ticket.answer(answered);
        if let Some(pipe) = pipe {
            pipe.pump();
        }
    }
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given_up(&self) -> bool {
        matches!(*self.lock(), State::GivenUp)
    }

    fn answer(&self, answered: Answered) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::GivenUp) {
            State::Waiting(waker) => {
                *state = State::Answered(Box::new(answered));
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            // Nobody waits any more: the response is dropped outside the lock, its body closed.
            State::Answered(_) | State::GivenUp => drop(state),
        }
    }
}

impl Future for Waiting {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let mut state = self.ticket.lock();
        match std::mem::replace(&mut *state, State::GivenUp) {
            State::Answered(answered) => return Poll::Ready(*answered),
            _ => *state = State::Waiting(Some(context.waker().clone())),
        }
        drop(state);
        match self.deadline.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Err(Failed::timed_out())),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.ticket.lock();
        match std::mem::replace(&mut *state, State::GivenUp) {
            State::Waiting(_) => {
                drop(state);
                self.exchange.cancel();
            }
            unread => {
                drop(state);
                drop(unread);
            }
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.lock() {
            State::Waiting(_) => "Ticket(waiting)",
            State::Answered(_) => "Ticket(answered)",
            State::GivenUp => "Ticket(over)",
        })
    }
}
