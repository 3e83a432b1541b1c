//! Applications that fill a reply in by hand, whatever it is.

use std::ffi::c_void;
use std::task::{Poll, Waker};

use dsgi::Outcome;
use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{Reply, body_kind};
use dsgi::abi::leaf::{Header, Keep, Str};
use dsgi::abi::object::Exchange;
use dsgi::abi::pointer::{Growable, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::body::{self, Frame, Pull, Pulled};
use dsgi::bridge::bytes::{Failure, SharedBytes, fault};
use dsgi::bridge::exchange::Handle;

use crate::host::App;

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) answer: u32,
    pub(crate) status: u32,
    pub(crate) reason: &'static [u8],
    pub(crate) fields: Vec<(&'static [u8], &'static [u8])>,
    pub(crate) body: RawBody,
}

#[derive(Clone, Debug)]
pub(crate) enum RawBody {
    Whole(&'static [u8]),
    Stream {
        frames: Vec<RawFrame>,
        hint: Option<(u64, u64)>,
    },
    /// No kind there is.
    Kind(u32),
    /// A fault of this status, in place of a reply.
    Fault(u16),
}

#[derive(Clone, Debug)]
pub(crate) enum RawFrame {
    Data(&'static [u8]),
    Trailers(&'static [(&'static str, &'static [u8])]),
    Fails(&'static str),
}

impl Raw {
    /// `200`, with these fields and a body of one block.
    pub(crate) fn ok(fields: &[(&'static str, &'static str)], block: &'static str) -> Self {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Self {
            answer: answer::READY,
            status: 200,
            reason: b"OK",
            fields: fields.collect(),
            body: RawBody::Whole(block.as_bytes()),
        }
    }

    /// `200 text/plain` with these frames.
    pub(crate) fn stream(frames: &[RawFrame], hint: Option<(u64, u64)>) -> Self {
        let body = RawBody::Stream { frames: frames.to_vec(), hint };
        Self { body, ..Self::ok(&[("Content-Type", "text/plain")], "") }
    }

    /// The application that answers so.
    pub(crate) fn app(self) -> App {
        let table =
            AppTable { abi: ABI, call: Some(call), drop: Some(drop_raw), ..AppTable::absent() };
        App::new(table, Box::into_raw(Box::new(self)).cast())
    }
}

unsafe extern "C" fn call(app: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: made by `app`; the exchange passes to this call, the reply is lent.
    unsafe {
        drop(Handle::from_raw(exchange));
        let raw = &*app.cast::<Raw>();
        reply.write(&filled(raw, reply.read()));
        if matches!(raw.body, RawBody::Fault(_)) { answer::ERROR } else { raw.answer }
    }
}

unsafe extern "C" fn drop_raw(app: *mut c_void) {
    // SAFETY: made by `app`, dropped once.
    drop(unsafe { Box::from_raw(app.cast::<Raw>()) });
}

fn filled(raw: &Raw, lent: Reply) -> Reply {
    let row = |(name, value): &(&'static [u8], &'static [u8])| Header {
        id: 0,
        reserved: 0,
        name: Str::lend(name),
        value: Str::lend(value),
    };
    let rows: Box<Vec<Header>> = Box::new(raw.fields.iter().map(row).collect());
    let mut reply = Reply {
        status: raw.status,
        reason: Str::lend(raw.reason),
        headers: rows.as_ptr(),
        header_count: u32::try_from(rows.len()).expect("a few rows"),
        header_stride: size_of::<Header>() as u32,
        ..lent
    };
    match &raw.body {
        RawBody::Fault(status) => {
            reply.fault = fault(Failure::new(*status, "on purpose"));
            return reply;
        }
        _ if raw.answer != answer::READY => return reply,
        RawBody::Whole(bytes) => {
            reply.body_kind = body_kind::WHOLE;
            reply.whole = SharedBytes::constant(bytes).into_raw();
        }
        RawBody::Stream { frames, hint } => {
            reply.body_kind = body_kind::STREAM;
            reply.stream = body::make(Script { frames: frames.clone(), hint: *hint });
        }
        RawBody::Kind(kind) => reply.body_kind = *kind,
    }
    reply.keep = Keep { owner: Box::into_raw(rows).cast(), release: Some(release) };
    reply
}

unsafe extern "C" fn release(owner: *mut c_void) {
    // SAFETY: made by `filled`, released once.
    drop(unsafe { Box::from_raw(owner.cast::<Vec<Header>>()) });
}

/// A body that gives what it was told to give.
struct Script {
    frames: Vec<RawFrame>,
    hint: Option<(u64, u64)>,
}

impl Pull for Script {
    fn pull(&mut self, _: Option<&Waker>) -> Pulled {
        if self.frames.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match self.frames.remove(0) {
            RawFrame::Data(bytes) => Ok(Frame::Data(SharedBytes::constant(bytes))),
            RawFrame::Trailers(fields) => {
                let field = |(name, value): &(&str, &[u8])| ((*name).to_owned(), value.to_vec());
                Ok(Frame::Trailers(fields.iter().map(field).collect()))
            }
            RawFrame::Fails(text) => Err(Failure::new(0, text)),
        }))
    }

    fn size_hint(&self) -> Option<(u64, u64)> {
        self.hint
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {}
}
