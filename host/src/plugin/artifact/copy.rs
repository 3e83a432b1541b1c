//! One private copy of a library, as a file or in memory.
//!
//! Written by the private folder, owned by an artifact. Invariant: nobody writes to it after it
//! was made, no path is used twice while the process lives or the copy is open, and it goes with
//! its owner.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::staging::Folder;
use crate::platform::memory::{Sealed, maps_code};
use crate::platform::rights::{READ_ONLY, new_file};

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
    Memory(Sealed),
}

impl Medium {
    /// The one that suits a folder.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        Ok(if maps_code(folder)? { Self::Disk } else { Self::Memory })
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
                let mut file = new_file(READ_ONLY).create_new(true).open(&path)?;
                let copy = owned(Place::File(path));
                file.write_all(bytes)?;
                Ok(copy)
            }
            Medium::Memory => Ok(owned(Place::Memory(Sealed::write(name, bytes)?))),
        }
    }

    /// The path under which this process and its children find the copy.
    pub(super) fn path(&self) -> PathBuf {
        match &self.place {
            Place::File(path) => path.clone(),
            Place::Memory(sealed) => sealed.path(),
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
