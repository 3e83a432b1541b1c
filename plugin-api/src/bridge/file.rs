//! A range of an open file as a body: the host sends it without the library's help.

use std::fs::File;
use std::io;

use super::body::Stream;

/// A range of a file, and who is told how sending it ended.
#[derive(Debug)]
pub struct FileRange {
    /// An open file. Its own position is neither used nor changed where the system allows.
    pub file: File,
    /// First byte to send.
    pub offset: u64,
    /// Number of bytes to send.
    pub length: u64,
    /// Is only closed, with the outcome and the bytes that were sent.
    pub end: Option<Stream>,
}

/// Bytes of one block that [`FileRange::block`] reads.
const BLOCK: u64 = 64 * 1024;

impl FileRange {
    /// The next block of the range, which it leaves shorter; `None` after the last one. Waits
    /// where the disk has to be read.
    pub(crate) fn block(&mut self) -> Option<io::Result<Vec<u8>>> {
        if self.length == 0 {
            return None;
        }
        let most = usize::try_from(self.length.min(BLOCK)).unwrap_or_default();
        let mut block = vec![0; most];
        Some(match read_at(&self.file, &mut block, self.offset) {
            Ok(0) => Err(short(std::mem::take(&mut self.length))),
            Ok(read) => {
                block.truncate(read);
                self.offset += read as u64;
                self.length -= read as u64;
                Ok(block)
            }
            Err(error) => Err(error),
        })
    }
}

#[cold]
fn short(left: u64) -> io::Error {
    let what = format!("the file is {left} bytes shorter than its body was said to be");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

/// As [`read`], whatever interrupts it.
fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match read(file, into, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;

#[cfg(unix)]
fn read(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(into, offset)
}

#[cfg(windows)]
fn read(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(into, offset)
}

#[cfg(not(any(unix, windows)))]
fn read(mut file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(offset))?;
    file.read(into)
}

/// The descriptor, which passes to the other side; -1 where files have none.
pub(super) fn into_raw(file: File) -> i64 {
    #[cfg(unix)]
    {
        std::os::fd::IntoRawFd::into_raw_fd(file).into()
    }
    #[cfg(windows)]
    {
        std::os::windows::io::IntoRawHandle::into_raw_handle(file) as i64
    }
    #[cfg(not(any(unix, windows)))]
    {
        drop(file);
        -1
    }
}

/// Takes a descriptor that the other side handed over; `None` for what cannot be one.
///
/// # Safety
/// It is open, and nobody else closes it.
pub(super) unsafe fn from_raw(raw: i64) -> Option<File> {
    #[cfg(unix)]
    {
        let raw = i32::try_from(raw).ok().filter(|raw| *raw >= 0)?;
        // SAFETY: the caller's promise.
        Some(unsafe { std::os::fd::FromRawFd::from_raw_fd(raw) })
    }
    #[cfg(windows)]
    {
        let raw = (raw != -1 && raw != 0).then_some(raw as std::os::windows::io::RawHandle)?;
        // SAFETY: the caller's promise.
        Some(unsafe { std::os::windows::io::FromRawHandle::from_raw_handle(raw) })
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = raw;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn range(bytes: &[u8], offset: u64, length: u64) -> FileRange {
        let name = format!("dsgi-file-{}-{offset}-{length}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut open = File::options();
        let mut file =
            open.read(true).write(true).create_new(true).open(&path).expect("a new file");
        std::fs::remove_file(path).expect("it is there");
        file.write_all(bytes).expect("it can be written");
        FileRange { file, offset, length, end: None }
    }

    #[test]
    fn a_range_is_read_in_blocks_and_ends() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let mut range = range(&bytes, 1_000, 150_000);
        let mut read = Vec::new();
        while let Some(block) = range.block() {
            read.extend(block.expect("it can be read"));
        }
        assert_eq!(read, bytes[1_000..151_000]);
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error_once() {
        let mut range = range(b"abc", 1, 5);
        assert_eq!(range.block().expect("a block").expect("what is there"), b"bc");
        let error = range.block().expect("an end").expect_err("an error");
        let said = "the file is 3 bytes shorter than its body was said to be";
        assert_eq!(error.to_string(), said);
        assert!(range.block().is_none());
    }
}
