//! What a stack has answered, copied into the test's memory before anything is given back.
#![allow(unsafe_code, reason = "reads what an application filled in, as a host does")]

use std::sync::Arc;
use std::task::{Poll, Waker};

use super::exchange::Exchange;
use super::stack::{Stack, wait};
use crate::Outcome;
use crate::abi::answer;
use crate::abi::grown;
use crate::abi::leaf::rows;
use crate::abi::pointer::Out;
use crate::bridge::body::{Frame, Pulled, Stream};
use crate::bridge::bytes::{Failure, SharedBytes, read_fault};
use crate::bridge::file::FileRange;
use crate::bridge::future::Pending;
use crate::bridge::reply::{ReplyBody, answer_text, take_body};
use crate::bridge::room::Room;
use crate::bridge::upgrade::Upgrade;

/// Status line and fields of a response.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) fields: Vec<(String, Vec<u8>)>,
}

/// An answer to a request.
pub(super) enum Answer {
    Reply(Head, Blocks),
    /// There is none, and why.
    Fault(Failure),
}

/// The blocks of a response that are still to come.
pub(super) enum Blocks {
    Whole(Option<SharedBytes>),
    Stream(Stream),
    File(FileRange),
    /// A connection that would be taken over: there is none here.
    Upgrade(Upgrade),
}

/// Calls the stack from its outside and waits for the answer.
#[track_caller]
pub(super) fn call(stack: &Stack, exchange: &Arc<Exchange>) -> Answer {
    let mut room = Room::new();
    let mut reply = room.reply();
    // SAFETY: the handle passes, the reply is lent.
    let mut answer = unsafe { stack.call(0, exchange.handle(0), Out::lend(&mut reply)) };
    if answer == answer::PENDING {
        // SAFETY: ownership came with the answer; the maker is in this program.
        let mut pending = unsafe { Pending::from_raw(reply.future) };
        let mut later = Room::new();
        answer = wait(|waker| {
            later.renew();
            reply = later.reply();
            match pending.poll(waker, Out::lend(&mut reply)) {
                answer::PENDING => None,
                answer => Some(answer),
            }
        });
        // SAFETY: filled for this answer; the room that it may lie in is still there.
        return unsafe { read(answer, &reply) };
    }
    // SAFETY: as above.
    unsafe { read(answer, &reply) }
}

/// # Safety
/// `reply` was filled for `answer`, and nothing of it was taken before.
unsafe fn read(answer: u32, reply: &grown::Reply) -> Answer {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match answer {
        answer::READY => {
            // SAFETY: the caller's promise; rows and reason are valid until `keep` is released.
            let (head, body) = unsafe {
                let fields = rows(reply.headers, reply.header_count, reply.header_stride)
                    .map(|row| (text(row.name.bytes()), row.value.bytes().to_vec()))
                    .collect();
                let status = u16::try_from(reply.status).unwrap_or_default();
                let head = Head { status, reason: text(reply.reason.bytes()), fields };
                let body = take_body(reply);
                reply.keep.free();
                (head, body)
            };
            match body {
                None => Answer::Fault(Failure::new(502, "a body of no known kind")),
                Some(ReplyBody::Empty) => Answer::Reply(head, Blocks::Whole(None)),
                Some(ReplyBody::Whole(bytes)) => Answer::Reply(head, Blocks::Whole(Some(bytes))),
                Some(ReplyBody::Stream(stream)) => Answer::Reply(head, Blocks::Stream(stream)),
                Some(ReplyBody::File(range)) => Answer::Reply(head, Blocks::File(range)),
                Some(ReplyBody::Upgrade(upgrade)) => Answer::Reply(head, Blocks::Upgrade(upgrade)),
            }
        }
        // SAFETY: ownership of the fault came with the answer.
        answer::ERROR => Answer::Fault(unsafe { read_fault(reply.fault) }),
        other => Answer::Fault(Failure::new(502, answer_text(other))),
    }
}

impl Blocks {
    /// The next frame.
    pub(super) fn pull(&mut self, waker: &Waker) -> Pulled {
        match self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::Data(bytes)))),
            Self::Stream(stream) => stream.pull(Some(waker)),
            Self::File(range) => Poll::Ready(range.block().map(|block| {
                let block = block.map(|block| Frame::Data(SharedBytes::from(block)));
                block.map_err(|error| Failure::new(500, error.to_string()))
            })),
            Self::Upgrade(_) => Poll::Ready(None),
        }
    }

    /// The end of the response.
    pub(super) fn close(self, outcome: Outcome, sent: u64) {
        match self {
            Self::Stream(stream) | Self::File(FileRange { end: Some(stream), .. }) => {
                stream.close(outcome, sent);
            }
            Self::Upgrade(mut upgrade) => {
                if let Some(end) = upgrade.take_end() {
                    end.close(outcome, sent);
                }
            }
            Self::Whole(_) | Self::File(_) => {}
        }
    }
}
