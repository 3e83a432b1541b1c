//! A call on a thread of a pool, and the core that waits for its answer.
//!
//! The call is made on the core in one piece: what it asks, where its answer is filled in, and how
//! far it is. The thread only works on it; with the answer it goes back to the core, to be freed
//! where it was made.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use dsgi::bridge::future::Pending;
use dsgi::bridge::room::Room;
use http::HeaderMap;

use super::answer::{Answered, Failed, Wanted};
use super::body::ReplyBody;
use super::call::{self, Called};
use super::exchange::{Exchange, Share, spare};
use super::place::Unpark;
use crate::lease::Lease;
use crate::message::Response;
use crate::pool::Job;
use crate::pool::desk;
use crate::pool::post::Post;

/// The core's side: waits for the answer. Dropping it gives the request up.
pub(crate) struct Waiting {
    call: Arc<Call>,
}

/// The pool is full: the exchange was not begun.
#[derive(Debug)]
pub(crate) struct Full;

struct Call {
    exchange: Share,
    wanted: Wanted,
    post: &'static Post,
    seat: usize,
    stage: AtomicU8,
    /// The thread's while it works, the core's once it was answered.
    reply: Mutex<Reply>,
}

struct Reply {
    response: Response,
    answered: Answered,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    Waiting,
    Answered,
    /// Nobody waits for it any more.
    Over,
}

thread_local! {
    /// Lent with each call of this thread.
    static ROOM: Cell<Option<Room>> = const { Cell::new(None) };
}

/// Fields that a response usually has room for, made on the core as everything else of it.
const FIELDS: usize = 4;

/// Queues the call on the stack's pool.
pub(crate) fn begin(exchange: Arc<Exchange>, wanted: Wanted) -> Result<Waiting, Full> {
    // Only cores dispatch.
    let desk = desk::here().ok_or(Full)?;
    let seat = desk.sit(exchange.mounted.lease.limits.request_timeout);
    let mut response = http::Response::new(ReplyBody::none(None));
    spare::headers(response.headers_mut());
    if response.headers().capacity() == 0 {
        *response.headers_mut() = HeaderMap::with_capacity(FIELDS);
    }
    let reply = Mutex::new(Reply { response, answered: Ok(()) });
    let stage = AtomicU8::new(Stage::Waiting as u8);
    let exchange = Share::of(exchange);
    let call = Arc::new(Call { exchange, wanted, post: desk.post(), seat, stage, reply });
    let waiting = Waiting { call };
    let pool = waiting.lease().pool().ok_or(Full)?;
    pool.begin(Arc::clone(&waiting.call)).map_err(|_| Full)?;
    Ok(waiting)
}

/// Calls on this thread and waits for the answer, as the probe does.
pub(crate) fn call(exchange: Arc<Exchange>, wanted: Wanted) -> Result<Response, Failed> {
    let lease = exchange.mounted.lease.clone();
    let mut response = http::Response::new(ReplyBody::none(None));
    fill(exchange, &lease, wanted, &mut response).map(|()| response)
}

fn fill(
    exchange: Arc<Exchange>,
    lease: &Lease,
    wanted: Wanted,
    response: &mut Response,
) -> Answered {
    let mut room = ROOM.take().unwrap_or_default();
    let called = call::outermost(exchange, lease, wanted, response, &mut room);
    ROOM.set(Some(room));
    match called {
        Called::Answered(answered) => answered,
        Called::Later(pending) => wait(pending, lease, wanted, response),
    }
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
    fn run(self: Arc<Self>) -> Option<&'static Post> {
        if self.stage() == Stage::Over {
            return None;
        }
        let mut reply = self.lock();
        let Reply { response, answered } = &mut *reply;
        let exchange = Arc::clone(&*self.exchange);
        *answered = fill(exchange, &self.exchange.mounted.lease, self.wanted, response);
        let given_up = Arc::downgrade(&self.exchange);
        let body = answered.is_ok().then(|| response.body_mut());
        let pipe = body.and_then(|body| body.lay_pipe(given_up));
        drop(reply);
        let post = self.post;
        if self.advance(Stage::Answered) == Stage::Over {
            // Nobody waits any more: the body is closed here, where it may wait.
            self.abandon();
        } else {
            post.leave(self.seat, self);
        }
        let Some(pipe) = pipe else { return Some(post) };
        // The first block may take its time.
        post.tell();
        pipe.pump();
        None
    }
}

impl Call {
    fn lock(&self) -> MutexGuard<'_, Reply> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self) -> Stage {
        Stage::of(self.stage.load(Ordering::Acquire))
    }

    /// Goes on to a stage, never back; where it was.
    fn advance(&self, to: Stage) -> Stage {
        Stage::of(self.stage.fetch_max(to as u8, Ordering::AcqRel))
    }

    /// Drops what was answered.
    fn abandon(&self) {
        let body = std::mem::replace(self.lock().response.body_mut(), ReplyBody::none(None));
        drop(body);
    }
}

impl Stage {
    const fn of(stage: u8) -> Self {
        match stage {
            0 => Self::Waiting,
            1 => Self::Answered,
            _ => Self::Over,
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
        let call = &*self.call;
        match call.stage() {
            Stage::Waiting => {}
            Stage::Answered => return Poll::Ready(call.take(response)),
            Stage::Over => return Poll::Pending,
        }
        // An answer that comes meanwhile is left at the post, which this core opens later.
        match desk::of(call.post) {
            Some(desk) => desk.wait(call.seat, context.waker()).map(|()| Err(Failed::timed_out())),
            None => Poll::Pending,
        }
    }

    /// Whether a body is left that nobody will read, once it was answered.
    pub(crate) fn let_rest_go(&self) -> bool {
        self.call.exchange.let_rest_go()
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.call.exchange.mounted.lease
    }
}

impl Call {
    fn take(&self, response: &mut Response) -> Answered {
        self.advance(Stage::Over);
        let mut reply = self.lock();
        let Reply { response: other, answered } = &mut *reply;
        std::mem::replace(answered, Ok(()))?;
        let body = std::mem::replace(other.body_mut(), ReplyBody::none(None));
        response.body_mut().take_over(body);
        *response.status_mut() = other.status();
        std::mem::swap(response.headers_mut(), other.headers_mut());
        std::mem::swap(response.extensions_mut(), other.extensions_mut());
        Ok(())
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
        if let Some(desk) = desk::of(self.call.post) {
            desk.rise(self.call.seat);
        }
        match self.call.advance(Stage::Over) {
            Stage::Waiting => self.call.exchange.cancel(),
            Stage::Answered => self.call.abandon(),
            Stage::Over => {}
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiting({:?}, {:?})", self.call.stage(), **self.call.exchange)
    }
}
