//! Where the blocks of a body come from.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::filtered::Filtered;
use crate::bridge::body::{Failure, Frame, Pulled, Stream};
use crate::bridge::bytes::SharedBytes;
use crate::bridge::file::FileRange;
use crate::bridge::upgrade::Upgrade;
use crate::{Chunk, Result};

pub(super) type Blocks = Box<dyn Iterator<Item = Chunk> + Send>;
pub(super) type Polled = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Chunk>> + Send>;

pub(super) enum Source {
    Empty,
    Whole(SharedBytes),
    Blocks {
        first: Option<Chunk>,
        rest: Blocks,
    },
    Polled(Polled),
    /// Sent by the host, and read here only where a layer looks at it.
    File(FileRange),
    /// From further in.
    Inner(Stream),
    /// Another source, each block changed.
    Filtered(Box<Filtered>),
    /// Blocks that were looked at, and what follows them.
    Ahead {
        blocks: VecDeque<SharedBytes>,
        rest: Box<Self>,
    },
    /// What is left when only trailers are.
    Trailers(Vec<(String, Vec<u8>)>),
    /// No blocks: the connection is taken over.
    Upgrade(Upgrade),
}

impl Source {
    /// The next frame; without a waker it waits where the source has to.
    #[inline]
    pub(super) fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        let block = match self {
            Self::Blocks { first, rest } => first.take().or_else(|| rest.next()),
            Self::Polled(poll) => {
                let mut context = Context::from_waker(waker.unwrap_or(Waker::noop()));
                match poll(&mut context) {
                    Poll::Ready(block) => block,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Self::File(range) => range.block().map(Chunk::from),
            other => return other.pull_frame(waker),
        };
        Poll::Ready(block.map(|block| block.into_result().map(Frame::Data).map_err(Failure::from)))
    }

    fn pull_frame(&mut self, waker: Option<&Waker>) -> Pulled {
        match self {
            Self::Inner(stream) => return stream.pull(waker),
            Self::Filtered(filtered) => return filtered.pull(waker),
            Self::Ahead { blocks, rest } => {
                return match blocks.pop_front() {
                    Some(block) => Poll::Ready(Some(Ok(Frame::Data(block)))),
                    None => rest.pull(waker),
                };
            }
            Self::Empty | Self::Whole(_) | Self::Trailers(_) => {}
            // An upgrade has no blocks, and is still one when it was asked for them.
            Self::Blocks { .. } | Self::Polled(_) | Self::File(_) | Self::Upgrade(_) => {
                return Poll::Ready(None);
            }
        }
        Poll::Ready(match std::mem::replace(self, Self::Empty) {
            Self::Whole(bytes) => Some(Ok(Frame::Data(bytes))),
            Self::Trailers(fields) => Some(Ok(Frame::Trailers(fields))),
            _ => None,
        })
    }

    /// Pulls up to the first block that is not empty.
    pub(super) fn begin_blocks(&mut self) -> Result<()> {
        let Self::Blocks { first, rest } = self else { return Ok(()) };
        while first.as_ref().is_none_or(|block| block.bytes().is_empty()) {
            match rest.next() {
                Some(block) => *first = Some(block.into_result()?.into()),
                None => {
                    *self = Self::Empty;
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) fn size_hint(&self) -> Option<(u64, u64)> {
        match self {
            Self::Empty | Self::Upgrade(_) => Some((0, 0)),
            Self::Whole(bytes) => Some((bytes.len() as u64, bytes.len() as u64)),
            Self::Inner(stream) => stream.size_hint(),
            Self::File(range) => Some((range.length, range.length)),
            // Over HTTP/1.1 trailers have no way out behind a body of known length.
            Self::Ahead { rest, .. } if matches!(**rest, Self::Trailers(_)) => None,
            Self::Ahead { blocks, rest } => {
                let ahead: u64 = blocks.iter().map(|block| block.len() as u64).sum();
                let (least, most) = rest.size_hint()?;
                Some((least.saturating_add(ahead), most.saturating_add(ahead)))
            }
            Self::Blocks { .. } | Self::Polled(_) | Self::Filtered(_) | Self::Trailers(_) => None,
        }
    }

    /// Takes the body from further in out of it, so that it is told the end last.
    pub(super) fn take_inner(&mut self) -> Option<Stream> {
        match self {
            Self::Inner(_) => match std::mem::replace(self, Self::Empty) {
                Self::Inner(stream) => Some(stream),
                _ => None,
            },
            Self::File(range) => range.end.take(),
            Self::Upgrade(upgrade) => upgrade.take_end(),
            Self::Filtered(filtered) => filtered.source.take_inner(),
            Self::Ahead { rest, .. } => rest.take_inner(),
            Self::Empty
            | Self::Whole(_)
            | Self::Blocks { .. }
            | Self::Polled(_)
            | Self::Trailers(_) => None,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Whole(_) => "whole",
            Self::Blocks { .. } => "blocks",
            Self::Polled(_) => "polled",
            Self::File(_) => "file",
            Self::Inner(_) => "from further in",
            Self::Filtered(_) => "filtered",
            Self::Ahead { .. } => "looked at",
            Self::Trailers(_) => "trailers",
            Self::Upgrade(_) => "upgrade",
        }
    }
}
