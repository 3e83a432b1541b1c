//! Room for a block of a file. A thread keeps a few of them for the next one: to ask the system for
//! as much memory costs more than to read it.

use std::cell::RefCell;
use std::fmt;

use crate::limits::{FILE_BLOCK_BYTES, FILE_BLOCKS_KEPT};

/// One block. Dropping it keeps it for this thread's next one.
pub(in crate::invoke) struct Block(Box<[u8]>);

thread_local! {
    static KEPT: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

impl Block {
    /// Room of unknown content.
    pub(super) fn take() -> Self {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        Self(kept.unwrap_or_else(|| vec![0; FILE_BLOCK_BYTES].into()))
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Block {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.0);
        // At the end of a thread nothing is kept any more.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < FILE_BLOCKS_KEPT {
                kept.push(room);
            }
        });
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} bytes)", self.0.len())
    }
}
