//! Bodies whose blocks are changed on their way.

use std::mem;
use std::task::{Poll, Waker};

use super::source::Source;
use crate::bridge::body::{Failure, Frame, Pulled};
use crate::{Chunk, Result};

/// Changes the blocks of a body on their way out, as a compressor does.
///
/// ```
/// use dsgi::{Body, Chunk, Filter};
///
/// /// Numbers the lines.
/// struct Numbers(usize);
///
/// impl Filter for Numbers {
///     fn block(&mut self, block: Chunk) -> dsgi::Result<Chunk> {
///         self.0 += 1;
///         let text = String::from_utf8_lossy(block.bytes());
///         Ok(Chunk::from(format!("{} {text}", self.0)))
///     }
///
///     fn end(&mut self) -> dsgi::Result<Option<Chunk>> {
///         Ok(Some(Chunk::from(format!("{} lines\n", self.0))))
///     }
/// }
///
/// let mut body = Body::blocks(["a\n", "b\n"]).filter(Numbers(0));
/// assert_eq!(body.read_all(100).unwrap(), b"1 a\n2 b\n2 lines\n");
/// ```
pub trait Filter: Send + 'static {
    /// What goes out for one block that comes in; maybe an empty one.
    ///
    /// # Errors
    /// Ends the body.
    fn block(&mut self, block: Chunk) -> Result<Chunk>;

    /// What goes out behind the last block, asked for once.
    ///
    /// # Errors
    /// Ends the body.
    fn end(&mut self) -> Result<Option<Chunk>> {
        Ok(None)
    }

    /// The trailers, given those that the body has; asked for once, behind everything else.
    ///
    /// ```
    /// # use dsgi::{Chunk, Filter};
    /// /// Counts bytes, and says how many behind the body.
    /// struct Counted(usize);
    ///
    /// impl Filter for Counted {
    ///     fn block(&mut self, block: Chunk) -> dsgi::Result<Chunk> {
    ///         self.0 += block.bytes().len();
    ///         Ok(block)
    ///     }
    ///
    ///     fn trailers(&mut self, mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    ///         fields.push((String::from("x-bytes"), self.0.to_string().into_bytes()));
    ///         fields
    ///     }
    /// }
    /// ```
    fn trailers(&mut self, fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
        fields
    }
}

pub(super) struct Filtered {
    pub(super) source: Source,
    filter: Box<dyn Filter>,
    stage: Stage,
}

enum Stage {
    Blocks,
    /// The source is over, and these are its trailers.
    Trailers(Vec<(String, Vec<u8>)>),
    Over,
}

impl Filtered {
    pub(super) fn new(source: Source, filter: impl Filter) -> Box<Self> {
        Box::new(Self { source, filter: Box::new(filter), stage: Stage::Blocks })
    }

    pub(super) fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Blocks => {}
            Stage::Trailers(fields) => return Poll::Ready(Some(Ok(Frame::Trailers(fields)))),
            Stage::Over => return Poll::Ready(None),
        }
        let last = match self.source.pull(waker) {
            Poll::Pending => {
                self.stage = Stage::Blocks;
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::Data(bytes)))) => {
                let block = self.filter.block(Chunk::from(bytes)).and_then(Chunk::into_result);
                if block.is_ok() {
                    self.stage = Stage::Blocks;
                }
                return Poll::Ready(Some(block.map(Frame::Data).map_err(Failure::from)));
            }
            Poll::Ready(Some(Err(failure))) => return Poll::Ready(Some(Err(failure))),
            Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => fields,
            Poll::Ready(None) => Vec::new(),
        };
        match self.filter.end().and_then(|block| block.map(Chunk::into_result).transpose()) {
            Ok(Some(block)) => {
                let last = self.filter.trailers(last);
                self.stage = if last.is_empty() { Stage::Over } else { Stage::Trailers(last) };
                Poll::Ready(Some(Ok(Frame::Data(block))))
            }
            Ok(None) => {
                let last = self.filter.trailers(last);
                Poll::Ready((!last.is_empty()).then_some(Ok(Frame::Trailers(last))))
            }
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }

    /// Whether nothing is to be waited for.
    pub(super) const fn is_at_hand(&self) -> bool {
        matches!(self.source, Source::Empty | Source::Whole(_))
    }
}

/// Leaves the blocks, and adds trailers.
pub(super) struct Trailed<F>(Option<F>);

impl<F> Trailed<F> {
    pub(super) const fn new(trailers: F) -> Self {
        Self(Some(trailers))
    }
}

impl<F, I, N, V> Filter for Trailed<F>
where
    F: FnOnce() -> I + Send + 'static,
    I: IntoIterator<Item = (N, V)>,
    N: Into<String>,
    V: Into<Vec<u8>>,
{
    fn block(&mut self, block: Chunk) -> Result<Chunk> {
        Ok(block)
    }

    fn trailers(&mut self, mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
        let own = self.0.take().into_iter().flat_map(|trailers| trailers());
        fields.extend(own.map(|(name, value)| (name.into(), value.into())));
        fields
    }
}

/// A filter out of two functions.
pub(super) struct Functions<F, E> {
    block: F,
    end: Option<E>,
}

impl<F, E> Functions<F, E> {
    pub(super) const fn new(block: F, end: Option<E>) -> Self {
        Self { block, end }
    }
}

impl<F, E, C> Filter for Functions<F, E>
where
    F: FnMut(Chunk) -> C + Send + 'static,
    E: FnOnce() -> Option<Chunk> + Send + 'static,
    C: Into<Chunk>,
{
    fn block(&mut self, block: Chunk) -> Result<Chunk> {
        Ok((self.block)(block).into())
    }

    fn end(&mut self) -> Result<Option<Chunk>> {
        Ok(self.end.take().and_then(|end| end()))
    }
}
