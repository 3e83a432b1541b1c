//! A call on a thread of a pool, and the core that waits for its answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use dsgi::bridge::future::Pending;

use super::answer::{Answered, Failed, Wanted};
use super::body::ReplyBody;
use super::call::{self, Called};
use super::exchange::Exchange;
use super::place::Unpark;
use crate::clock::Deadline;
use crate::lease::Lease;
use crate::message::Response;
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
    Answered(Box<Result<Response, Failed>>),
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
    let call = Call { exchange: Arc::clone(&exchange), wanted, ticket: Arc::clone(&ticket) };
    let pool = lease.pool().ok_or(Full)?;
    pool.begin(Box::new(call)).map_err(|_| Full)?;
    let deadline = Deadline::new(lease.limits.request_timeout);
    Ok(Waiting { ticket, exchange, deadline })
}

/// Calls on this thread and waits for the answer, as a pool's thread and the probe do.
pub(crate) fn call(exchange: Arc<Exchange>, wanted: Wanted) -> Result<Response, Failed> {
    let lease = exchange.mounted.lease.clone();
    let mut response = http::Response::new(ReplyBody::none(None));
    let answered = match call::outermost(exchange, &lease, wanted, &mut response) {
        Called::Answered(answered) => answered,
        Called::Later(pending) => wait(pending, &lease, wanted, &mut response),
    };
    answered.map(|()| response)
}

fn wait(mut pending: Pending, lease: &Lease, wanted: Wanted, response: &mut Response) -> Answered {
    let waker = Unpark::this_thread();
    loop {
        if let Some(answered) = call::poll(&mut pending, &waker, lease, wanted, response) {
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
        let given_up = Arc::downgrade(&exchange);
        let mut answered = call(exchange, wanted);
        let response = answered.as_mut().ok();
        let pipe = response.and_then(|response| response.body_mut().lay_pipe(given_up));
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

    fn answer(&self, answered: Result<Response, Failed>) {
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

impl Waiting {
    /// Looks for the answer, and fills it in.
    pub(crate) fn poll(
        &mut self,
        context: &Context<'_>,
        response: &mut Response,
    ) -> Poll<Answered> {
        let mut state = self.ticket.lock();
        match std::mem::replace(&mut *state, State::GivenUp) {
            State::Answered(answered) => {
                return Poll::Ready(answered.map(|answered| take_over(response, answered)));
            }
            _ => *state = State::Waiting(Some(context.waker().clone())),
        }
        drop(state);
        self.deadline.poll(context).map(|()| Err(Failed::timed_out()))
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.exchange.mounted.lease
    }
}

/// Puts a response that was made elsewhere where it stays; the request stays in hand.
pub(crate) fn take_over(response: &mut Response, other: Response) {
    let (head, body) = other.into_parts();
    response.body_mut().take_over(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    *response.extensions_mut() = head.extensions;
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
