//! The answer to a call, as whoever answers builds it.

use super::body::Stream;
use super::bytes::{self, SharedBytes};
use super::file::{self, FileRange};
use super::started::Sent;
use super::upgrade::Upgrade;
use crate::Error;
use crate::abi::answer;
use crate::abi::grown::{self, body_kind};
use crate::abi::object::Future;
use crate::abi::pointer::{Growable, Out};

/// A complete answer: head and body.
#[derive(Debug)]
pub struct Reply {
    /// Status, reason and header fields.
    pub head: Sent,
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
    /// A range of an open file.
    File(FileRange),
    /// The connection is taken over, behind a 101.
    Upgrade(Upgrade),
}

/// Fills the out-struct of a call and says the answer that goes with it.
///
/// # Safety
/// `reply` is lent for this call, zeroed, with its size set.
#[inline(always)]
pub unsafe fn answer_of(answered: Result<Reply, Error>, reply: Out<grown::Reply>) -> u32 {
    match answered {
        Ok(answered) => {
            // SAFETY: the caller's promise.
            match unsafe { reply.whole() } {
                // Put here and not called, as a closure would be.
                Some(reply) => fill(reply, answered),
                // SAFETY: as above.
                None => unsafe { fill_shorter(reply, answered) },
            }
            answer::READY
        }
        Err(error) => {
            let fault = bytes::fault(error.into());
            // SAFETY: the caller's promise.
            unsafe { reply.fill(|reply| reply.fault = fault) };
            answer::ERROR
        }
    }
}

/// Fills the out-struct of a call that will answer later, and says the answer that goes with it.
///
/// # Safety
/// `reply` is lent for this call, zeroed, with its size set.
pub(crate) unsafe fn answer_later(future: *mut Future, reply: Out<grown::Reply>) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { reply.fill(|reply| reply.future = future) };
    answer::PENDING
}

#[inline(always)]
fn fill(reply: &mut grown::Reply, answered: Reply) {
    answered.head.hand_over(reply);
    fill_body(reply, answered.body);
}

/// The same for a lender of an earlier release.
///
/// # Safety
/// As for [`answer_of`].
#[cold]
unsafe fn fill_shorter(reply: Out<grown::Reply>, answered: Reply) {
    // SAFETY: the caller's promise.
    unsafe { reply.fill(|reply| fill(reply, answered)) };
}

#[inline(always)]
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
        ReplyBody::File(range) => fill_file(filled, range),
        ReplyBody::Upgrade(upgrade) => fill_upgrade(filled, upgrade),
    }
}

#[cold]
fn fill_file(filled: &mut grown::Reply, range: FileRange) {
    filled.body_kind = body_kind::FILE;
    filled.file = file::into_raw(range.file);
    (filled.file_offset, filled.file_length) = (range.offset, range.length);
    filled.stream = range.end.map_or(std::ptr::null_mut(), Stream::into_raw);
}

#[cold]
fn fill_upgrade(filled: &mut grown::Reply, upgrade: Upgrade) {
    filled.body_kind = body_kind::EMPTY;
    (filled.upgrade, filled.stream) = upgrade.into_raw();
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
    if !reply.upgrade.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { take_upgrade(reply) };
    }
    match reply.body_kind {
        body_kind::EMPTY => Some(ReplyBody::Empty),
        // SAFETY: ownership came with the answer.
        body_kind::WHOLE => Some(ReplyBody::Whole(unsafe { SharedBytes::from_raw(reply.whole) })),
        body_kind::STREAM if !reply.stream.is_null() => {
            // SAFETY: ownership came with the answer.
            Some(ReplyBody::Stream(unsafe { Stream::from_raw(reply.stream) }))
        }
        // SAFETY: as above.
        body_kind::FILE => unsafe { take_file(reply) },
        _ => None,
    }
}

/// # Safety
/// As for [`take_body`]; there is an upgrade.
#[cold]
unsafe fn take_upgrade(reply: &grown::Reply) -> Option<ReplyBody> {
    let (upgrade, kind) = (reply.upgrade, reply.body_kind);
    if kind != body_kind::EMPTY {
        let plain = grown::Reply { upgrade: std::ptr::null_mut(), ..*reply };
        // SAFETY: ownership of both came with the answer; nothing follows a body with an upgrade.
        unsafe {
            drop(Upgrade::from_raw(upgrade, None));
            drop(take_body(&plain));
        }
        return None;
    }
    // SAFETY: ownership of both came with the answer.
    unsafe {
        let end = (!reply.stream.is_null()).then(|| Stream::from_raw(reply.stream));
        Some(ReplyBody::Upgrade(Upgrade::from_raw(upgrade, end)))
    }
}

/// # Safety
/// As for [`take_body`]; its kind is `FILE`.
#[cold]
unsafe fn take_file(reply: &grown::Reply) -> Option<ReplyBody> {
    // SAFETY: ownership of both came with the answer.
    let (end, file) = unsafe {
        let end = (!reply.stream.is_null()).then(|| Stream::from_raw(reply.stream));
        (end, file::from_raw(reply.file))
    };
    // Who gives no file is told all the same that nothing was sent.
    let file = file?;
    let (offset, length) = (reply.file_offset, reply.file_length);
    Some(ReplyBody::File(FileRange { file, offset, length, end }))
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
