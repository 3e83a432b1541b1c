//! The body of a request on its way from a gateway to whoever reads it, which may be any thread.
//!
//! hyper has a body of its own; the gateways of front servers have this. Invariant: whoever reads
//! comes to an end as soon as the gateway does, and a body that was cut never looks whole.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// The end that is written to. A body that is dropped unfinished was cut.
#[derive(Debug)]
pub(crate) struct Feed(Arc<Shared>);

/// The end that is read.
#[derive(Debug)]
pub(crate) struct Upload(Arc<Shared>);

/// The client left before the end of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut;

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    blocks: VecDeque<Bytes>,
    held: usize,
    end: End,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

/// How far the body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Whole,
    Cut,
    /// Nobody reads it any more.
    Unread,
}

/// Both ends of a body.
pub(crate) fn upload() -> (Feed, Upload) {
    let (blocks, held, end, reader, feeder) = (VecDeque::new(), 0, End::Open, None, None);
    let state = State { blocks, held, end, reader, feeder };
    let shared = Arc::new(Shared(Mutex::new(state)));
    (Feed(Arc::clone(&shared)), Upload(shared))
}

impl Feed {
    /// Gives a block to the reader. Where nobody reads any more it is dropped.
    pub(crate) fn push(&self, block: Bytes) {
        let mut state = self.0.lock();
        if state.end == End::Open && !block.is_empty() {
            state.held += block.len();
            state.blocks.push_back(block);
            let reader = state.reader.take();
            drop(state);
            wake(reader);
        }
    }

    /// The body is whole.
    pub(crate) fn finish(&self) {
        self.end(End::Whole);
    }

    /// Bytes that wait for the reader.
    pub(crate) fn held(&self) -> usize {
        self.0.lock().held
    }

    /// Ready while fewer bytes than these wait, or nobody reads them any more.
    pub(crate) fn poll_room(&self, context: &Context<'_>, window: usize) -> Poll<()> {
        let mut state = self.0.lock();
        if state.held < window || state.end != End::Open {
            return Poll::Ready(());
        }
        state.feeder = Some(context.waker().clone());
        Poll::Pending
    }

    fn end(&self, end: End) {
        let mut state = self.0.lock();
        if state.end == End::Open {
            state.end = end;
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }
}

impl Upload {
    /// The next block; none behind the last one.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let mut state = self.0.lock();
        if let Some(block) = state.blocks.pop_front() {
            state.held -= block.len();
            let feeder = state.feeder.take();
            drop(state);
            wake(feeder);
            return Poll::Ready(Some(Ok(block)));
        }
        match state.end {
            End::Open => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
            End::Whole | End::Unread => Poll::Ready(None),
            End::Cut => Poll::Ready(Some(Err(Cut))),
        }
    }
}

/// Outside of the lock: whoever is woken may look at once.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.end(End::Cut);
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.end = End::Unread;
        state.held = 0;
        let blocks = std::mem::take(&mut state.blocks);
        let feeder = state.feeder.take();
        drop(state);
        drop(blocks);
        wake(feeder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(upload: &Upload) -> Poll<Option<Result<Bytes, Cut>>> {
        upload.poll(&Context::from_waker(Waker::noop()))
    }

    fn room(feed: &Feed) -> Poll<()> {
        feed.poll_room(&Context::from_waker(Waker::noop()), 4)
    }

    #[test]
    fn blocks_come_in_their_order_and_make_room() {
        let (feed, upload) = upload();
        assert_eq!(read(&upload), Poll::Pending);
        feed.push(Bytes::from_static(b"ab"));
        assert_eq!(room(&feed), Poll::Ready(()));
        feed.push(Bytes::from_static(b"cd"));
        assert_eq!((room(&feed), feed.held()), (Poll::Pending, 4));
        feed.finish();
        drop(feed);
        for block in ["ab", "cd"] {
            assert_eq!(read(&upload), Poll::Ready(Some(Ok(Bytes::from(block)))));
        }
        assert_eq!(read(&upload), Poll::Ready(None));
    }

    #[test]
    fn what_is_dropped_unfinished_was_cut() {
        let (feed, upload) = upload();
        feed.push(Bytes::from_static(b"ab"));
        drop(feed);
        assert_eq!(read(&upload), Poll::Ready(Some(Ok(Bytes::from("ab")))));
        assert_eq!(read(&upload), Poll::Ready(Some(Err(Cut))));
    }

    #[test]
    fn nothing_is_kept_for_a_reader_that_is_gone() {
        let (feed, upload) = upload();
        feed.push(Bytes::from_static(b"abcd"));
        drop(upload);
        feed.push(Bytes::from_static(b"efgh"));
        assert_eq!((room(&feed), feed.held()), (Poll::Ready(()), 0));
    }
}
