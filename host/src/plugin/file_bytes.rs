//! The bytes of a whole file, for as long as somebody looks at them.
//!
//! Used wherever a library's file is read, on the many short-lived threads of deploys. A heap
//! may keep for later what was given back to it: glibc does, for each of its arenas, once a buffer
//! of that size was freed. Invariant: the memory is mapped for these bytes alone, and is the
//! system's again with their owner's end.
#![allow(unsafe_code, reason = "maps files that others may write to")]

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;

use memmap2::{Mmap, MmapMut};

/// What was read; it stands for its bytes.
#[derive(Debug)]
pub(crate) enum FileBytes {
    /// As it was then.
    Read { memory: MmapMut, length: usize },
    /// The file itself, of which only those parts are fetched that somebody looks at.
    Mapped(Mmap),
}

impl FileBytes {
    /// Reads up to the end, or as many bytes as these, whatever comes first.
    ///
    /// # Errors
    /// When there is no such room, or they cannot be read.
    pub(super) fn read(mut from: impl Read, most: usize) -> io::Result<Self> {
        let (mut memory, mut length) = (MmapMut::map_anon(most)?, 0);
        while length < most {
            match from.read(&mut memory[length..most]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self::Read { memory, length })
    }

    /// Maps a file that the dynamic linker of this process maps too: for a look at some of it.
    /// Nothing that outlives the look may depend on what is there.
    ///
    /// # Errors
    /// When the system does not map it.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: nobody should write to it, and that cannot be made sure of. Whoever does, or
        // cuts it, ends the process by the linker's map of it all the same.
        unsafe { Mmap::map(file) }.map(Self::Mapped)
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read { memory, length } => &memory[..*length],
            Self::Mapped(memory) => memory,
        }
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

    #[test]
    fn a_file_is_mapped_as_long_as_it_is() {
        for text in ["", "abc"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(*FileBytes::map(file.as_file()).unwrap(), *text.as_bytes());
        }
    }
}
