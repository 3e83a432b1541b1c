//! Bodies: pull streams of frames, in both directions.

use std::ffi::c_void;
use std::fmt;
use std::task::{Poll, Waker};

pub use super::bytes::Failure;
use super::bytes::{self, SharedBytes};
use super::{caught, waker};
use crate::abi::grown::frame_kind;
use crate::abi::leaf::{Fault, Header, Keep, Str, rows};
use crate::abi::object::{Body, BodyTable};
use crate::abi::pointer::{Growable, Out};
use crate::abi::{self, answer};
use crate::{Outcome, slot};

/// One piece of a body.
#[derive(Debug)]
pub enum Frame {
    /// Bytes; may be empty.
    Data(SharedBytes),
    /// Fields behind the body; nothing follows them.
    Trailers(Vec<(String, Vec<u8>)>),
}

/// What one pull gives.
pub type Pulled = Poll<Option<Result<Frame, Failure>>>;

/// A body that this side makes.
pub trait Pull: Send + 'static {
    /// The next frame. Without a waker it waits. Not called again after the end or a failure.
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled;

    /// Least and most bytes still to come, where that is known.
    fn size_hint(&self) -> Option<(u64, u64)> {
        None
    }

    /// The end, exactly once.
    fn close(self: Box<Self>, outcome: Outcome, bytes_sent: u64);
}

/// Hands a body to the other side.
pub fn make<T: Pull>(body: T) -> *mut Body {
    let made = Made { table: &Made::<T>::TABLE, body: Box::new(body) };
    Box::into_raw(Box::new(made)).cast()
}

#[repr(C)]
struct Made<T: Pull> {
    table: &'static BodyTable,
    body: Box<T>,
}

impl<T: Pull> Made<T> {
    const TABLE: BodyTable = BodyTable {
        size: size_of::<BodyTable>() as u32,
        reserved: 0,
        poll: Some(poll::<T>),
        size_hint: Some(size_hint::<T>),
        close: Some(close::<T>),
    };
}

unsafe extern "C" fn poll<T: Pull>(
    body: *mut Body,
    lent: *const abi::object::Waker,
    frame: Out<abi::grown::Frame>,
) -> u32 {
    // SAFETY: made by `make`, one user at a time.
    let body = unsafe { &mut (*body.cast::<Made<T>>()).body };
    // SAFETY: lent for this call.
    let waker = unsafe { waker::borrow(lent) };
    let pulled = caught(|| body.pull(waker.as_deref()));
    // SAFETY: lent for this call with its size set.
    unsafe { answer_of_pull(pulled, frame) }
}

/// Fills the out-struct of a poll with what was pulled, or with the text of a panic.
///
/// # Safety
/// `frame` is lent for this call with its size set.
pub unsafe fn answer_of_pull(pulled: Result<Pulled, String>, frame: Out<abi::grown::Frame>) -> u32 {
    let (answer, filled) = match pulled {
        Ok(Poll::Pending) => return answer::PENDING,
        Ok(Poll::Ready(None)) => return answer::END,
        Ok(Poll::Ready(Some(Ok(piece)))) => (answer::READY, fill(piece)),
        Ok(Poll::Ready(Some(Err(failure)))) => (answer::ERROR, failed(failure)),
        Err(panic) => (answer::ERROR, failed(Failure::panicked(&panic))),
    };
    // SAFETY: the caller's promise.
    unsafe { frame.write(&filled) };
    answer
}

unsafe extern "C" fn size_hint<T: Pull>(body: *const Body, least: *mut u64, most: *mut u64) -> u32 {
    // SAFETY: made by `make`, one user at a time.
    let body = unsafe { &(*body.cast::<Made<T>>()).body };
    match caught(|| body.size_hint()) {
        Ok(Some((low, high))) => {
            // SAFETY: both are lent for this call.
            unsafe {
                least.write(low);
                most.write(high);
            }
            answer::READY
        }
        _ => answer::UNSUPPORTED,
    }
}

unsafe extern "C" fn close<T: Pull>(body: *mut Body, outcome: u32, bytes_sent: u64) {
    // SAFETY: made by `make`, consumed by this call.
    let made = unsafe { Box::from_raw(body.cast::<Made<T>>()) };
    if let Err(panic) = caught(|| made.body.close(Outcome::from_raw(outcome), bytes_sent)) {
        crate::export::report(&format!("panicked in close: {panic}"));
    }
}

fn failed(failure: Failure) -> abi::grown::Frame {
    abi::grown::Frame { fault: bytes::fault(failure), ..Growable::absent() }
}

fn fill(piece: Frame) -> abi::grown::Frame {
    let mut frame: abi::grown::Frame = Growable::absent();
    match piece {
        Frame::Data(data) => {
            frame.kind = frame_kind::DATA;
            frame.data = data.into_raw();
        }
        Frame::Trailers(fields) => {
            frame.kind = frame_kind::TRAILERS;
            let table = FieldTable::new(fields);
            frame.headers = table.rows.as_ptr();
            frame.header_count = u32::try_from(table.rows.len()).unwrap_or(0);
            frame.header_stride = size_of::<Header>() as u32;
            frame.keep = table.keep();
        }
    }
    frame
}

/// Fields and the rows that point into them, kept together until released.
struct FieldTable {
    rows: Vec<Header>,
    _fields: Vec<(String, Vec<u8>)>,
}

impl FieldTable {
    fn new(fields: Vec<(String, Vec<u8>)>) -> Box<Self> {
        let rows = fields
            .iter()
            .map(|(name, value)| Header {
                id: abi::known::id(name),
                reserved: 0,
                name: Str::lend(name.as_bytes()),
                value: Str::lend(value),
            })
            .collect();
        Box::new(Self { rows, _fields: fields })
    }

    fn keep(self: Box<Self>) -> Keep {
        Keep { owner: Box::into_raw(self).cast(), release: Some(release_fields) }
    }
}

unsafe extern "C" fn release_fields(owner: *mut c_void) {
    // SAFETY: made by `FieldTable::keep`, released once.
    drop(unsafe { Box::from_raw(owner.cast::<FieldTable>()) });
}

/// A body of either side, owned. Dropping it closes it as failed.
pub struct Stream {
    body: *mut Body,
}

// SAFETY: the boundary's rule: bodies are Send, used by one side at a time.
unsafe impl Send for Stream {}

impl Stream {
    /// Takes a body that the other side handed over.
    ///
    /// # Safety
    /// `body` is owned by the caller, and its maker stays loaded as long as the result lives.
    #[must_use]
    pub const unsafe fn from_raw(body: *mut Body) -> Self {
        Self { body }
    }

    /// A body of this side, as the other side would hold it.
    #[must_use]
    pub fn of<T: Pull>(body: T) -> Self {
        Self { body: make(body) }
    }

    /// Hands the body over.
    #[must_use]
    #[allow(clippy::mem_forget, reason = "ownership passes to the other side")]
    pub fn into_raw(self) -> *mut Body {
        let body = self.body;
        std::mem::forget(self);
        body
    }

    /// The next frame; without a waker it waits.
    pub fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        // SAFETY: owned and alive.
        let Some(poll) = (unsafe { slot!(BodyTable, self.body, poll) }) else {
            return Poll::Ready(None);
        };
        let mut frame: abi::grown::Frame = Growable::absent();
        let out = Out::lend(&mut frame);
        let answer = match waker {
            // SAFETY: owned and alive, one user at a time; waker and frame are lent.
            Some(waker) => waker::lend(waker, |lent| unsafe { poll(self.body, lent, out) }),
            // SAFETY: as above.
            None => unsafe { poll(self.body, std::ptr::null(), out) },
        };
        // SAFETY: the frame was filled by the maker for this answer.
        unsafe { read_frame(answer, &frame) }
    }

    /// Least and most bytes still to come, where that is known.
    #[must_use]
    pub fn size_hint(&self) -> Option<(u64, u64)> {
        let (mut least, mut most) = (0, 0);
        // SAFETY: owned and alive; both numbers are lent.
        let answer = unsafe {
            slot!(BodyTable, self.body, size_hint)
                .map(|size_hint| size_hint(self.body, &raw mut least, &raw mut most))
        };
        (answer == Some(answer::READY)).then_some((least, most))
    }

    /// The end of the body.
    pub fn close(self, outcome: Outcome, bytes_sent: u64) {
        let body = self.into_raw();
        // SAFETY: owned, and consumed here.
        unsafe {
            if let Some(close) = slot!(BodyTable, body, close) {
                close(body, outcome.into_raw(), bytes_sent);
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the body is still owned here, and never used again.
        unsafe { Self::from_raw(self.body) }.close(Outcome::Failed, 0);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:p})", self.body)
    }
}

/// Takes what a poll filled in.
///
/// # Safety
/// `frame` was filled for `answer` by a maker that is still loaded.
pub unsafe fn read_frame(answer: u32, frame: &abi::grown::Frame) -> Pulled {
    match answer {
        answer::READY if frame.kind == frame_kind::TRAILERS => {
            // SAFETY: valid until `keep` is released, which happens after the copy.
            let fields = unsafe {
                let fields = rows(frame.headers, frame.header_count, frame.header_stride)
                    .map(|row| {
                        let name = String::from_utf8_lossy(row.name.bytes()).into_owned();
                        (name, row.value.bytes().to_vec())
                    })
                    .collect();
                frame.keep.free();
                fields
            };
            Poll::Ready(Some(Ok(Frame::Trailers(fields))))
        }
        answer::READY => {
            // SAFETY: ownership of the bytes came with the answer.
            let data = unsafe { SharedBytes::from_raw(frame.data) };
            Poll::Ready(Some(Ok(Frame::Data(data))))
        }
        answer::PENDING => Poll::Pending,
        answer::END => Poll::Ready(None),
        // SAFETY: ownership of the fault came with the answer.
        other => Poll::Ready(Some(Err(unsafe { failure(other, frame.fault) }))),
    }
}

/// # Safety
/// As for [`read_frame`].
unsafe fn failure(answer: u32, fault: Fault) -> Failure {
    let plain = match answer {
        answer::ERROR => {
            // SAFETY: ownership of the fault came with the answer.
            return unsafe { bytes::read_fault(fault) };
        }
        answer::CANCELLED => "the exchange was cancelled",
        answer::TAKEN => "the request body has another owner",
        answer::WOULD_BLOCK => {
            "waiting here would stop a core; declare the application blocking or async"
        }
        answer::UNSUPPORTED => "not supported here",
        _ => "an answer outside the specification",
    };
    Failure::new(0, plain)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Script {
        frames: Vec<Frame>,
        ended: mpsc::Sender<(Outcome, u64)>,
    }

    impl Pull for Script {
        fn pull(&mut self, _: Option<&Waker>) -> Pulled {
            if self.frames.is_empty() {
                panic!("the script is over");
            }
            Poll::Ready(Some(Ok(self.frames.remove(0))))
        }

        fn size_hint(&self) -> Option<(u64, u64)> {
            Some((3, 5))
        }

        fn close(self: Box<Self>, outcome: Outcome, bytes_sent: u64) {
            self.ended.send((outcome, bytes_sent)).expect("the test listens");
        }
    }

    fn script() -> (Stream, mpsc::Receiver<(Outcome, u64)>) {
        let (ended, listen) = mpsc::channel();
        let trailers = vec![(String::from("x-sum"), b"7".to_vec())];
        let frames =
            vec![Frame::Data(SharedBytes::constant(b"abc")), Frame::Trailers(trailers.clone())];
        // SAFETY: just made here.
        (unsafe { Stream::from_raw(make(Script { frames, ended })) }, listen)
    }

    #[test]
    fn frames_cross_and_a_panic_becomes_a_failure() {
        let (mut stream, ended) = script();
        assert_eq!(stream.size_hint(), Some((3, 5)));
        let first = stream.pull(None);
        assert!(matches!(&first, Poll::Ready(Some(Ok(Frame::Data(data)))) if **data == *b"abc"));
        let Poll::Ready(Some(Ok(Frame::Trailers(fields)))) = stream.pull(None) else {
            panic!("no trailers");
        };
        assert_eq!(fields, [(String::from("x-sum"), b"7".to_vec())]);
        let Poll::Ready(Some(Err(failure))) = stream.pull(None) else {
            panic!("no failure");
        };
        assert_eq!(failure.message, "panicked: the script is over");
        stream.close(Outcome::Completed, 3);
        assert_eq!(ended.try_iter().collect::<Vec<_>>(), [(Outcome::Completed, 3)]);
    }

    #[test]
    fn a_dropped_body_is_closed_once_as_failed() {
        let (stream, ended) = script();
        drop(stream);
        assert_eq!(ended.iter().collect::<Vec<_>>(), [(Outcome::Failed, 0)]);
    }
}
