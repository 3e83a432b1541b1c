//! Blocks that are lent to whoever sends them: how many bytes were not given back yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bridge::bytes::SharedBytes;

/// What is lent of one body.
#[derive(Debug, Default)]
pub(super) struct Lent {
    kept: Arc<AtomicU64>,
    largest: u64,
}

/// A block, and where it is counted.
struct Block {
    bytes: SharedBytes,
    kept: Arc<AtomicU64>,
}

impl Lent {
    /// The same block, counted until it is released. Its bytes stay where they are.
    pub(super) fn lend(&mut self, bytes: SharedBytes) -> SharedBytes {
        let length = bytes.len() as u64;
        self.largest = self.largest.max(length);
        self.kept.fetch_add(length, Ordering::AcqRel);
        SharedBytes::from_owner(Block { bytes, kept: Arc::clone(&self.kept) })
    }

    /// Bytes that were not given back, and the length of the largest block there was.
    pub(super) fn kept(&self) -> (u64, u64) {
        (self.kept.load(Ordering::Acquire), self.largest)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.kept.fetch_sub(self.bytes.len() as u64, Ordering::AcqRel);
    }
}
