//! Files beyond what std tells of them: what a path leads to, which file it is, when it was
//! written, and how a part of it is read.

pub(crate) use self::cached::read_cached;
pub(crate) use self::system::{
    changed, identity, is_removed, kind, lock_file_of, modified, open_to_read, out_of_descriptors,
    read_at, sync_folder,
};

#[cfg(all(target_os = "linux", not(dsgi_portable)))]
mod cached {
    use std::fs::File;
    use std::io::{self, IoSliceMut};

    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    /// Reads what the system has in memory; `None` where it would have to wait, or cannot tell.
    pub(crate) fn read_cached(
        file: &File,
        into: &mut [u8],
        offset: u64,
    ) -> io::Result<Option<usize>> {
        match preadv2(file, &mut [IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(Some(read)),
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(any(not(target_os = "linux"), dsgi_portable))]
mod cached {
    use std::fs::File;
    use std::io;

    /// Nobody can tell.
    pub(crate) fn read_cached(_: &File, _: &mut [u8], _: u64) -> io::Result<Option<usize>> {
        Ok(None)
    }
}

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::fs::{File, FileType, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::io::Errno;

    /// Opens whatever lies at a path. A FIFO without a writer would make a plain open wait for
    /// one, and a terminal would become this process's own.
    pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed()).open(path)
    }

    /// What a user calls something that is neither file nor folder.
    pub(crate) fn kind(kind: FileType) -> &'static str {
        if kind.is_fifo() {
            "a FIFO"
        } else if kind.is_socket() {
            "a socket"
        } else if kind.is_block_device() || kind.is_char_device() {
            "a device"
        } else {
            "something else"
        }
    }

    /// Device and inode: two files never share them while both are there.
    pub(crate) fn identity(found: &Metadata) -> (u64, u64) {
        (found.dev(), found.ino())
    }

    /// When its bytes were written, in nanoseconds.
    pub(crate) fn modified(found: &Metadata) -> i128 {
        nanoseconds(found.mtime(), found.mtime_nsec())
    }

    /// When anything of it changed, which nobody can set.
    pub(crate) fn changed(found: &Metadata) -> i128 {
        nanoseconds(found.ctime(), found.ctime_nsec())
    }

    fn nanoseconds(seconds: i64, rest: i64) -> i128 {
        i128::from(seconds) * 1_000_000_000 + i128::from(rest)
    }

    /// Whether an open file has no name any more.
    pub(crate) fn is_removed(open: &Metadata) -> bool {
        open.nlink() == 0
    }

    /// Whether no further file may be opened; std has no word for that.
    pub(crate) fn out_of_descriptors(error: &io::Error) -> bool {
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }

    /// Reads from a place in a file, wherever its own position is.
    pub(crate) fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(into, offset)
    }

    /// Has the system write down what a folder contains.
    pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// What can be locked to keep others from changing a folder: the folder.
    pub(crate) fn lock_file_of(folder: &Path) -> io::Result<File> {
        File::open(folder)
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::fs::{File, FileType, Metadata, OpenOptions};
    use std::io::{self, Read, Seek, SeekFrom};
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};
    use std::time::{Duration, SystemTime};

    pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
        // A folder cannot be opened everywhere, and is to be told from what may not be read.
        match std::fs::metadata(path)?.is_file() {
            true => File::open(path),
            false => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(crate) fn kind(_: FileType) -> &'static str {
        "something else"
    }

    /// All files look alike: size and times have to tell them apart.
    pub(crate) fn identity(_: &Metadata) -> (u64, u64) {
        (0, 0)
    }

    pub(crate) fn modified(found: &Metadata) -> i128 {
        let time = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
    }

    pub(crate) fn changed(found: &Metadata) -> i128 {
        modified(found)
    }

    pub(crate) fn is_removed(_: &Metadata) -> bool {
        false
    }

    /// What it is called differs from system to system.
    pub(crate) fn out_of_descriptors(_: &io::Error) -> bool {
        false
    }

    /// By the file's own position, which clones of it share: one thread after the other.
    pub(crate) fn read_at(mut file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        static POSITIONS: Mutex<()> = Mutex::new(());
        let _positions = POSITIONS.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read(into)
    }

    /// Folders are written down with what is in them, or not at all.
    pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }

    /// A file in it, which stays.
    pub(crate) fn lock_file_of(folder: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("control.lock"))
    }
}
