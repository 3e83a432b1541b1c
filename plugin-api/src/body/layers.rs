//! What a layer does with a body from further in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::Body;
use super::filtered::{Filter, Filtered, Functions};
use super::source::Source;
use crate::bridge::body::{Frame, Pull as _};
use crate::bridge::bytes::SharedBytes;
use crate::{Chunk, Error, Result};

impl Body {
    /// The same body with every block changed: one block in, one block out, if only an empty one.
    /// Where the length changes, the head's `Content-Length` is no longer right.
    ///
    /// ```
    /// let body = dsgi::Body::blocks(["a", "b"]);
    /// let mut body = body.map(|block| block.bytes().to_ascii_uppercase());
    /// assert_eq!(body.read_all(10).unwrap(), b"AB");
    /// ```
    #[must_use]
    pub fn map<C: Into<Chunk> + 'static>(
        self,
        block: impl FnMut(Chunk) -> C + Send + 'static,
    ) -> Self {
        self.filter(Functions::<_, fn() -> Option<Chunk>>::new(block, None))
    }

    /// The same with a last block behind all others. What both functions change together is
    /// better a [`Filter`].
    ///
    /// ```
    /// let last = || Some(dsgi::Chunk::from("bye\n"));
    /// let mut body = dsgi::Body::from("hi\n").map_with_end(|block| block, last);
    /// assert_eq!(body.read_all(10).unwrap(), b"hi\nbye\n");
    /// ```
    #[must_use]
    pub fn map_with_end<C: Into<Chunk> + 'static>(
        self,
        block: impl FnMut(Chunk) -> C + Send + 'static,
        end: impl FnOnce() -> Option<Chunk> + Send + 'static,
    ) -> Self {
        self.filter(Functions::new(block, Some(end)))
    }

    /// The same body on its way through a [`Filter`]. An upgrade has no blocks, and goes through
    /// untouched.
    #[must_use]
    pub fn filter(mut self, filter: impl Filter) -> Self {
        if matches!(self.source, Source::Upgrade(_)) {
            return self;
        }
        let source = std::mem::replace(&mut self.source, Source::Empty);
        self.source = Source::Filtered(Filtered::new(source, filter));
        self
    }

    /// The next block; `None` at the end. Waits for it, so that it is for layers of the sync form.
    /// What was taken is not sent any more.
    ///
    /// # Errors
    /// The error that ended the body.
    ///
    /// ```
    /// let mut body = dsgi::Body::blocks(["a", "b"]);
    /// while let Some(block) = body.next_block().unwrap() {
    ///     assert_eq!(block.bytes().len(), 1);
    /// }
    /// ```
    pub fn next_block(&mut self) -> Result<Option<Chunk>> {
        if let Poll::Ready(next) = self.poll_next(None) {
            return next.map(|block| block.map(Chunk::from));
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match self.poll_next(Some(&waker)) {
                Poll::Ready(next) => return next.map(|block| block.map(Chunk::from)),
                Poll::Pending => thread::park(),
            }
        }
    }

    /// The next block; `None` at the end. For layers of the async form.
    ///
    /// # Errors
    /// The error that ended the body.
    ///
    /// ```
    /// # async fn example(mut body: dsgi::Body) -> dsgi::Result<usize> {
    /// let first = std::future::poll_fn(|context| body.poll_block(context)).await?;
    /// Ok(first.map_or(0, |block| block.bytes().len()))
    /// # }
    /// ```
    pub fn poll_block(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>>> {
        self.poll_next(Some(context.waker())).map(|next| next.map(|block| block.map(Chunk::from)))
    }

    /// All bytes, where the body is in one piece already.
    ///
    /// ```
    /// assert_eq!(dsgi::Body::from("hi").whole(), Some(b"hi".as_slice()));
    /// assert_eq!(dsgi::Body::blocks(["a", "b"]).whole(), None);
    /// ```
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        match &self.source {
            Source::Empty | Source::Upgrade(_) => Some(&[]),
            Source::Whole(bytes) => Some(bytes),
            Source::Ahead { blocks, rest } if matches!(**rest, Source::Trailers(_)) => {
                let mut blocks = blocks.iter();
                blocks.next().filter(|_| blocks.next().is_none()).map(|block| &**block)
            }
            _ => None,
        }
    }

    /// Least and most bytes still to come, where that is known.
    ///
    /// ```
    /// assert_eq!(dsgi::Body::from("hi").size_hint(), Some((2, 2)));
    /// ```
    #[must_use]
    pub fn size_hint(&self) -> Option<(u64, u64)> {
        self.source.size_hint()
    }

    /// Reads everything, at most so many bytes, and leaves it in the body as one piece. Waits, so
    /// that it is for layers of the sync form.
    ///
    /// # Errors
    /// The error that ended the body; or there is more, and then nothing of the body is lost.
    ///
    /// ```
    /// let mut body = dsgi::Body::blocks(["a", "b"]);
    /// assert!(body.read_all(1).is_err());
    /// assert_eq!(body.read_all(2).unwrap(), b"ab");
    /// assert_eq!(body.whole(), Some(b"ab".as_slice()));
    /// ```
    pub fn read_all(&mut self, limit: usize) -> Result<&[u8]> {
        let mut read = Read::default();
        while self.whole().is_none() {
            match self.next_block()?.map(Chunk::into_result).transpose()? {
                Some(block) => read.take_in(block, limit, self)?,
                None => self.source = read.end(std::mem::replace(&mut self.source, Source::Empty)),
            }
        }
        self.whole_within(limit)
    }

    fn whole_within(&self, limit: usize) -> Result<&[u8]> {
        let bytes = self.whole().unwrap_or_default();
        if bytes.len() > limit { Err(too_large(limit)) } else { Ok(bytes) }
    }

    /// Other blocks in place of those of this body, whose closers and whose maker further in are
    /// told the end all the same.
    ///
    /// ```
    /// let body = dsgi::Body::from("hi").on_close(|outcome, _| println!("{outcome:?}"));
    /// let mut body = body.replace_blocks(dsgi::Body::from("good day"));
    /// assert_eq!(body.read_all(100).unwrap(), b"good day");
    /// ```
    #[must_use]
    pub fn replace_blocks(mut self, other: impl Into<Self>) -> Self {
        let mut other = other.into();
        self.rest_inner();
        self.source = std::mem::replace(&mut other.source, Source::Empty);
        if let Some(ends) = other.ends.take() {
            let own = self.ends.get_or_insert_default();
            own.closers.extend(ends.closers);
            own.inner.extend(ends.inner);
        }
        self
    }

    fn poll_next(&mut self, waker: Option<&Waker>) -> Poll<Result<Option<SharedBytes>>> {
        if let Source::Trailers(_) | Source::Upgrade(_) = self.source {
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(match self.pull(waker) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(Frame::Data(bytes)))) => Ok(Some(bytes)),
            Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                self.rest_inner();
                self.source = Source::Trailers(fields);
                Ok(None)
            }
            Poll::Ready(Some(Err(failure))) => {
                self.rest_inner();
                Err(Error::from_failure(failure))
            }
            Poll::Ready(None) => {
                self.rest_inner();
                Ok(None)
            }
        })
    }

    /// The source gives no blocks any more; a body from further in is told the end later.
    fn rest_inner(&mut self) {
        let mut source = std::mem::replace(&mut self.source, Source::Empty);
        if let Some(inner) = source.take_inner() {
            self.ends.get_or_insert_default().inner.push(inner);
        }
    }

    /// Waits for the first block that is not empty, so that the head is held until then.
    pub(crate) async fn hold(mut self) -> Result<Self> {
        std::future::poll_fn(|context| self.begin_filtered(Some(context.waker()))).await?;
        Ok(self)
    }

    /// Pulls up to the first block that is not empty.
    pub(super) fn begin_filtered(&mut self, waker: Option<&Waker>) -> Poll<Result<()>> {
        while let Source::Filtered(filtered) = &mut self.source {
            let block = match filtered.pull(waker) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Frame::Data(block)))) if block.is_empty() => continue,
                Poll::Ready(Some(Ok(Frame::Data(block)))) => block,
                Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                    self.rest_inner();
                    self.source = Source::Trailers(fields);
                    break;
                }
                Poll::Ready(Some(Err(failure))) => {
                    return Poll::Ready(Err(Error::from_failure(failure)));
                }
                Poll::Ready(None) => {
                    self.rest_inner();
                    break;
                }
            };
            return Poll::Ready(self.begin_with(block));
        }
        Poll::Ready(Ok(()))
    }

    fn begin_with(&mut self, first: SharedBytes) -> Result<()> {
        let mut blocks = VecDeque::from([first]);
        while let Source::Filtered(filtered) = &mut self.source {
            if !filtered.is_at_hand() {
                break;
            }
            match filtered.pull(None) {
                Poll::Ready(Some(Ok(Frame::Data(block)))) => blocks.push_back(block),
                Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                    self.source = Source::Trailers(fields);
                }
                Poll::Ready(Some(Err(failure))) => return Err(Error::from_failure(failure)),
                Poll::Ready(None) | Poll::Pending => self.source = Source::Empty,
            }
        }
        let rest = std::mem::replace(&mut self.source, Source::Empty);
        self.source = match rest {
            Source::Empty if blocks.len() == 1 => {
                blocks.pop_front().map_or(Source::Empty, Source::Whole)
            }
            rest => Source::Ahead { blocks, rest: Box::new(rest) },
        };
        Ok(())
    }
}

/// What was read of a body.
#[derive(Default)]
struct Read {
    blocks: VecDeque<SharedBytes>,
    length: usize,
}

impl Read {
    fn take_in(&mut self, block: SharedBytes, limit: usize, body: &mut Body) -> Result<()> {
        self.length += block.len();
        self.blocks.push_back(block);
        if self.length <= limit {
            return Ok(());
        }
        let rest = Box::new(std::mem::replace(&mut body.source, Source::Empty));
        body.source = Source::Ahead { blocks: std::mem::take(&mut self.blocks), rest };
        Err(too_large(limit))
    }

    /// The blocks in one piece; what they came from has only trailers left.
    fn end(&mut self, rest: Source) -> Source {
        let whole = match self.blocks.len() {
            1 => self.blocks.pop_front(),
            _ => None,
        };
        let whole = whole.unwrap_or_else(|| {
            let mut all = Vec::with_capacity(self.length);
            self.blocks.drain(..).for_each(|block| all.extend_from_slice(&block));
            SharedBytes::from(all)
        });
        match rest {
            Source::Trailers(_) => {
                Source::Ahead { blocks: VecDeque::from([whole]), rest: Box::new(rest) }
            }
            _ => Source::Whole(whole),
        }
    }
}

#[cold]
fn too_large(limit: usize) -> Error {
    Error::new(format!("the body is larger than the {limit} bytes a layer reads"))
}

/// Wakes a thread that waits for a block.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
