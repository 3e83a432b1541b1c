//! The lock that says that a folder's process lives, and the removal of those that do not.
//!
//! Taken once by each process, when it makes its folder. The system drops it with the process,
//! however that ends.
//!
//! Invariant: a folder is removed only under its lock, and used only under its lock.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::platform::files::is_removed;
use crate::platform::rights::{PRIVATE, new_file, owner, user};

/// Makes and takes the lock of a new folder.
///
/// Another process that clears up may find the folder before its lock is held: it makes, locks and
/// removes the file itself. Each of its steps shows here as one of the errors of `is_taken`.
pub(super) fn lock_new(folder: &Path) -> io::Result<File> {
    let lock = new_file(PRIVATE).create_new(true).open(lock_of(folder))?;
    lock.try_lock().map_err(io::Error::from)?;
    // Locked, but after it was removed.
    if is_removed(&lock.metadata()?) {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(lock)
}

/// Whether another process disturbed the making of a folder, so that a new name may do.
pub(super) fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, NotFound, WouldBlock};
    matches!(error.kind(), AlreadyExists | NotFound | WouldBlock)
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Removes what processes of this user left that ended without removing it.
///
/// Whoever gets a folder's lock knows that its process is gone, and may remove it.
pub(super) fn remove_abandoned(base: &Path) -> io::Result<()> {
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let is_ours = entry.metadata().is_ok_and(|it| it.is_dir() && owner(&it) == user());
        if !is_ours || !is_process_folder(&entry.file_name()) {
            continue;
        }
        let folder = entry.path();
        let mut options = new_file(PRIVATE);
        options.create(true).truncate(false);
        // Gone meanwhile, or alive: both are left alone.
        if let Ok(lock) = options.open(lock_of(&folder))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

/// `PID-RANDOM`: sockets and whatever else lies in the same place have other names.
fn is_process_folder(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.split_once('-'));
    parts.is_some_and(|(process, random)| {
        !process.is_empty()
            && process.bytes().all(|one| one.is_ascii_digit())
            && random.len() == 16
            && random.bytes().all(|one| one.is_ascii_hexdigit())
    })
}
