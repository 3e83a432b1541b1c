//! The request body, as the client sends it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use crate::Outcome;
use crate::bridge::body::{Frame, Pull, Pulled, Stream};
use crate::bridge::bytes::{Failure, SharedBytes};

/// A part of the request body.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Block(Vec<u8>),
    Trailers(Vec<(String, Vec<u8>)>),
    /// The client goes.
    Gone,
}

/// A request body and whoever reads it: the first one that does.
pub(super) struct Input {
    stream: Mutex<Stream>,
    owner: Mutex<Option<usize>>,
}

impl Input {
    pub(super) fn new(stream: Stream) -> Arc<Self> {
        Arc::new(Self { stream: Mutex::new(stream), owner: Mutex::default() })
    }

    /// Whether it is this handle's, which it becomes by asking first.
    pub(super) fn is_of(&self, handle: usize) -> bool {
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        *owner.get_or_insert(handle) == handle
    }

    pub(super) fn pull(&self, waker: Option<&Waker>) -> Pulled {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).pull(waker)
    }
}

/// What a client sends; it says of itself when it has gone.
pub(super) struct Sending {
    parts: VecDeque<Part>,
    gone: Arc<AtomicBool>,
}

impl Sending {
    pub(super) fn stream(parts: Vec<Part>, gone: &Arc<AtomicBool>) -> Stream {
        Stream::of(Self { parts: parts.into(), gone: Arc::clone(gone) })
    }
}

impl Pull for Sending {
    fn pull(&mut self, _: Option<&Waker>) -> Pulled {
        Poll::Ready(match self.parts.pop_front() {
            None => None,
            Some(Part::Block(block)) => Some(Ok(Frame::Data(SharedBytes::from(block)))),
            Some(Part::Trailers(fields)) => Some(Ok(Frame::Trailers(fields))),
            Some(Part::Gone) => {
                self.gone.store(true, Ordering::Relaxed);
                Some(Err(Failure::new(400, "the client went before its body had ended")))
            }
        })
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {}
}
