//! Calls an application and takes what it answers.
#![allow(unsafe_code, reason = "passes exchanges and out-structs to applications")]

use std::sync::Arc;
use std::task::Waker;
use std::thread;

use dsgi::abi::answer as code;
use dsgi::abi::grown::Reply;
use dsgi::abi::pointer::Out;
use dsgi::bridge::bytes::read_fault;
use dsgi::bridge::future::Pending;
use dsgi::bridge::reply::{Scratch, answer_text};
use dsgi::bridge::room::Room;

use super::answer::{self, Answered, Failed, Wanted};
use super::exchange::Exchange;
use super::place;
use crate::clock::TICK;
use crate::lease::Lease;
use crate::message::Response;

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Called {
    /// The response was filled in, or why not.
    Answered(Answered),
    /// It will answer later.
    Later(Pending),
}

/// Calls the outermost member of the exchange's stack, and fills its answer in where it stays.
///
/// The lease is on that stack: the exchange passes to the application, which may end it first. The
/// room is nobody's before and after.
#[inline(always)]
pub(crate) fn outermost(
    exchange: Arc<Exchange>,
    lease: &Lease,
    wanted: Wanted,
    response: &mut Response,
    room: &mut Room,
) -> Called {
    let outermost = exchange.step(lease);
    room.widen(lease.depth());
    let mut reply = room.reply();
    let handle = exchange.into_handle();
    let call = || {
        // SAFETY: the handle is owned and passes; the reply is lent; the stack is leased.
        unsafe { outermost.call(handle, Out::lend(&mut reply)) }
    };
    let answer = place::inside(outermost.number(), call);
    // SAFETY: filled by a member of the stack, which the lease keeps loaded.
    let called = unsafe { conclude(answer, &reply, lease, wanted, response) };
    room.renew();
    called
}

/// Waits on this thread for a call that answers later, and lets it fill the reply; it is given up
/// with the exchange.
///
/// # Safety
/// `reply` is lent, and was filled for the answer `PENDING` by a member of a stack that is leased;
/// its future was not taken.
#[cold]
pub(super) unsafe fn wait(reply: Out<Reply>, exchange: &Exchange) -> u32 {
    // SAFETY: the caller's promise; with the answer came ownership of the future.
    let mut pending = match unsafe { reply.read().future } {
        future if future.is_null() => return code::PENDING,
        // SAFETY: as above.
        future => unsafe { Pending::from_raw(future) },
    };
    let waker = place::Unpark::this_thread();
    loop {
        match pending.poll(&waker, reply) {
            code::PENDING if exchange.cancelled() => return code::CANCELLED,
            // Nobody wakes it when the exchange is given up.
            code::PENDING => thread::park_timeout(TICK),
            answer => return answer,
        }
    }
}

/// Polls a call that answers later.
pub(crate) fn poll(
    pending: &mut Pending,
    waker: &Waker,
    lease: &Lease,
    wanted: Wanted,
    response: &mut Response,
) -> Option<Answered> {
    let mut scratch = Scratch::new();
    let mut reply = scratch.reply();
    let answer = place::inside(lease.runs(), || pending.poll(waker, Out::lend(&mut reply)));
    if answer == code::PENDING {
        return None;
    }
    // SAFETY: filled by a member of the stack, which the lease keeps loaded.
    match unsafe { conclude(answer, &reply, lease, wanted, response) } {
        Called::Answered(answered) => Some(answered),
        Called::Later(_) => None,
    }
}

/// # Safety
/// `reply` was filled for `answer` by a member of the lease's stack, and nothing was taken yet.
#[inline(always)]
unsafe fn conclude(
    answer: u32,
    reply: &Reply,
    lease: &Lease,
    wanted: Wanted,
    response: &mut Response,
) -> Called {
    match answer {
        // SAFETY: the caller's promise.
        code::READY => Called::Answered(unsafe { answer::fill(reply, lease, wanted, response) }),
        code::PENDING if !reply.future.is_null() => {
            // SAFETY: ownership of the future came with the answer.
            Called::Later(unsafe { Pending::from_raw(reply.future) })
        }
        code::ERROR => {
            // SAFETY: ownership of the fault came with the answer.
            Called::Answered(Err(Failed::said(unsafe { read_fault(reply.fault) })))
        }
        other => Called::Answered(Err(Failed::new(answer_text(other)))),
    }
}
