//! The body of a request, with one reader at a time.
//!
//! The first handle that reads owns the input until it is released; others are told that it is
//! taken. A body is pulled from the client only as somebody reads it.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsgi::abi::answer;
use dsgi::abi::grown::Frame;
use dsgi::abi::object::Exchange as Object;
use dsgi::abi::pointer::Out;
use dsgi::bridge::body::{self, Failure, Pulled, Stream};
use dsgi::bridge::bytes::SharedBytes;
use http::HeaderMap;
use http_body::Body;
use hyper::body::Incoming;

use crate::clock::Deadline;
use crate::invoke::place::{self, Place, Unpark};
use crate::invoke::trailers;
use crate::invoke::upload::{Cut, Upload};
use crate::lease::Lease;

/// Where a request body comes from.
pub(crate) struct Input {
    owner: AtomicPtr<Object>,
    source: Mutex<Source>,
}

enum Source {
    Client {
        incoming: Incoming,
        received: u64,
        pause: Deadline,
    },
    /// The client's too, over another gateway.
    Uploaded {
        upload: Upload,
        received: u64,
        pause: Deadline,
    },
    Supplied(Stream),
    Inherited,
    Ended,
}

impl Input {
    /// From a client; none when it sends no body.
    #[inline]
    pub(crate) fn client(incoming: Incoming, pause: Duration) -> Option<Self> {
        if incoming.is_end_stream() {
            return None;
        }
        let pause = Deadline::new(pause);
        Some(Self::from(Source::Client { incoming, received: 0, pause }))
    }

    /// From a client whose body a gateway reads.
    pub(crate) fn uploaded(upload: Upload, pause: Duration) -> Self {
        Self::from(Source::Uploaded { upload, received: 0, pause: Deadline::new(pause) })
    }

    /// No body.
    #[inline]
    pub(super) fn ended() -> Self {
        Self::from(Source::Ended)
    }

    /// From a layer.
    pub(super) fn supplied(stream: Stream) -> Self {
        Self::from(Source::Supplied(stream))
    }

    /// From the exchange that this one was derived from.
    pub(super) fn inherited() -> Self {
        Self::from(Source::Inherited)
    }

    pub(super) fn is_inherited(&self) -> bool {
        matches!(*self.lock(), Source::Inherited)
    }

    /// Drops whatever was not read, and every waker that waits for it.
    pub(super) fn end(&self) {
        // A reader that is inside right now ends by the flag of its exchange.
        if let Ok(mut source) = self.source.try_lock() {
            *source = Source::Ended;
        }
    }

    /// Drops what a client has still to send over HTTP; whether there is some.
    pub(super) fn drop_unread(&self) -> bool {
        let mut source = self.lock();
        let unread =
            matches!(&*source, Source::Client { incoming, .. } if !incoming.is_end_stream());
        if unread {
            *source = Source::Ended;
        }
        unread
    }

    /// Lets others read when the owner's handle is released.
    #[inline]
    pub(super) fn give_up(&self, handle: *mut Object) {
        if self.owner.load(Ordering::Relaxed) == handle {
            self.owner.store(std::ptr::null_mut(), Ordering::Release);
        }
    }

    /// The next frame for the owner of `handle`, waiting when no waker is lent.
    pub(super) fn read(
        &self,
        handle: *mut Object,
        waker: Option<&Waker>,
        lease: &Lease,
        frame: Out<Frame>,
    ) -> u32 {
        let nobody = std::ptr::null_mut();
        let order = (Ordering::Acquire, Ordering::Acquire);
        if let Err(owner) = self.owner.compare_exchange(nobody, handle, order.0, order.1)
            && owner != handle
        {
            return answer::TAKEN;
        }
        let mut source = self.lock();
        let pulled = match waker {
            Some(waker) => {
                // Whoever stores this waker may outlive the library that made it.
                source.pull(&Leased::waker(waker, lease), lease.limits.body_bytes)
            }
            None => match source.wait(lease.limits.body_bytes) {
                Some(pulled) => pulled,
                None => return answer::WOULD_BLOCK,
            },
        };
        if matches!(pulled, Poll::Ready(None | Some(Err(_)))) {
            *source = Source::Ended;
        }
        drop(source);
        // SAFETY: lent for this call with its size set.
        unsafe { body::answer_of_pull(Ok(pulled), frame) }
    }

    fn lock(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Waits for the next frame; `None` on a core, where nothing may wait.
    fn wait(&mut self, limit: u64) -> Option<Pulled> {
        let waker = match place::current() {
            Place::Core => Waker::noop().clone(),
            Place::Elsewhere => Unpark::this_thread(),
        };
        let since = Instant::now();
        loop {
            match self.pull(&waker, limit) {
                Poll::Pending if place::current() == Place::Core => return None,
                Poll::Pending => thread::park_timeout(self.pause()),
                ready => return Some(ready),
            }
            if since.elapsed() >= self.pause() {
                return Some(paused());
            }
        }
    }

    /// How long the client may pause.
    fn pause(&self) -> Duration {
        match self {
            Self::Client { pause, .. } | Self::Uploaded { pause, .. } => pause.after(),
            Self::Supplied(_) | Self::Inherited | Self::Ended => Duration::MAX,
        }
    }

    fn pull(&mut self, waker: &Waker, limit: u64) -> Pulled {
        match self {
            Self::Client { incoming, received, pause } => loop {
                let mut context = Context::from_waker(waker);
                let frame = match Pin::new(&mut *incoming).poll_frame(&mut context) {
                    Poll::Pending if place::current() == Place::Core => {
                        return pause.poll(&context).map(|()| Some(Err(too_slow())));
                    }
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Ready(Some(Err(error))) => return failed(400, &client_text(&error)),
                    Poll::Ready(Some(Ok(frame))) => frame,
                };
                let data = match frame.into_data() {
                    Ok(data) => data,
                    Err(frame) => match frame.into_trailers() {
                        Ok(map) => return behind(&map),
                        Err(_) => continue,
                    },
                };
                *pause = Deadline::new(pause.after());
                *received += data.len() as u64;
                return given(data, *received, limit);
            },
            Self::Uploaded { upload, received, pause } => {
                let context = Context::from_waker(waker);
                match upload.poll(&context) {
                    Poll::Pending if place::current() == Place::Core => {
                        pause.poll(&context).map(|()| Some(Err(too_slow())))
                    }
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(None) => Poll::Ready(None),
                    Poll::Ready(Some(Err(Cut))) => failed(400, LEFT),
                    Poll::Ready(Some(Ok(block))) => {
                        *pause = Deadline::new(pause.after());
                        *received += block.len() as u64;
                        given(block, *received, limit)
                    }
                }
            }
            Self::Supplied(stream) => stream.pull(Some(waker)),
            Self::Inherited | Self::Ended => Poll::Ready(None),
        }
    }
}

const LEFT: &str = "the client left within its request body";

/// The next block of a client, within the limit.
#[inline]
fn given(block: Bytes, received: u64, limit: u64) -> Pulled {
    if received > limit {
        return failed(413, "the request body is larger than this host takes");
    }
    Poll::Ready(Some(Ok(body::Frame::Data(SharedBytes::from_owner(block)))))
}

fn client_text(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return String::from(LEFT);
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("the request body failed: {error}{}", cause.unwrap_or_default())
}

fn paused() -> Pulled {
    Poll::Ready(Some(Err(too_slow())))
}

fn too_slow() -> Failure {
    Failure::new(408, "the client paused too long within its body")
}

fn failed(status: u16, message: &str) -> Pulled {
    Poll::Ready(Some(Err(Failure::new(status, message))))
}

/// Fields behind the body. They are its end too, but are given before.
fn behind(map: &HeaderMap) -> Pulled {
    Poll::Ready(Some(Ok(body::Frame::Trailers(trailers::of_request(map)))))
}

/// A waker that entered from a library, with a lease on its maker.
pub(crate) struct Leased {
    // Drop order: the waker's code before the lease on it.
    waker: Waker,
    _lease: Lease,
}

impl Leased {
    /// A waker to keep.
    pub(crate) fn waker(waker: &Waker, lease: &Lease) -> Waker {
        Arc::new(Self { waker: waker.clone(), _lease: lease.clone() }).into()
    }
}

impl Wake for Leased {
    fn wake(self: Arc<Self>) {
        self.waker.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.waker.wake_by_ref();
    }
}

impl From<Source> for Input {
    fn from(source: Source) -> Self {
        Self { owner: AtomicPtr::default(), source: Mutex::new(source) }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &*self.lock() {
            Source::Client { received, .. } | Source::Uploaded { received, .. } => {
                format!("client, {received} bytes received")
            }
            Source::Supplied(_) => String::from("supplied"),
            Source::Inherited => String::from("inherited"),
            Source::Ended => String::from("ended"),
        };
        write!(f, "Input({source})")
    }
}
