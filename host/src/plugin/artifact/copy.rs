//! One private copy of a library, as a file or in memory.
//!
//! Written by the private folder, owned by an artifact. Invariant: nobody writes to it after it
//! was made, no path is used twice while the process lives or the copy is open, and it goes with
//! its owner.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;

use rustix::fs::StatVfsMountFlags;

use super::staging::Folder;

/// A copy; its file goes with it.
#[derive(Debug)]
pub(super) struct PrivateCopy {
    place: Place,
    // The folder stays while a copy is in it.
    _folder: Arc<Folder>,
}

/// Where the bytes of copies go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// Files of the folder.
    Disk,
    /// Anonymous files: nothing in a folder mounted `noexec` can be mapped as code.
    Memory,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Memory(OwnedFd),
}

impl Medium {
    /// The one that suits a mount.
    pub(super) fn of(flags: StatVfsMountFlags) -> Self {
        if flags.contains(StatVfsMountFlags::NOEXEC) { Self::Memory } else { Self::Disk }
    }
}

impl PrivateCopy {
    /// Writes a copy; what there is of it goes when that fails.
    pub(super) fn write(
        folder: &Arc<Folder>,
        medium: Medium,
        name: &OsStr,
        bytes: &[u8],
    ) -> io::Result<Self> {
        let owned = |place| Self { place, _folder: Arc::clone(folder) };
        match medium {
            Medium::Disk => {
                let path = folder.path().join(name);
                let mut options = OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o400).open(&path)?;
                let copy = owned(Place::File(path));
                file.write_all(bytes)?;
                Ok(copy)
            }
            Medium::Memory => Ok(owned(Place::Memory(sealed(name, bytes)?))),
        }
    }

    /// The path under which this process and its children find the copy.
    pub(super) fn path(&self) -> PathBuf {
        match &self.place {
            Place::File(path) => path.clone(),
            // Not `self`: a probe in a child process opens the same file.
            Place::Memory(fd) => {
                PathBuf::from(format!("/proc/{}/fd/{}", process::id(), fd.as_raw_fd()))
            }
        }
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        if let Place::File(path) = &self.place {
            // A copy that cannot be removed goes with its folder, at the latest.
            let _ = fs::remove_file(path);
        }
    }
}

/// An anonymous file that can be mapped as code, and never changed again.
#[cfg(target_os = "linux")]
fn sealed(name: &OsStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use rustix::io::Errno;

    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Before Linux 6.3 the flag is unknown and every such file can be mapped as code.
    let fd = match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, flags)?,
        other => other?,
    };
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    Ok(file.into())
}

#[cfg(not(target_os = "linux"))]
fn sealed(_: &OsStr, _: &[u8]) -> io::Result<OwnedFd> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "the private folder is mounted noexec"))
}
