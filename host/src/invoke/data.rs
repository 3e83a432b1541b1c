//! Bytes of a response on their way to the transport.

use bytes::{Buf, Bytes};
use dsgi::bridge::bytes::SharedBytes;

use super::file::Block;
use crate::lease::Lease;

/// One piece of a body. Bytes of a library hold a lease on it until the transport has taken them.
#[derive(Debug)]
pub(crate) struct Data(Piece);

#[derive(Debug)]
enum Piece {
    Host(Bytes),
    File { block: Block, from: usize, to: usize },
    // Drop order: the bytes go back to their library before the lease on it does.
    Library { bytes: SharedBytes, _lease: Lease },
}

impl Data {
    /// Bytes of the host.
    pub(crate) const fn host(bytes: Bytes) -> Self {
        Self(Piece::Host(bytes))
    }

    /// The first bytes of a block that was read from a file.
    pub(super) const fn block(block: Block, length: usize) -> Self {
        Self(Piece::File { block, from: 0, to: length })
    }

    /// Bytes of a library, cut to `limit`.
    #[inline(always)]
    pub(crate) fn library(mut bytes: SharedBytes, limit: usize, lease: Lease) -> Self {
        bytes.truncate(limit);
        Self(Piece::Library { bytes, _lease: lease })
    }

    /// At most so many bytes of it.
    pub(crate) fn cut(mut self, length: u64) -> Self {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match &mut self.0 {
            Piece::Host(bytes) => bytes.truncate(length),
            Piece::File { from, to, .. } => *to = (*to).min(from.saturating_add(length)),
            Piece::Library { bytes, .. } => bytes.truncate(length),
        }
        self
    }
}

impl Buf for Data {
    #[inline]
    fn remaining(&self) -> usize {
        match &self.0 {
            Piece::Host(bytes) => bytes.remaining(),
            Piece::File { from, to, .. } => to - from,
            Piece::Library { bytes, .. } => bytes.len(),
        }
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match &self.0 {
            Piece::Host(bytes) => bytes,
            Piece::File { block, from, to } => &block[*from..*to],
            Piece::Library { bytes, .. } => bytes,
        }
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Piece::Host(bytes) => bytes.advance(count),
            Piece::File { from, to, .. } => {
                assert!(count <= *to - *from, "advanced past the end");
                *from += count;
            }
            Piece::Library { bytes, .. } => bytes.advance(count),
        }
    }
}
