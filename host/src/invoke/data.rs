//! Bytes of a response on their way to the transport.

use bytes::{Buf, Bytes};
use dsgi::bridge::bytes::SharedBytes;
use http::HeaderMap;

use super::file::Block;
use crate::lease::Lease;

/// One piece of a body. Bytes of a library hold a lease on it until the transport has taken them.
#[derive(Debug)]
pub(crate) struct Data(Piece);

/// What a body is made of.
#[derive(Debug)]
pub(super) enum Made {
    Data(Data),
    /// Nothing follows them.
    Trailers(Box<HeaderMap>),
}

#[derive(Debug)]
enum Piece {
    Host(Bytes),
    // Drop order: the bytes go back to their library before the lease on it does.
    Library { bytes: SharedBytes, _lease: Lease },
}

impl Made {
    /// Bytes of it.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Data(data) => data.remaining(),
            Self::Trailers(_) => 0,
        }
    }
}

impl Data {
    /// Bytes of the host.
    pub(crate) const fn host(bytes: Bytes) -> Self {
        Self(Piece::Host(bytes))
    }

    /// The first bytes of a block that was read from a file.
    pub(super) fn block(block: Block, length: usize) -> Self {
        // As bytes of the host: a third kind of piece would cost each of the others.
        let mut bytes = Bytes::from_owner(block);
        bytes.truncate(length);
        Self(Piece::Host(bytes))
    }

    /// Bytes of a library, cut to `limit`.
    #[inline(always)]
    pub(crate) fn library(mut bytes: SharedBytes, limit: usize, lease: Lease) -> Self {
        bytes.truncate(limit);
        Self(Piece::Library { bytes, _lease: lease })
    }

    /// The same as bytes that can be shared.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self.0 {
            Piece::Host(bytes) => bytes,
            Piece::Library { .. } => Bytes::from_owner(self),
        }
    }

    /// At most so many bytes of it.
    pub(crate) fn cut(mut self, length: u64) -> Self {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match &mut self.0 {
            Piece::Host(bytes) => bytes.truncate(length),
            Piece::Library { bytes, .. } => bytes.truncate(length),
        }
        self
    }
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        self.chunk()
    }
}

impl Buf for Data {
    #[inline]
    fn remaining(&self) -> usize {
        match &self.0 {
            Piece::Host(bytes) => bytes.remaining(),
            Piece::Library { bytes, .. } => bytes.len(),
        }
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match &self.0 {
            Piece::Host(bytes) => bytes,
            Piece::Library { bytes, .. } => bytes,
        }
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Piece::Host(bytes) => bytes.advance(count),
            Piece::Library { bytes, .. } => bytes.advance(count),
        }
    }
}
