//! A connection that was taken over: both directions of it, for either side.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::body::{Frame, answer_of_pull, read_frame};
use super::bytes::{Failure, SharedBytes};
use super::{caught, waker};
use crate::abi::leaf::Str;
use crate::abi::object::DuplexTable;
use crate::abi::pointer::{Growable, Out};
use crate::abi::{self, answer};
use crate::{Chunk, Error, Result, slot};

/// A connection that was taken over by [`Body::upgrade`](crate::Body::upgrade): bytes from the
/// client, and bytes to it. Dropping it gives the connection up, both ways.
///
/// Each direction ends on its own: [`read`](Self::read) gives `None` once the client sends nothing
/// more, and may still be answered; after [`shutdown`](Self::shutdown) the client may still send.
/// Writing waits as long as the client takes nothing. Errors say that the connection is gone.
///
/// ```
/// use dsgi::{Body, Duplex, Environ, StartResponse};
///
/// async fn echo(mut duplex: Duplex) -> dsgi::Result<()> {
///     while let Some(block) = duplex.read().await? {
///         duplex.write(block.bytes()).await?;
///     }
///     duplex.shutdown().await
/// }
///
/// async fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///     let fields = [("Connection", "upgrade"), ("Upgrade", "echo")];
///     start_response("101 Switching Protocols", &fields)?;
///     Ok(Body::upgrade(echo))
/// }
/// dsgi::app!(app);
/// # fn main() {}
/// ```
pub struct Duplex {
    duplex: *mut abi::object::Duplex,
}

// SAFETY: the boundary's rule: duplexes are Send, used by one side at a time.
unsafe impl Send for Duplex {}

/// The connection as its maker has it, which is the host. Dropping it gives the connection up.
pub trait Wire: Send + 'static {
    /// The next bytes of the client; `None` when it sends nothing more.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<SharedBytes>, Failure>>;

    /// Takes bytes for the client, and says how many.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Failure>>;

    /// Ready when all that was taken has left.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>>;

    /// Ends the direction to the client.
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>>;
}

impl Duplex {
    /// The next bytes that the client has sent, as many as there are; `None` when it sends nothing
    /// more.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn read(&mut self) -> Result<Option<Chunk>> {
        poll_fn(|context| self.poll_read(context)).await
    }

    /// Sends all of these bytes, as fast as the client takes them.
    ///
    /// # Errors
    /// The connection is gone, or this direction was ended.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let mut left = bytes.as_ref();
        while !left.is_empty() {
            let written = poll_fn(|context| self.poll_write(context, left)).await?;
            left = left.get(written..).unwrap_or_default();
        }
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Ends the direction to the client, which then sees the end of the stream, and may go on
    /// sending.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn shutdown(&mut self) -> Result<()> {
        poll_fn(|context| self.poll_shutdown(context)).await
    }

    /// The same as [`read`](Self::read), for whoever waits for several things at once.
    ///
    /// # Errors
    /// The connection is gone.
    ///
    /// ```
    /// # use dsgi::Duplex;
    /// # async fn example(duplex: &mut Duplex) -> dsgi::Result<usize> {
    /// let block = std::future::poll_fn(|context| duplex.poll_read(context)).await?;
    /// Ok(block.map_or(0, |block| block.bytes().len()))
    /// # }
    /// ```
    pub fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>>> {
        let mut frame = abi::grown::Frame::absent();
        // SAFETY: owned and alive, one user at a time; waker and frame are lent, and the frame is
        // read for the answer it was filled for.
        let pulled = unsafe {
            let Some(read) = slot!(DuplexTable, self.duplex, read) else {
                return Poll::Ready(Err(gone()));
            };
            let out = Out::lend(&mut frame);
            let answer = waker::lend(context.waker(), |lent| read(self.duplex, lent, out));
            read_frame(answer, &frame)
        };
        pulled.map(|next| match next {
            None => Ok(None),
            Some(Ok(Frame::Data(bytes))) => Ok(Some(Chunk::from(bytes))),
            Some(Ok(Frame::Trailers(_))) => Err(Error::new("trailers on a connection")),
            Some(Err(failure)) if failure.message.is_empty() => Err(gone()),
            Some(Err(failure)) => Err(Error::from_failure(failure)),
        })
    }

    /// Takes bytes for the client, and says how many it has taken: at least one of those there
    /// are, at most all.
    ///
    /// # Errors
    /// The connection is gone, or this direction was ended.
    pub fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let mut written = 0;
        // SAFETY: owned and alive, one user at a time; waker, bytes and number are lent.
        let answer = unsafe {
            slot!(DuplexTable, self.duplex, write).map_or(answer::UNSUPPORTED, |write| {
                waker::lend(context.waker(), |lent| {
                    write(self.duplex, lent, Str::lend(bytes), &raw mut written)
                })
            })
        };
        let taken = usize::try_from(written).unwrap_or(usize::MAX).min(bytes.len());
        done(answer).map(|done| done.map(|()| taken))
    }

    /// Ready when all that was written has left.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        // SAFETY: owned and alive, one user at a time; the waker is lent.
        done(unsafe {
            slot!(DuplexTable, self.duplex, flush).map_or(answer::UNSUPPORTED, |flush| {
                waker::lend(context.waker(), |lent| flush(self.duplex, lent))
            })
        })
    }

    /// The same as [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    /// The connection is gone.
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        // SAFETY: owned and alive, one user at a time; the waker is lent.
        done(unsafe {
            slot!(DuplexTable, self.duplex, shutdown).map_or(answer::UNSUPPORTED, |shutdown| {
                waker::lend(context.waker(), |lent| shutdown(self.duplex, lent))
            })
        })
    }

    /// A connection of this side, as the other side would hold it.
    #[must_use]
    pub fn of<W: Wire>(wire: W) -> Self {
        let made = Box::new(Made { table: &Made::<W>::TABLE, wire });
        Self { duplex: Box::into_raw(made).cast() }
    }

    /// Takes a connection that the other side handed over.
    ///
    /// # Safety
    /// `duplex` is owned by the caller, and its maker stays loaded as long as the result lives.
    #[must_use]
    pub const unsafe fn from_raw(duplex: *mut abi::object::Duplex) -> Self {
        Self { duplex }
    }

    /// Hands the connection over.
    #[must_use]
    #[allow(clippy::mem_forget, reason = "ownership passes to the other side")]
    pub fn into_raw(self) -> *mut abi::object::Duplex {
        let duplex = self.duplex;
        std::mem::forget(self);
        duplex
    }
}

fn done(answer: u32) -> Poll<Result<()>> {
    match answer {
        answer::READY => Poll::Ready(Ok(())),
        answer::PENDING => Poll::Pending,
        _ => Poll::Ready(Err(gone())),
    }
}

#[cold]
fn gone() -> Error {
    Error::new("the connection is gone")
}

impl Drop for Duplex {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again.
        unsafe {
            if let Some(drop) = slot!(DuplexTable, self.duplex, drop) {
                drop(self.duplex);
            }
        }
    }
}

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duplex({:p})", self.duplex)
    }
}

#[repr(C)]
struct Made<W> {
    table: &'static DuplexTable,
    wire: W,
}

impl<W: Wire> Made<W> {
    const TABLE: DuplexTable = DuplexTable {
        size: size_of::<DuplexTable>() as u32,
        reserved: 0,
        read: Some(read::<W>),
        write: Some(write::<W>),
        flush: Some(flush::<W>),
        shutdown: Some(shutdown::<W>),
        drop: Some(drop_made::<W>),
    };
}

/// Polls the maker's side with the waker that the other side lends.
///
/// # Safety
/// `duplex` was made by `Duplex::of` for the same type, and has one user at a time; the waker is
/// lent for this call.
unsafe fn polled<W: Wire, T>(
    duplex: *mut abi::object::Duplex,
    lent: *const abi::object::Waker,
    poll: impl FnOnce(&mut W, &mut Context<'_>) -> Poll<Result<T, Failure>>,
) -> Poll<Result<T, Failure>> {
    // SAFETY: the caller's promise.
    let (wire, waker) = unsafe { (&mut (*duplex.cast::<Made<W>>()).wire, waker::borrow(lent)) };
    let waker = waker.as_deref().unwrap_or(Waker::noop());
    caught(|| poll(wire, &mut Context::from_waker(waker)))
        .unwrap_or_else(|panic| Poll::Ready(Err(Failure::panicked(&panic))))
}

/// What has no room for a reason.
const fn plain<T>(polled: &Poll<Result<T, Failure>>) -> u32 {
    match polled {
        Poll::Pending => answer::PENDING,
        Poll::Ready(Ok(_)) => answer::READY,
        Poll::Ready(Err(_)) => answer::ERROR,
    }
}

unsafe extern "C" fn read<W: Wire>(
    duplex: *mut abi::object::Duplex,
    lent: *const abi::object::Waker,
    frame: Out<abi::grown::Frame>,
) -> u32 {
    // SAFETY: called with what `of` has made; the waker is lent for this call.
    let polled = unsafe { polled::<W, _>(duplex, lent, W::poll_read) };
    let pulled = polled.map(|next| next.map(|bytes| bytes.map(Frame::Data)).transpose());
    // SAFETY: lent for this call with its size set.
    unsafe { answer_of_pull(Ok(pulled), frame) }
}

unsafe extern "C" fn write<W: Wire>(
    duplex: *mut abi::object::Duplex,
    lent: *const abi::object::Waker,
    bytes: Str,
    written: *mut u64,
) -> u32 {
    // SAFETY: as for `read`; the bytes are lent too.
    let polled = unsafe {
        let bytes = bytes.bytes();
        polled::<W, _>(duplex, lent, |wire, context| wire.poll_write(context, bytes))
    };
    if let Poll::Ready(Ok(taken)) = &polled {
        // SAFETY: lent for this call.
        unsafe { written.write(*taken as u64) };
    }
    plain(&polled)
}

unsafe extern "C" fn flush<W: Wire>(
    duplex: *mut abi::object::Duplex,
    lent: *const abi::object::Waker,
) -> u32 {
    // SAFETY: as for `read`.
    plain(&unsafe { polled::<W, _>(duplex, lent, W::poll_flush) })
}

unsafe extern "C" fn shutdown<W: Wire>(
    duplex: *mut abi::object::Duplex,
    lent: *const abi::object::Waker,
) -> u32 {
    // SAFETY: as for `read`.
    plain(&unsafe { polled::<W, _>(duplex, lent, W::poll_shutdown) })
}

unsafe extern "C" fn drop_made<W: Wire>(duplex: *mut abi::object::Duplex) {
    // SAFETY: made by `of`, consumed by this call.
    let made = unsafe { Box::from_raw(duplex.cast::<Made<W>>()) };
    if let Err(panic) = caught(|| drop(made)) {
        crate::export::report(&format!("panicked while a connection was given up: {panic}"));
    }
}
