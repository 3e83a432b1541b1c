//! A body that is a range of a file: the host reads it, block by block, as the client takes it.
//!
//! What the system has in memory it sends by itself, where the connection lets it; else that is
//! read on the core. What the disk has to give is read on one of a few threads that may wait. The
//! library is not asked again until it is told of the end.

mod block;
mod reader;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use dsgi::Outcome;
use dsgi::bridge::body::Stream;
use dsgi::bridge::file::FileRange;

pub(super) use self::block::Block;
use self::reader::Errand;
use super::body::{BodyError, close, short};
use super::data::Data;
use crate::lease::Lease;
use crate::limits::{FILE_BLOCK_BYTES, FILE_PART_BYTES, FILE_SENT_BYTES, FILE_STRIDE_BYTES};
use crate::outlet::{End, Outlet, Part};
use crate::platform::files;

/// A file on its way to a gateway.
#[derive(Debug)]
pub(super) struct Sending {
    file: Arc<File>,
    /// Where the next block begins.
    at: u64,
    /// Bytes of the range from there on.
    left: u64,
    /// A read that waits for the disk.
    errand: Option<Arc<Errand>>,
    /// A part that the system sends.
    part: Option<Arc<Part>>,
    /// Who is told of the end.
    end: Option<Stream>,
    lease: Lease,
}

impl Sending {
    pub(super) fn new(range: FileRange, lease: Lease) -> Self {
        let FileRange { file, offset, length, end } = range;
        Self {
            file: Arc::new(file),
            at: offset,
            left: length,
            errand: None,
            part: None,
            end,
            lease,
        }
    }

    pub(super) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The next block, of which at most `wanted` bytes are of use; `None` at the end of the range
    /// or of the file.
    pub(super) fn poll(
        &mut self,
        context: &Context<'_>,
        wanted: u64,
        outlet: Option<&Outlet>,
    ) -> Poll<Option<Result<Data, BodyError>>> {
        // Usually it is over: hyper flushes what is as large before it asks for more.
        if let Some(part) = &self.part {
            match part.poll_end(context.waker()) {
                Poll::Ready(End::Sent) => self.part = None,
                // Where it was broken off, the connection ends, and this with it.
                _ => return Poll::Pending,
            }
        }
        let wanted = wanted.min(self.left);
        if wanted >= FILE_SENT_BYTES
            && self.errand.is_none()
            && let Some(outlet) = outlet
            && let Some(data) = self.send(outlet, wanted)
        {
            return Poll::Ready(Some(Ok(data)));
        }
        let most = wanted.min(FILE_BLOCK_BYTES as u64);
        if most == 0 {
            return Poll::Ready(None);
        }
        let read = match self.read(context, usize::try_from(most).unwrap_or(FILE_BLOCK_BYTES)) {
            Poll::Ready(read) => read,
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(match read {
            Ok((_, 0)) => None,
            Ok((block, length)) => {
                self.at += length as u64;
                self.left -= length as u64;
                Some(Ok(Data::block(block, length)))
            }
            Err(error) => {
                let app = self.lease.name();
                tracing::error!(app, "its body is a file that cannot be read: {error}");
                Some(Err(BodyError::File))
            }
        })
    }

    /// Has the system send what is in memory of so many bytes; what stands for them.
    fn send(&mut self, outlet: &Outlet, most: u64) -> Option<Data> {
        let length = self.in_memory(usize::try_from(most).unwrap_or(FILE_PART_BYTES));
        if length == 0 {
            return None;
        }
        let (part, bytes) = outlet.take(Arc::clone(&self.file), self.at, length);
        self.part = Some(part);
        self.at += length as u64;
        self.left -= length as u64;
        Some(Data::host(bytes))
    }

    /// How many of the next bytes are there, and in memory, as far as one looks.
    fn in_memory(&self, most: usize) -> usize {
        let most = most.min(FILE_PART_BYTES);
        let (mut known, mut byte) = (0, [0]);
        while known < most {
            let end = most.min(known + FILE_STRIDE_BYTES);
            match files::read_cached(&self.file, &mut byte, self.at + end as u64 - 1) {
                Ok(Some(1)) => known = end,
                _ => break,
            }
        }
        known
    }

    /// Reads at most so many bytes, here or elsewhere.
    fn read(&mut self, context: &Context<'_>, most: usize) -> Poll<io::Result<(Block, usize)>> {
        if let Some(errand) = &self.errand {
            let polled = errand.poll(context.waker());
            if polled.is_ready() {
                self.errand = None;
            }
            return polled;
        }
        let mut block = Block::take();
        match files::read_cached(&self.file, &mut block.as_mut()[..most], self.at) {
            Ok(Some(read)) => Poll::Ready(Ok((block, read))),
            Ok(None) => {
                let waker = context.waker().clone();
                let errand = Errand::new(Arc::clone(&self.file), self.at, block, most, waker);
                self.errand = Some(Arc::clone(&errand));
                match reader::send(errand) {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error)),
                }
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// The end, of whatever kind. A part that is still on its way has its own.
    pub(super) fn finish(self, outcome: Outcome, sent: u64) {
        let Self { file, errand, part, left, end, lease, .. } = self;
        drop((file, errand));
        let Some(part) = part else { return tell(end, lease, outcome, sent) };
        part.at_end(move |how, unsent| {
            let outcome = match how {
                End::Sent => outcome,
                End::Cut => Outcome::ClientGone,
                End::Broken => {
                    short(&lease, left + unsent);
                    Outcome::Failed
                }
            };
            tell(end, lease, outcome, sent - unsent);
        });
    }
}

fn tell(end: Option<Stream>, lease: Lease, outcome: Outcome, sent: u64) {
    if let Some(end) = end {
        close(end, lease, outcome, sent);
    }
}
