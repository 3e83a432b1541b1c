//! The private folder of this process, where copies of libraries lie while they are mapped.
//!
//! Opened once at start. Every process has a folder of its own below one that only its user may
//! enter; a locked file in it says that the process lives, so that the next one can clear up after
//! one that crashed.
//!
//! Invariant: no folder is removed while its process lives, and nothing outside of such folders.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use super::copy::{Medium, PrivateCopy};
use super::lock::{is_taken, lock_new, remove_abandoned};
use crate::platform::rights::{mode, new_folder, owner, user};

/// The private folder; clones are the same one, which goes with the last of them and of its copies.
#[derive(Clone, Debug)]
pub(crate) struct Staging(Arc<Folder>);

/// Why there is no private folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum StagingError {
    /// It could not be made.
    #[error("cannot make the private folder `{}`", folder.display())]
    Create {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Something else has its name.
    #[error("`{}` is {found}, and must be a folder", folder.display())]
    NotAFolder {
        /// The path.
        folder: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// Somebody else made it.
    #[error("`{}` belongs to user {owner}, and must belong to user {user}", folder.display())]
    ForeignOwner {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// This process's user.
        user: u32,
    },
    /// Others could put libraries there.
    #[error("`{}` is open to other users: its mode is {mode:o}, and must be 700", folder.display())]
    OpenToOthers {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The folder itself, which every copy in it holds.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    medium: Medium,
    copies: AtomicU64,
    // Locked as long as it is open.
    _lock: File,
}

impl Staging {
    /// Makes the folder, and removes those of earlier processes of this user that crashed.
    ///
    /// # Errors
    /// It cannot be made, or would not be private.
    pub(crate) fn open() -> Result<Self, StagingError> {
        let (runtime, temporary) = environment();
        Self::open_in(&base(runtime, &temporary))
    }

    pub(super) fn open_in(base: &Path) -> Result<Self, StagingError> {
        let failed = |source| StagingError::Create { folder: base.to_path_buf(), source };
        make_private(base)?;
        remove_abandoned(base).map_err(failed)?;
        let medium = Medium::of(base).map_err(failed)?;
        Self::make(base, medium).map_err(failed)
    }

    pub(super) fn make(base: &Path, medium: Medium) -> io::Result<Self> {
        const TRIES: usize = 100;
        for _ in 0..TRIES {
            let random = RandomState::new().build_hasher().finish();
            let path = base.join(format!("{}-{random:016x}", process::id()));
            match new_folder().create(&path).and_then(|()| lock_new(&path)) {
                Ok(lock) => {
                    let copies = AtomicU64::new(0);
                    return Ok(Self(Arc::new(Folder { path, medium, copies, _lock: lock })));
                }
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("every attempt was disturbed by another process"))
    }

    /// Where the copies lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.path
    }

    /// Removes the folder now: for an end of the process that drops nothing. What is mapped from
    /// it stays mapped.
    pub(crate) fn clear(&self) {
        self.0.remove();
    }

    /// Writes a copy that no earlier one had the path of.
    pub(super) fn copy(&self, source: &Path, bytes: &[u8]) -> io::Result<PrivateCopy> {
        let number = self.0.copies.fetch_add(1, Ordering::Relaxed);
        let name = source.file_name().unwrap_or_default();
        let mut unique = OsString::from(format!("{number}-"));
        // The original's name, for those who read backtraces; 255 bytes is a name's limit.
        match name.len() {
            ..=200 => unique.push(name),
            _ => unique.push(name.to_string_lossy().chars().take(50).collect::<String>()),
        }
        PrivateCopy::write(&self.0, self.0.medium, &unique, bytes)
    }
}

impl StagingError {
    /// What the user can do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Create { .. } => {
                Some("name a folder that can be written in `XDG_RUNTIME_DIR` or `TMPDIR`".into())
            }
            Self::NotAFolder { folder, .. } | Self::ForeignOwner { folder, .. } => Some(format!(
                "remove `{}`, or name another folder in `XDG_RUNTIME_DIR` or `TMPDIR`",
                folder.display()
            )),
            Self::OpenToOthers { folder, .. } => {
                Some(format!("make it private: `chmod 700 {}`", folder.display()))
            }
        }
    }
}

impl Folder {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        // What is left is removed by the next process, which gets the lock.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The only place where this part of the host looks at its environment.
fn environment() -> (Option<PathBuf>, PathBuf) {
    (env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), env::temp_dir())
}

/// The folder of all processes of this user. `sudo` keeps the runtime folder of somebody else in
/// the environment, and a container may name one that does not exist; both count as none.
pub(super) fn base(runtime: Option<PathBuf>, temporary: &Path) -> PathBuf {
    let user = user();
    let is_ours = |folder: &PathBuf| {
        folder.is_absolute()
            && fs::metadata(folder).is_ok_and(|it| it.is_dir() && owner(&it) == user)
    };
    match runtime.filter(is_ours) {
        Some(runtime) => runtime.join("dsgi"),
        None => temporary.join(format!("dsgi-{user}")),
    }
}

/// Anybody may make a folder of this name in the temporary folder first, or a symlink.
pub(super) fn make_private(path: &Path) -> Result<(), StagingError> {
    let failed = |source| StagingError::Create { folder: path.to_path_buf(), source };
    match new_folder().create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    check_private(path, &fs::symlink_metadata(path).map_err(failed)?)
}

fn check_private(path: &Path, found: &Metadata) -> Result<(), StagingError> {
    let (folder, user) = (path.to_path_buf(), user());
    if !found.is_dir() {
        let found = if found.is_symlink() { "a symlink" } else { "something else" };
        return Err(StagingError::NotAFolder { folder, found });
    }
    let owner = owner(found);
    if owner != user {
        return Err(StagingError::ForeignOwner { folder, owner, user });
    }
    let mode = mode(found);
    if mode & 0o077 != 0 {
        return Err(StagingError::OpenToOthers { folder, mode });
    }
    Ok(())
}
