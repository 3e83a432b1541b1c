//! Calls that answer later, in both directions.

use std::fmt;
use std::future::Future as StdFuture;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::reply::{Reply, answer_of};
use super::room::Asked;
use super::{caught, waker};
use crate::abi::object::{Future, FutureTable};
use crate::abi::pointer::Out;
use crate::abi::{self, answer};
use crate::{Error, slot};

/// Hands a call to the other side that will answer later.
#[inline(always)]
pub fn make<F, A>(future: F) -> *mut Future
where
    F: StdFuture<Output = Result<A, Error>> + Send + 'static,
    A: Answers,
{
    make_of(|| future)
}

/// The same of a future that is made where it stays, or not far from there.
#[inline(always)]
fn make_of<F, A>(future: impl FnOnce() -> F) -> *mut Future
where
    F: StdFuture<Output = Result<A, Error>> + Send + 'static,
    A: Answers,
{
    Box::into_raw(Box::new(Made { table: &Made::<F>::TABLE, future: future() })).cast()
}

/// Polls a call at once; the answer to the other side, or what it is handed, when there is none
/// yet. It is then polled again with a waker, as it was with none.
#[cfg(feature = "tower")]
#[inline(always)]
pub(crate) fn begin<F, A>(future: impl FnOnce() -> F, asked: Asked<'_>) -> Result<u32, *mut Future>
where
    F: StdFuture<Output = Result<A, Error>> + Send + 'static,
    A: Answers,
{
    let future = make_of(future);
    // SAFETY: made just now, and its reply is lent for the call that this is a part of.
    let answer = unsafe { poll::<F, A>(future, std::ptr::null(), asked.reply()) };
    if answer == answer::PENDING {
        return Err(future);
    }
    // SAFETY: made just now, and consumed by this call.
    unsafe { drop_made::<F>(future) };
    Ok(answer)
}

/// What is answered later.
pub trait Answers: Sized {
    /// The reply, in the room that is lent for it; none where there is nothing to say but that it
    /// is over.
    ///
    /// # Errors
    /// When it is none that can be sent.
    fn reply(self, asked: Asked<'_>) -> Result<Option<Reply>, Error>;
}

impl Answers for Reply {
    fn reply(self, _: Asked<'_>) -> Result<Option<Reply>, Error> {
        Ok(Some(self))
    }
}

impl Answers for () {
    fn reply(self, _: Asked<'_>) -> Result<Option<Reply>, Error> {
        Ok(None)
    }
}

#[repr(C)]
struct Made<F> {
    table: &'static FutureTable,
    future: F,
}

impl<F, A> Made<F>
where
    F: StdFuture<Output = Result<A, Error>> + Send + 'static,
    A: Answers,
{
    const TABLE: FutureTable = FutureTable {
        size: size_of::<FutureTable>() as u32,
        reserved: 0,
        poll: Some(poll::<F, A>),
        drop: Some(drop_made::<F>),
    };
}

unsafe extern "C" fn poll<F, A>(
    future: *mut Future,
    lent: *const abi::object::Waker,
    reply: Out<abi::grown::Reply>,
) -> u32
where
    F: StdFuture<Output = Result<A, Error>> + Send + 'static,
    A: Answers,
{
    // SAFETY: made by `make`, one user at a time; boxed, so it never moves.
    let future = unsafe { Pin::new_unchecked(&mut (*future.cast::<Made<F>>()).future) };
    // SAFETY: lent for this call.
    let waker = unsafe { waker::borrow(lent) };
    let waker = waker.as_deref().unwrap_or(Waker::noop());
    // SAFETY: lent for this call, with its size set.
    let asked = unsafe { Asked::new(reply) };
    let polled = caught(|| {
        let answered = future.poll(&mut Context::from_waker(waker));
        answered.map(|answered| answered.and_then(|answered| answered.reply(asked)))
    });
    match polled {
        Ok(Poll::Pending) => answer::PENDING,
        Ok(Poll::Ready(Ok(None))) => answer::READY,
        // SAFETY: lent for this call.
        Ok(Poll::Ready(Ok(Some(answered)))) => unsafe { answer_of(Ok(answered), reply) },
        // SAFETY: as above.
        Ok(Poll::Ready(Err(error))) => unsafe { answer_of(Err(error), reply) },
        // SAFETY: as above.
        Err(panic) => unsafe { answer_of(Err(Error::panic(&panic)), reply) },
    }
}

unsafe extern "C" fn drop_made<F>(future: *mut Future) {
    // SAFETY: made by `make`, consumed by this call.
    let made = unsafe { Box::from_raw(future.cast::<Made<F>>()) };
    if let Err(panic) = caught(|| drop(made)) {
        crate::export::report(&format!("panicked while a call was dropped: {panic}"));
    }
}

/// A call of either side that will answer later, owned. Dropping it cancels the call.
pub struct Pending {
    future: *mut Future,
}

// SAFETY: the boundary's rule: futures are Send, used by one side at a time.
unsafe impl Send for Pending {}

impl Pending {
    /// Takes a future that the other side handed over.
    ///
    /// # Safety
    /// `future` is owned by the caller, and its maker stays loaded as long as the result lives.
    #[must_use]
    pub const unsafe fn from_raw(future: *mut Future) -> Self {
        Self { future }
    }

    /// Polls, and lets the maker fill `reply`.
    pub fn poll(&mut self, waker: &Waker, reply: Out<abi::grown::Reply>) -> u32 {
        // SAFETY: owned and alive, one user at a time; waker and reply are lent.
        unsafe {
            slot!(FutureTable, self.future, poll).map_or(answer::ERROR, |poll| {
                waker::lend(waker, |lent| poll(self.future, lent, reply))
            })
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again.
        unsafe {
            if let Some(drop) = slot!(FutureTable, self.future, drop) {
                drop(self.future);
            }
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:p})", self.future)
    }
}
