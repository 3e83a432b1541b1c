//! What the next application inwards has answered, as the layer around it takes it.

use std::fmt;
use std::task::{Poll, Waker};

use super::bytes::read_fault;
use super::exchange::Handle;
use super::future::Pending;
use super::reply::{ReplyBody, answer_text, take_body};
use super::started::Started;
use crate::abi::answer;
use crate::abi::grown::Reply;
use crate::abi::leaf::{Header, Keep, Str, rows};
use crate::abi::pointer::{Growable, Out};
use crate::{Error, Head, Result};

/// A head and a body that were handed over.
#[derive(Debug)]
pub struct Given {
    /// Status, reason and header fields, where their maker has put them.
    pub head: GivenHead,
    /// What follows the head.
    pub body: ReplyBody,
}

/// A head that lies where its maker has put it, until it is dropped.
pub struct GivenHead {
    status: u16,
    count: u32,
    stride: u32,
    rows: *const Header,
    reason: Str,
    keep: Keep,
}

// SAFETY: the boundary's rule: what is kept is released by its maker's function on any thread.
unsafe impl Send for GivenHead {}
// SAFETY: rows and texts never change.
unsafe impl Sync for GivenHead {}

/// What a call inwards came to.
#[derive(Debug)]
pub enum Inward {
    /// The answer, or why there is none.
    Answered(Result<Given>),
    /// It will answer later.
    Later(Pending),
}

/// Calls the next application inwards, on the way to `start_response`, whose room it is lent.
pub(crate) fn call(handle: Handle, to: Option<&Started>) -> Inward {
    let rest = to.and_then(Started::rest);
    let mut reply = rest.as_ref().map_or_else(Reply::absent, super::room::Rest::reply);
    let answer = handle.inner(Out::lend(&mut reply));
    if answer == answer::PENDING && !reply.future.is_null() {
        // SAFETY: ownership of the future came with the answer.
        return Inward::Later(unsafe { Pending::from_raw(reply.future) });
    }
    // SAFETY: filled for this answer by a member of the stack, which is loaded as long as this
    // one is called.
    Inward::Answered(unsafe { read(answer, &reply) })
}

/// Polls a call inwards that answers later.
pub(crate) fn poll(pending: &mut Pending, waker: &Waker) -> Poll<Result<Given>> {
    let mut reply = Reply::absent();
    match pending.poll(waker, Out::lend(&mut reply)) {
        answer::PENDING => Poll::Pending,
        // SAFETY: as for `call`.
        answer => Poll::Ready(unsafe { read(answer, &reply) }),
    }
}

/// # Safety
/// `reply` was filled for `answer` by a maker that stays loaded as long as the result lives, and
/// nothing was taken from it.
unsafe fn read(answer: u32, reply: &Reply) -> Result<Given> {
    match answer {
        answer::READY => {
            let head = GivenHead {
                status: u16::try_from(reply.status).unwrap_or(0),
                count: reply.header_count,
                stride: reply.header_stride,
                rows: reply.headers,
                reason: reply.reason,
                keep: reply.keep,
            };
            // SAFETY: the caller's promise.
            let body = unsafe { take_body(reply) };
            let body = body.ok_or_else(|| Error::new("its body is of a kind not known here"))?;
            Ok(Given { head, body })
        }
        answer::ERROR => {
            // SAFETY: ownership of the fault came with the answer.
            Err(Error::from_failure(unsafe { read_fault(reply.fault) }))
        }
        other => Err(Error::new(answer_text(other))),
    }
}

impl Given {
    /// Says this head to `start_response`, and gives the body.
    pub(crate) fn send(self, to: &Started) -> Result<ReplyBody> {
        to.hand_on(self.head)?;
        Ok(self.body)
    }
}

impl GivenHead {
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) const fn reason(&self) -> Str {
        self.reason
    }

    pub(super) const fn rows(&self) -> (*const Header, u32) {
        (self.rows, self.stride)
    }

    /// Whether it lies in something that must be kept, and not in room that the caller lends.
    pub(super) const fn needs_keeping(&self) -> bool {
        self.keep.release.is_some()
    }

    /// What stands behind the status; empty where it is the usual one.
    #[cfg(feature = "tower")]
    pub(crate) fn reason_bytes(&self) -> &[u8] {
        // SAFETY: the text lives until `keep` is released, and this is borrowed.
        unsafe { self.reason.bytes() }
    }

    /// Names and values, in the order they are sent.
    #[cfg(feature = "tower")]
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        // SAFETY: rows and texts live until `keep` is released, and this is borrowed.
        unsafe { rows(self.rows, self.count, self.stride) }
            // SAFETY: as above.
            .map(|row| unsafe { (row.name.bytes(), row.value.bytes()) })
    }

    /// A copy of one's own.
    #[must_use]
    pub fn read(&self) -> Head {
        let mut head = Head::new(self.status);
        // SAFETY: rows and texts live until `keep` is released, and are copied.
        unsafe {
            head.set_reason(&String::from_utf8_lossy(self.reason.bytes()));
            for row in rows(self.rows, self.count, self.stride) {
                head.append(&String::from_utf8_lossy(row.name.bytes()), row.value.bytes());
            }
        }
        head
    }
}

impl Drop for GivenHead {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again; the maker is loaded by `read`'s promise.
        unsafe { self.keep.free() };
    }
}

impl fmt::Debug for GivenHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GivenHead({} with {} fields)", self.status, self.count)
    }
}
