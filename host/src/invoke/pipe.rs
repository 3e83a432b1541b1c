//! The body of a blocking application, between a thread that makes it and a core that sends it.
//!
//! A block is handed over the moment it is made, and the next one is asked for while at most a
//! window of bytes is untaken; then the thread lets the body lie and does other work, so that
//! clients that never read hold no thread. Who is to go on is decided under one lock: exactly one
//! side has the body at any time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};

use dsgi::Outcome;
use dsgi::bridge::body::Stream;

use super::body::{BodyError, read};
use super::data::Made;
use super::exchange::Exchange;
use super::place::Unpark;
use crate::lease::Lease;
use crate::pool::Job;
use crate::pool::post::Post;

/// One body, shared by the thread and the core.
pub(crate) struct Pipe {
    state: Mutex<State>,
    lease: Lease,
    /// What a body that still works on its request is told when the reader is done.
    exchange: Weak<Exchange>,
}

struct State {
    stream: Holder,
    made: VecDeque<Made>,
    untaken: usize,
    end: Option<Result<(), BodyError>>,
    reader: Option<Waker>,
    /// The thread that pulls, while it waits for a body that says it is not ready.
    puller: Option<Thread>,
}

/// Who has the application's body.
enum Holder {
    /// Nobody: it lies here until the reader has taken enough.
    Lying(Stream),
    /// Nobody: it is over, and lies here until it is closed. A thread that was asked for before
    /// must not pull it again.
    Over(Stream),
    /// A thread pulls it.
    Pulled,
    /// A thread pulls it, and will close it with this.
    Ending(Outcome, u64),
    /// Nobody pulls it any more: it waits for a thread that closes it with this.
    Done(Stream, Outcome, u64),
    /// It was closed.
    Closed,
}

impl Pipe {
    pub(super) fn new(stream: Stream, lease: Lease, exchange: Weak<Exchange>) -> Arc<Self> {
        let state = State {
            stream: Holder::Lying(stream),
            made: VecDeque::new(),
            untaken: 0,
            end: None,
            reader: None,
            puller: None,
        };
        Arc::new(Self { state: Mutex::new(state), lease, exchange })
    }

    pub(super) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Pulls on this thread until the window is full or the body is over.
    pub(super) fn pump(&self) {
        // Asked for twice, it may lie no more: then how it is to end must stay as it is.
        let Some(mut stream) = self.lock().pick_up() else { return };
        let waker = Unpark::this_thread();
        loop {
            let pulled = match stream.pull(Some(&waker)) {
                Poll::Ready(pulled) => pulled.map(|piece| read(piece, &self.lease)),
                Poll::Pending => match self.rest() {
                    Some((outcome, sent)) => return stream.close(outcome, sent),
                    None => continue,
                },
            };
            let mut state = self.lock();
            if let Some((outcome, sent)) = state.ending() {
                drop(state);
                return stream.close(outcome, sent);
            }
            let over = state.take_in(pulled);
            let full = state.untaken >= self.lease.limits.pool_window;
            if over || full {
                state.stream = if over { Holder::Over(stream) } else { Holder::Lying(stream) };
                return state.wake();
            }
            state.wake();
        }
    }

    /// Waits until the body or its reader has something to say; how to end, if that is it.
    fn rest(&self) -> Option<(Outcome, u64)> {
        let mut state = self.lock();
        let ending = state.ending();
        if ending.is_none() {
            state.puller = Some(thread::current());
            drop(state);
            thread::park();
        }
        ending
    }

    /// The next piece for the reader; lets a thread go on when there is room again.
    pub(super) fn poll(self: &Arc<Self>, waker: &Waker) -> Poll<Option<Result<Made, BodyError>>> {
        let mut state = self.lock();
        let Some(made) = state.made.pop_front() else {
            if let Some(end) = state.end.take() {
                return Poll::Ready(end.err().map(Err));
            }
            state.reader = Some(waker.clone());
            return Poll::Pending;
        };
        state.untaken -= made.length();
        let room = state.untaken < self.lease.limits.pool_window;
        let go_on = room && matches!(state.stream, Holder::Lying(_));
        drop(state);
        if go_on && let Some(pool) = self.lease.pool() {
            pool.go_on(Arc::clone(self) as Arc<dyn Job>);
        }
        Poll::Ready(Some(Ok(made)))
    }

    /// The reader is done: the body is closed on a thread of the pool, where it may wait.
    pub(super) fn finish(self: Arc<Self>, outcome: Outcome, sent: u64) {
        let mut state = self.lock();
        state.made.clear();
        match std::mem::replace(&mut state.stream, Holder::Closed) {
            Holder::Lying(stream) | Holder::Over(stream) => {
                state.stream = Holder::Done(stream, outcome, sent);
                drop(state);
                let lease = self.lease.clone();
                match lease.pool() {
                    Some(pool) => pool.go_on(self),
                    None => self.close(),
                }
            }
            Holder::Pulled => {
                state.stream = Holder::Ending(outcome, sent);
                if let Some(puller) = state.puller.take() {
                    puller.unpark();
                }
                drop(state);
                if let Some(exchange) = self.exchange.upgrade() {
                    exchange.cancel();
                }
            }
            Holder::Ending(..) | Holder::Closed => {}
            done @ Holder::Done(..) => state.stream = done,
        }
    }

    /// Closes a body that nobody pulls any more.
    fn close(&self) {
        let mut state = self.lock();
        match std::mem::replace(&mut state.stream, Holder::Closed) {
            Holder::Done(stream, outcome, sent) => {
                drop(state);
                stream.close(outcome, sent);
            }
            other => state.stream = other,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The body, to be pulled; `None` when it does not lie here.
    fn pick_up(&mut self) -> Option<Stream> {
        match std::mem::replace(&mut self.stream, Holder::Pulled) {
            Holder::Lying(stream) => Some(stream),
            other => {
                self.stream = other;
                None
            }
        }
    }

    /// How the body is to end, if its reader is done; whoever pulls it then closes it.
    fn ending(&mut self) -> Option<(Outcome, u64)> {
        let Holder::Ending(outcome, sent) = self.stream else { return None };
        self.stream = Holder::Closed;
        Some((outcome, sent))
    }

    /// Takes a pulled piece in; true when it was the last.
    fn take_in(&mut self, pulled: Option<Result<Made, BodyError>>) -> bool {
        match pulled {
            Some(Ok(made)) => {
                self.untaken += made.length();
                self.made.push_back(made);
                return false;
            }
            Some(Err(error)) => self.end = Some(Err(error)),
            None => self.end = Some(Ok(())),
        }
        true
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Job for Pipe {
    fn run(self: Arc<Self>) -> Option<&'static Post> {
        self.pump();
        self.close();
        None
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "Pipe({} blocks, {} bytes untaken)", state.made.len(), state.untaken)
    }
}
