//! An answer that is looked at, and given on as it is or with something around its body.

use std::fmt;

use super::body::Stream;
use super::bytes::Failure;
use super::exchange::Handle;
use super::future::Pending;
use super::reply::{answer_of, take_body};
use super::room::Asked;
use crate::Error;
use crate::abi::answer;
use crate::abi::grown::{Reply, body_kind};
use crate::abi::leaf::rows;
use crate::abi::object::{Body, Future};
use crate::abi::pointer::Out;

/// What a call has filled in, before anybody takes it.
pub(crate) struct Examined {
    answer: u32,
    reply: Reply,
    out: Out<Reply>,
}

/// What an answer is.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// A head, and how a body follows.
    Ready(Head<'a>, Given),
    /// It answers later.
    Pending,
    /// Why it failed.
    Error(Failure),
    /// It was given up.
    Cancelled,
    /// Nothing that an answer may be.
    Unknown(u32),
}

/// Status, reason and fields.
pub(crate) type Head<'a> = (u32, &'a [u8], Vec<(&'a [u8], &'a [u8])>);

/// How a body is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// All of it is there: so many bytes.
    Whole(u64),
    /// So many bytes of a file, and what is only told how sending it ended.
    File(u64, End),
    /// A stream, with least and most bytes to come where that is known.
    Stream(Option<(u64, u64)>),
    /// None: the connection is taken over.
    Upgrade,
    /// None of those there are.
    Unknown(u32),
}

/// Calls the next application inwards, and looks at what it answers.
pub(crate) fn inner(handle: Handle, asked: Asked<'_>) -> Examined {
    let out = asked.reply();
    // SAFETY: lent for the call in which this is, and filled for the answer.
    unsafe { Examined::new(handle.inner(out), out) }
}

/// Whether somebody is told how a file was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A stream that is only closed.
    Told,
    /// Nobody.
    Untold,
}

impl Examined {
    /// # Safety
    /// `out` is lent as long as the result lives, and was filled for this answer.
    pub(super) unsafe fn new(answer: u32, out: Out<Reply>) -> Self {
        // SAFETY: lent with its size set.
        Self { answer, reply: unsafe { out.read() }, out }
    }

    /// What it is.
    pub(crate) fn kind(&self) -> Kind<'_> {
        match self.answer {
            answer::READY => Kind::Ready(self.head(), self.given()),
            answer::PENDING if !self.reply.future.is_null() => Kind::Pending,
            answer::ERROR => Kind::Error(self.failure()),
            answer::CANCELLED => Kind::Cancelled,
            other => Kind::Unknown(other),
        }
    }

    /// A copy; the fault itself goes on.
    fn failure(&self) -> Failure {
        let fault = &self.reply.fault;
        let status = u16::try_from(fault.status).unwrap_or(u16::MAX);
        // SAFETY: whoever has answered has not given the text away yet.
        let message = String::from_utf8_lossy(unsafe { fault.message.bytes() }).into_owned();
        Failure { status, message, generation: fault.generation }
    }

    fn head(&self) -> Head<'_> {
        let reply = &self.reply;
        // SAFETY: filled for `READY`, and `keep` was not released yet.
        unsafe {
            let fields = rows(reply.headers, reply.header_count, reply.header_stride)
                .map(|row| (row.name.bytes(), row.value.bytes()))
                .collect();
            (reply.status, reply.reason.bytes(), fields)
        }
    }

    fn given(&self) -> Given {
        let reply = &self.reply;
        if !reply.upgrade.is_null() && reply.body_kind == body_kind::EMPTY {
            return Given::Upgrade;
        }
        match reply.body_kind {
            body_kind::EMPTY => Given::Whole(0),
            body_kind::WHOLE => Given::Whole(reply.whole.len as u64),
            body_kind::FILE if reply.file >= 0 => {
                let end = if reply.stream.is_null() { End::Untold } else { End::Told };
                Given::File(reply.file_length, end)
            }
            body_kind::STREAM if !reply.stream.is_null() => {
                // SAFETY: owned by the answer, and still so afterwards.
                let stream = unsafe { Stream::from_raw(reply.stream) };
                let hint = stream.size_hint();
                let _ = stream.into_raw();
                Given::Stream(hint)
            }
            other => Given::Unknown(other),
        }
    }

    /// Gives it on as it is.
    pub(crate) const fn pass(self) -> u32 {
        self.answer
    }

    /// Gives a stream on in another one.
    pub(crate) fn pass_around(self, around: impl FnOnce(Stream) -> *mut Body) -> u32 {
        // SAFETY: a stream was given, and is taken here.
        let stream = around(unsafe { Stream::from_raw(self.reply.stream) });
        // SAFETY: lent with its size set.
        unsafe { self.out.fill(|reply| reply.stream = stream) };
        self.answer
    }

    /// Gives a future on in another one.
    pub(crate) fn pass_later(self, around: impl FnOnce(Pending) -> *mut Future) -> u32 {
        // SAFETY: a future was given, and is taken here.
        let future = around(unsafe { Pending::from_raw(self.reply.future) });
        // SAFETY: lent with its size set.
        unsafe { self.out.fill(|reply| reply.future = future) };
        self.answer
    }

    /// Gives up what was answered, and answers this instead.
    pub(crate) fn refuse(self, error: Error) -> u32 {
        if self.answer == answer::READY {
            // SAFETY: filled for `READY`, and nothing was taken yet.
            unsafe {
                self.reply.keep.free();
                drop(take_body(&self.reply));
            }
        }
        // SAFETY: lent with its size set.
        unsafe { answer_of(Err(error), self.out) }
    }
}

impl fmt::Debug for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Examined({})", self.answer)
    }
}
