//! The bytes of a whole file, for as long as somebody looks at them.
//!
//! Used wherever a library's file is read, on the many short-lived threads of deploys. A heap
//! may keep for later what was given back to it: glibc does, for each of its arenas, once a buffer
//! of that size was freed. Invariant: the memory is mapped for these bytes alone, and is the
//! system's again with their owner's end.

use std::io::{self, ErrorKind, Read};
use std::ops::Deref;

use memmap2::MmapMut;

/// What was read; it stands for its bytes.
#[derive(Debug)]
pub(crate) struct FileBytes {
    memory: MmapMut,
    length: usize,
}

impl FileBytes {
    /// Reads up to the end, or as many bytes as these, whatever comes first.
    ///
    /// # Errors
    /// When there is no such room, or they cannot be read.
    pub(super) fn read(mut from: impl Read, most: usize) -> io::Result<Self> {
        let mut bytes = Self { memory: MmapMut::map_anon(most)?, length: 0 };
        while bytes.length < most {
            match from.read(&mut bytes.memory[bytes.length..most]) {
                Ok(0) => break,
                Ok(read) => bytes.length += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_or_the_room_ends_it() {
        let ends = [(0, ""), (2, "ab"), (5, "abcde"), (6, "abcdef"), (9, "abcdef")];
        for (most, expected) in ends {
            let pieces = (&b"abc"[..]).chain(&b"def"[..]);
            assert_eq!(*FileBytes::read(pieces, most).unwrap(), *expected.as_bytes(), "{most}");
        }
    }
}
