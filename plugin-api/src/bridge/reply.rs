//! The answer to a call, as whoever answers builds it.

use std::ffi::c_void;

use super::body::Stream;
use super::bytes::{self, SharedBytes};
use crate::Error;
use crate::abi::answer;
use crate::abi::grown::{self, body_kind};
use crate::abi::leaf::{Header, Keep, Str};
use crate::abi::object::Future;
use crate::abi::pointer::{Growable, Out};
use crate::head::Head;

/// A complete answer: head and body.
#[derive(Debug)]
pub struct Reply {
    /// Status, reason and header fields.
    pub head: Head,
    /// What follows the head.
    pub body: ReplyBody,
}

/// The body of a [`Reply`].
#[derive(Debug)]
pub enum ReplyBody {
    /// Nothing.
    Empty,
    /// All of it.
    Whole(SharedBytes),
    /// Pulled piece by piece.
    Stream(Stream),
}

/// Fills the out-struct of a call and says the answer that goes with it.
///
/// # Safety
/// `reply` is lent for this call, with its size set and its scratch valid.
pub unsafe fn answer_of(answered: Result<Reply, Error>, reply: Out<grown::Reply>) -> u32 {
    // SAFETY: lent, with its size set.
    let lent = unsafe { reply.read() };
    let mut filled = empty(&lent);
    let answer = match answered {
        Ok(answered) => {
            // SAFETY: the scratch is lent with the reply.
            unsafe { fill_head(&mut filled, answered.head, &lent) };
            fill_body(&mut filled, answered.body);
            answer::READY
        }
        Err(error) => {
            let (status, message) = error.into_parts();
            filled.fault = bytes::fault(status, message);
            answer::ERROR
        }
    };
    // SAFETY: lent, with its size set.
    unsafe { reply.write(&filled) };
    answer
}

/// Fills the out-struct of a call that will answer later, and says the answer that goes with it.
///
/// # Safety
/// `reply` is lent for this call, with its size set.
pub(crate) unsafe fn answer_later(future: *mut Future, reply: Out<grown::Reply>) -> u32 {
    // SAFETY: lent, with its size set.
    let lent = unsafe { reply.read() };
    // SAFETY: as above.
    unsafe { reply.write(&grown::Reply { future, ..empty(&lent) }) };
    answer::PENDING
}

/// A reply without an answer, that leaves the caller's own fields as they are.
fn empty(lent: &grown::Reply) -> grown::Reply {
    grown::Reply {
        scratch: lent.scratch,
        scratch_length: lent.scratch_length,
        ..Growable::absent()
    }
}

fn fill_body(filled: &mut grown::Reply, body: ReplyBody) {
    match body {
        ReplyBody::Empty => filled.body_kind = body_kind::EMPTY,
        ReplyBody::Whole(whole) => {
            filled.body_kind = body_kind::WHOLE;
            filled.whole = whole.into_raw();
        }
        ReplyBody::Stream(stream) => {
            filled.body_kind = body_kind::STREAM;
            filled.stream = stream.into_raw();
        }
    }
}

/// Lays the header table out in the caller's scratch, or in a box of its own when it is larger.
///
/// # Safety
/// The scratch of `lent` is valid for its length, or null.
unsafe fn fill_head(filled: &mut grown::Reply, head: Head, lent: &grown::Reply) {
    let count = head.len();
    let table = count * size_of::<Header>();
    let room = usize::try_from(lent.scratch_length).unwrap_or(0);
    let aligned = lent.scratch.cast::<Header>().is_aligned();
    filled.status = u32::from(head.status());
    filled.header_count = u32::try_from(count).unwrap_or(0);
    filled.header_stride = size_of::<Header>() as u32;
    if !lent.scratch.is_null() && aligned && table + head.text().len() <= room {
        // SAFETY: table and text fit one behind the other, as just computed.
        let text = unsafe {
            let text = lent.scratch.add(table);
            text.copy_from_nonoverlapping(head.text().as_ptr(), head.text().len());
            text
        };
        let first = lent.scratch.cast::<Header>();
        for (at, row) in head.rows(text).enumerate() {
            // SAFETY: `at < count`, and `count` rows fit.
            unsafe { first.add(at).write(row) };
        }
        filled.headers = first;
        filled.reason = head.reason(text);
    } else {
        let mut kept = Box::new(Kept { rows: Vec::with_capacity(count), head });
        let text = kept.head.text().as_ptr();
        let rows: Vec<Header> = kept.head.rows(text).collect();
        kept.rows = rows;
        filled.headers = kept.rows.as_ptr();
        filled.reason = kept.head.reason(text);
        filled.keep = Keep { owner: Box::into_raw(kept).cast(), release: Some(release_kept) };
    }
}

struct Kept {
    rows: Vec<Header>,
    head: Head,
}

unsafe extern "C" fn release_kept(owner: *mut c_void) {
    // SAFETY: made by `fill_head`, released once.
    drop(unsafe { Box::from_raw(owner.cast::<Kept>()) });
}

/// Room that a caller lends for the header table, beside its out-struct.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Scratch([std::mem::MaybeUninit<u8>; 768]);

impl Scratch {
    /// Room that nothing was written to yet.
    #[must_use]
    pub const fn new() -> Self {
        Self([std::mem::MaybeUninit::uninit(); 768])
    }

    /// An empty out-struct that lends this room.
    #[must_use]
    pub fn reply(&mut self) -> grown::Reply {
        grown::Reply {
            scratch: self.0.as_mut_ptr().cast(),
            scratch_length: self.0.len() as u64,
            ..Growable::absent()
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads what an application filled in on `READY`: the head is borrowed until `keep` is released.
///
/// # Safety
/// `reply` was filled by a maker that is still loaded, for the answer `READY`; nothing of it was
/// taken before.
#[must_use]
pub unsafe fn take_body(reply: &grown::Reply) -> Option<ReplyBody> {
    match reply.body_kind {
        body_kind::EMPTY => Some(ReplyBody::Empty),
        // SAFETY: ownership came with the answer.
        body_kind::WHOLE => Some(ReplyBody::Whole(unsafe { SharedBytes::from_raw(reply.whole) })),
        body_kind::STREAM if !reply.stream.is_null() => {
            // SAFETY: ownership came with the answer.
            Some(ReplyBody::Stream(unsafe { Stream::from_raw(reply.stream) }))
        }
        _ => None,
    }
}

/// Text of an answer that carries neither reply nor fault.
#[must_use]
pub const fn answer_text(answer: u32) -> &'static str {
    match answer {
        answer::UNSUPPORTED => "it has no inner application to call",
        answer::CANCELLED => "the exchange was cancelled",
        _ => "an answer outside the specification",
    }
}

impl Head {
    fn reason(&self, text: *const u8) -> Str {
        let (from, len) = self.reason_range();
        if len == 0 { Str::EMPTY } else { Str { ptr: text.wrapping_add(from), len } }
    }
}
