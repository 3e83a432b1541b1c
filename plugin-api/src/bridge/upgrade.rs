//! What takes a connection over after the head of a response.

use std::fmt;
use std::future::Future;
use std::task::{Poll, Waker};

use super::body::Stream;
use super::bytes::{Failure, read_fault};
use super::caught;
use super::duplex::Duplex;
use super::future::{self, Pending};
use super::reply::{answer_later, answer_text};
use crate::abi::grown::Reply;
use crate::abi::object::UpgradeTable;
use crate::abi::pointer::{Growable, Out};
use crate::abi::{self, answer};
use crate::{Result, slot};

/// An upgrade of either side, owned. Dropping it gives it up, and then nobody is ever called.
pub struct Upgrade {
    upgrade: *mut abi::object::Upgrade,
    /// Is only closed: told how the connection has ended.
    end: Option<Stream>,
}

// SAFETY: the boundary's rule: upgrades are Send, used by one side at a time.
unsafe impl Send for Upgrade {}

impl Upgrade {
    /// An upgrade of this side, as the other side would hold it. What `take` gives is polled by
    /// the host until it is ready, or dropped when the connection is ended before.
    #[must_use]
    pub fn of<F, R>(take: F) -> Self
    where
        F: FnOnce(Duplex) -> R + Send + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        let made = Box::new(Made { table: &Made::<F>::TABLE, take });
        Self { upgrade: Box::into_raw(made).cast(), end: None }
    }

    /// Takes an upgrade that the other side handed over, and what is told its end.
    ///
    /// # Safety
    /// `upgrade` is owned by the caller, and its maker stays loaded as long as the result lives.
    #[must_use]
    pub const unsafe fn from_raw(upgrade: *mut abi::object::Upgrade, end: Option<Stream>) -> Self {
        Self { upgrade, end }
    }

    /// Hands the upgrade over, and what is told its end.
    #[must_use]
    #[allow(clippy::mem_forget, reason = "ownership passes to the other side")]
    pub fn into_raw(mut self) -> (*mut abi::object::Upgrade, *mut abi::object::Body) {
        let end = self.end.take().map_or(std::ptr::null_mut(), Stream::into_raw);
        let upgrade = self.upgrade;
        std::mem::forget(self);
        (upgrade, end)
    }

    /// Takes out who is only closed, with the outcome and the bytes that were sent.
    #[must_use]
    pub const fn take_end(&mut self) -> Option<Stream> {
        self.end.take()
    }

    /// Lets another one be told the end.
    pub(crate) fn tell_end(&mut self, end: Stream) {
        self.end = Some(end);
    }

    /// Hands the connection over to whoever takes it. Who is told the end was taken out before.
    #[must_use]
    pub fn start(self, duplex: Duplex) -> Upgraded {
        // SAFETY: owned and alive.
        let Some(start) = (unsafe { slot!(UpgradeTable, self.upgrade, start) }) else {
            return Upgraded::Over(Err(Failure::new(0, "its upgrade cannot be started")));
        };
        let (upgrade, end) = self.into_raw();
        if !end.is_null() {
            // SAFETY: owned since `into_raw`.
            drop(unsafe { Stream::from_raw(end) });
        }
        let mut reply = Reply::absent();
        // SAFETY: both objects are owned and pass; the reply is lent.
        let answer = unsafe { start(upgrade, duplex.into_raw(), Out::lend(&mut reply)) };
        if answer == answer::PENDING && !reply.future.is_null() {
            // SAFETY: ownership of the future came with the answer.
            return Upgraded::Later(unsafe { Pending::from_raw(reply.future) });
        }
        // SAFETY: filled for this answer, and nothing was taken.
        Upgraded::Over(unsafe { ended(answer, &reply) })
    }
}

/// A connection that was handed over. Dropping it ends what whoever took it does.
#[derive(Debug)]
pub enum Upgraded {
    /// It has ended.
    Over(Result<(), Failure>),
    /// It is to be polled.
    Later(Pending),
}

impl Upgraded {
    /// Goes on, until the connection has ended. Not polled again then.
    pub fn poll(&mut self, waker: &Waker) -> Poll<Result<(), Failure>> {
        let over = match self {
            Self::Over(over) => std::mem::replace(over, Ok(())),
            Self::Later(pending) => {
                let mut reply = Reply::absent();
                match pending.poll(waker, Out::lend(&mut reply)) {
                    answer::PENDING => return Poll::Pending,
                    // SAFETY: filled for this answer, and nothing was taken.
                    answer => unsafe { ended(answer, &reply) },
                }
            }
        };
        *self = Self::Over(Ok(()));
        Poll::Ready(over)
    }
}

/// # Safety
/// `reply` was filled for this answer, and nothing of it was taken before.
unsafe fn ended(answer: u32, reply: &Reply) -> Result<(), Failure> {
    match answer {
        answer::READY => Ok(()),
        // SAFETY: ownership of the fault came with the answer.
        answer::ERROR => Err(unsafe { read_fault(reply.fault) }),
        other => Err(Failure::new(0, answer_text(other))),
    }
}

impl Drop for Upgrade {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again.
        unsafe {
            if let Some(drop) = slot!(UpgradeTable, self.upgrade, drop) {
                drop(self.upgrade);
            }
        }
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upgrade({:p})", self.upgrade)
    }
}

#[repr(C)]
struct Made<F> {
    table: &'static UpgradeTable,
    take: F,
}

impl<F, R> Made<F>
where
    F: FnOnce(Duplex) -> R + Send + 'static,
    R: Future<Output = Result<()>> + Send + 'static,
{
    const TABLE: UpgradeTable = UpgradeTable {
        size: size_of::<UpgradeTable>() as u32,
        reserved: 0,
        start: Some(start::<F, R>),
        drop: Some(drop_made::<F>),
    };
}

unsafe extern "C" fn start<F, R>(
    upgrade: *mut abi::object::Upgrade,
    duplex: *mut abi::object::Duplex,
    reply: Out<Reply>,
) -> u32
where
    F: FnOnce(Duplex) -> R + Send + 'static,
    R: Future<Output = Result<()>> + Send + 'static,
{
    // SAFETY: the upgrade was made by `Upgrade::of` and is consumed by this call, to which the
    // duplex passes.
    let (made, duplex) =
        unsafe { (Box::from_raw(upgrade.cast::<Made<F>>()), Duplex::from_raw(duplex)) };
    // Called within the first poll, where panics are caught.
    let future = future::make(async move { (made.take)(duplex).await });
    // SAFETY: lent for this call, with its size set.
    unsafe { answer_later(future, reply) }
}

unsafe extern "C" fn drop_made<F>(upgrade: *mut abi::object::Upgrade) {
    // SAFETY: made by `Upgrade::of`, not started, and consumed by this call.
    let made = unsafe { Box::from_raw(upgrade.cast::<Made<F>>()) };
    if let Err(panic) = caught(|| drop(made)) {
        crate::export::report(&format!("panicked while an upgrade was dropped: {panic}"));
    }
}
