//! What stands around a body or a future so that it is seen how it is used: objects of the
//! boundary that stay what they are when they are used wrongly.
//!
//! A body that was closed is kept for a while, so that who closes it again, or polls it, finds it
//! closed instead of memory that is somebody else's.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Waker;

use super::body::{Pulled, answer_of_pull};
use super::examined::Examined;
use super::future::Pending;
use super::reply::answer_of;
use super::{caught, waker};
use crate::abi::object::{self, BodyTable, FutureTable};
use crate::abi::pointer::Out;
use crate::abi::{answer, grown};
use crate::{Error, Outcome};

/// A body that is watched.
pub(crate) trait Body: Send + 'static {
    /// The next frame. Called also after the end.
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled;

    /// Least and most bytes still to come, where that is known.
    fn size_hint(&self) -> Option<(u64, u64)>;

    /// The end; called once, and the body is dropped then.
    fn close(&mut self, outcome: Outcome, bytes_sent: u64);
}

/// How a body is used wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    /// Closed once more.
    ClosedTwice,
    /// Polled after it was closed.
    PolledAfterClose,
    /// Used by two threads at once.
    TwoUsers,
}

/// Who is told of misuse. It may come from any thread, after the end of the request.
pub(crate) trait Told: Send + Sync + 'static {
    /// Somebody has used the body so.
    fn misused(&self, misuse: Misuse);
}

/// Bodies that were closed lately.
#[derive(Debug, Default)]
pub(crate) struct Closed(Mutex<VecDeque<Buried>>);

#[derive(Debug)]
struct Buried(NonNull<Watched>);

// SAFETY: what is left of a body that was closed is a table, a state, and who is told.
unsafe impl Send for Buried {}

/// Bodies that stay findable after they were closed.
const BURIED: usize = 64;

impl Closed {
    fn bury(&self, body: NonNull<Watched>) {
        let mut buried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if buried.len() < BURIED { None } else { buried.pop_front() };
        buried.push_back(Buried(body));
        drop(buried);
        drop(oldest);
    }
}

impl Drop for Buried {
    fn drop(&mut self) {
        // SAFETY: made by `body`, closed, and nobody finds it any more.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

#[repr(C)]
struct Watched {
    table: &'static BodyTable,
    state: AtomicU8,
    body: UnsafeCell<Option<Box<dyn Body>>>,
    told: Box<dyn Told>,
    closed: Weak<Closed>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

/// The states of a watched body.
mod state {
    /// Nobody uses it.
    pub(super) const FREE: u8 = 0;
    /// Somebody does.
    pub(super) const USED: u8 = 1;
    /// It was closed.
    pub(super) const CLOSED: u8 = 2;
}

static TABLE: BodyTable = BodyTable {
    size: size_of::<BodyTable>() as u32,
    reserved: 0,
    poll: Some(poll),
    size_hint: Some(size_hint),
    close: Some(close),
};

/// Hands a body to the other side, and tells how it is misused.
pub(crate) fn body(body: impl Body, told: impl Told, closed: &Arc<Closed>) -> *mut object::Body {
    let watched = Watched {
        table: &TABLE,
        state: AtomicU8::new(state::FREE),
        body: UnsafeCell::new(Some(Box::new(body))),
        told: Box::new(told),
        closed: Arc::downgrade(closed),
    };
    Box::into_raw(Box::new(watched)).cast()
}

impl Watched {
    /// Uses the body, if nobody else does.
    fn with<T>(&self, used: impl FnOnce(&mut Option<Box<dyn Body>>) -> T) -> Result<T, Misuse> {
        let order = (Ordering::Acquire, Ordering::Relaxed);
        match self.state.compare_exchange(state::FREE, state::USED, order.0, order.1) {
            // SAFETY: the state lets one user in at a time.
            Ok(_) => Ok(used(unsafe { &mut *self.body.get() })),
            Err(state::CLOSED) => Err(Misuse::PolledAfterClose),
            Err(_) => Err(Misuse::TwoUsers),
        }
    }

    fn leave(&self, state: u8) {
        self.state.store(state, Ordering::Release);
    }
}

unsafe extern "C" fn poll(
    body: *mut object::Body,
    lent: *const object::Waker,
    frame: Out<grown::Frame>,
) -> u32 {
    // SAFETY: made by `body`, and not forgotten yet; a waker is lent for this call.
    let (watched, waker) = unsafe { (&*body.cast::<Watched>(), waker::borrow(lent)) };
    let polled = watched.with(|body| {
        let pulled = caught(|| body.as_mut().map(|body| body.pull(waker.as_deref())));
        watched.leave(state::FREE);
        pulled
    });
    match polled {
        // SAFETY: lent for this call with its size set.
        Ok(pulled) => unsafe {
            answer_of_pull(pulled.map(|pulled| pulled.unwrap_or_else(over)), frame)
        },
        Err(misuse) => {
            watched.told.misused(misuse);
            answer::END
        }
    }
}

const fn over() -> Pulled {
    std::task::Poll::Ready(None)
}

unsafe extern "C" fn size_hint(body: *const object::Body, least: *mut u64, most: *mut u64) -> u32 {
    // SAFETY: made by `body`, and not forgotten yet.
    let watched = unsafe { &*body.cast::<Watched>() };
    let hint = watched.with(|body| {
        let hint = caught(|| body.as_ref().and_then(|body| body.size_hint()));
        watched.leave(state::FREE);
        hint
    });
    match hint {
        Ok(Ok(Some((low, high)))) => {
            // SAFETY: both are lent for this call.
            unsafe {
                least.write(low);
                most.write(high);
            }
            answer::READY
        }
        Ok(_) => answer::UNSUPPORTED,
        Err(misuse) => {
            watched.told.misused(misuse);
            answer::UNSUPPORTED
        }
    }
}

unsafe extern "C" fn close(body: *mut object::Body, outcome: u32, bytes_sent: u64) {
    // SAFETY: made by `body`, and not forgotten yet.
    let watched = unsafe { &*body.cast::<Watched>() };
    let taken = watched.with(Option::take);
    match taken {
        Ok(taken) => {
            watched.leave(state::CLOSED);
            let ended = caught(|| {
                if let Some(mut body) = taken {
                    body.close(Outcome::from_raw(outcome), bytes_sent);
                }
            });
            if let Err(panic) = ended {
                crate::export::report(&format!("panicked in close: {panic}"));
            }
            bury(watched);
        }
        Err(Misuse::PolledAfterClose) => watched.told.misused(Misuse::ClosedTwice),
        Err(misuse) => watched.told.misused(misuse),
    }
}

/// Keeps what is left of a body findable for a while.
fn bury(watched: &Watched) {
    let place = NonNull::from(watched);
    match watched.closed.upgrade() {
        Some(closed) => closed.bury(place),
        None => drop(Buried(place)),
    }
}

/// A call that answers later and is watched.
pub(crate) trait Later: Send + 'static {
    /// It has answered: looks at what was filled in, and says what is answered.
    fn polled(&self, examined: Examined) -> u32;

    /// It was polled after its answer; why that is refused.
    fn polled_again(&self) -> Error;
}

#[repr(C)]
struct Future<L> {
    table: &'static FutureTable,
    pending: Option<Pending>,
    later: L,
}

impl<L: Later> Future<L> {
    const TABLE: FutureTable = FutureTable {
        size: size_of::<FutureTable>() as u32,
        reserved: 0,
        poll: Some(poll_later::<L>),
        drop: Some(drop_later::<L>),
    };
}

/// Hands a call to the other side that will answer later.
pub(crate) fn future<L: Later>(pending: Pending, later: L) -> *mut object::Future {
    let future = Future { table: &Future::<L>::TABLE, pending: Some(pending), later };
    Box::into_raw(Box::new(future)).cast()
}

unsafe extern "C" fn poll_later<L: Later>(
    future: *mut object::Future,
    lent: *const object::Waker,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: made by `future`, one user at a time; a waker is lent for this call.
    let (future, waker) = unsafe { (&mut *future.cast::<Future<L>>(), waker::borrow(lent)) };
    let waker = waker.as_deref().unwrap_or(Waker::noop());
    let polled = caught(|| {
        let Some(pending) = &mut future.pending else {
            return Err(future.later.polled_again());
        };
        let answer = pending.poll(waker, reply);
        if answer == answer::PENDING {
            return Ok(answer);
        }
        future.pending = None;
        // SAFETY: lent for this call, and filled for the answer.
        Ok(future.later.polled(unsafe { Examined::new(answer, reply) }))
    });
    match polled.unwrap_or_else(|panic| Err(Error::panic(&panic))) {
        Ok(answer) => answer,
        // SAFETY: lent for this call.
        Err(error) => unsafe { answer_of(Err(error), reply) },
    }
}

unsafe extern "C" fn drop_later<L: Later>(future: *mut object::Future) {
    // SAFETY: made by `future`, consumed by this call.
    let made = unsafe { Box::from_raw(future.cast::<Future<L>>()) };
    if let Err(panic) = caught(|| drop(made)) {
        crate::export::report(&format!("panicked while a call was dropped: {panic}"));
    }
}
