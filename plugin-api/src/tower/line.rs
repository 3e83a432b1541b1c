//! A line in memory between what a service does with a connection and the connection itself.
//!
//! The service's end is used on threads of its runtime, the other one on the core of the host that
//! has the connection: bytes pass from the one to the other, and whoever is slow is waited for.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::bridge::duplex::Duplex;
use crate::{Chunk, Result};

/// Bytes that may be on their way in one direction.
const ROOM: usize = 64 * 1024;

/// Bytes that are taken off the line at once.
const BLOCK: usize = 16 * 1024;

/// The end of the host.
pub(super) struct Near {
    pub(super) stream: DuplexStream,
    far: Arc<Presence>,
}

/// The end of the service, for hyper.
pub(super) struct Far {
    stream: TokioIo<DuplexStream>,
    presence: Arc<Presence>,
}

/// Whether the service still has its end: it may have shut down one direction, or be gone.
#[derive(Default)]
struct Presence {
    gone: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// A line and its two ends.
pub(super) fn pair() -> (Near, Far) {
    let (near, far) = tokio::io::duplex(ROOM);
    let presence = Arc::new(Presence::default());
    let near = Near { stream: near, far: Arc::clone(&presence) };
    (near, Far { stream: TokioIo::new(far), presence })
}

impl Near {
    /// Passes bytes on in both directions, until both have ended or the service is gone.
    pub(super) async fn join(self, duplex: Duplex) -> Result<()> {
        let mut joined = Joined {
            near: self,
            duplex,
            inwards: Inwards::Open(None),
            outwards: Outwards::Open,
            block: vec![0; BLOCK].into_boxed_slice(),
        };
        poll_fn(|context| joined.poll(context)).await
    }
}

/// The line and the connection.
struct Joined {
    near: Near,
    duplex: Duplex,
    inwards: Inwards,
    outwards: Outwards,
    block: Box<[u8]>,
}

/// From the client to the service.
enum Inwards {
    /// With what was received and is not on the line yet, from a place in it on.
    Open(Option<(Chunk, usize)>),
    Ending,
    Ended,
}

/// From the service to the client.
enum Outwards {
    Open,
    /// Part of the block is not written yet.
    Holds(usize, usize),
    /// All is written, and may still be on its way.
    Flushes,
    Ending,
    Ended,
}

impl Joined {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let outwards = self.poll_outwards(context)?;
        let inwards = self.poll_inwards(context)?;
        // Who is gone reads nothing more, and what it has written was passed on.
        let gone = outwards.is_ready() && self.near.far.is_gone(context);
        let over = gone || (outwards.is_ready() && inwards.is_ready());
        if over { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_inwards(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            match &mut self.inwards {
                Inwards::Open(None) => match ready!(self.duplex.poll_read(context)?) {
                    Some(chunk) => self.inwards = Inwards::Open(Some((chunk, 0))),
                    None => self.inwards = Inwards::Ending,
                },
                Inwards::Open(Some((chunk, from))) => {
                    let left = chunk.bytes().get(*from..).unwrap_or_default();
                    if left.is_empty() {
                        self.inwards = Inwards::Open(None);
                        continue;
                    }
                    match ready!(Pin::new(&mut self.near.stream).poll_write(context, left)) {
                        Ok(written) => *from += written,
                        // The service reads no more; the client is told by the other direction.
                        Err(_) => self.inwards = Inwards::Ended,
                    }
                }
                Inwards::Ending => {
                    let _ = ready!(Pin::new(&mut self.near.stream).poll_shutdown(context));
                    self.inwards = Inwards::Ended;
                }
                Inwards::Ended => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_outwards(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            match self.outwards {
                Outwards::Open | Outwards::Flushes => {
                    let mut read = ReadBuf::new(&mut self.block);
                    let polled = Pin::new(&mut self.near.stream).poll_read(context, &mut read);
                    let Poll::Ready(polled) = polled else {
                        if matches!(self.outwards, Outwards::Flushes) {
                            ready!(self.duplex.poll_flush(context)?);
                            self.outwards = Outwards::Open;
                        }
                        return Poll::Pending;
                    };
                    polled?;
                    self.outwards = match read.filled().len() {
                        0 => Outwards::Ending,
                        length => Outwards::Holds(0, length),
                    };
                }
                Outwards::Holds(from, to) => {
                    let left = self.block.get(from..to).unwrap_or_default();
                    let written = ready!(self.duplex.poll_write(context, left)?);
                    self.outwards = match from + written {
                        from if from < to => Outwards::Holds(from, to),
                        _ => Outwards::Flushes,
                    };
                }
                Outwards::Ending => {
                    ready!(self.duplex.poll_shutdown(context)?);
                    self.outwards = Outwards::Ended;
                }
                Outwards::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl Presence {
    fn is_gone(&self, context: &Context<'_>) -> bool {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        *waker = Some(context.waker().clone());
        self.gone.load(Ordering::Acquire)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.presence.gone.store(true, Ordering::Release);
        let waker = self.presence.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Read for Far {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Far {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
