//! The name of a socket in the file system: taken over from the dead only, and removed at the end.
//!
//! Invariant: whoever looks whether a socket is dead and removes it holds the lock of its folder,
//! or two hosts that start together would remove each other's.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::platform::channel::{self, Identity, LONGEST_PATH};
use crate::platform::files::lock_file_of;

/// How long another host may hold the folder's lock, which it does for some system calls.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A name that leads to a socket of this process. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// What has this name at the end may be another host's.
    identity: Identity,
}

/// Why a name cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketFileError {
    /// Somebody listens there.
    #[error("another process listens on the socket `{}`", .0.display())]
    Taken(PathBuf),
    /// A file of the user's, perhaps.
    #[error("`{}` is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The system has no room for it.
    #[error(
        "`{}` is too long for a socket: {length} bytes, and at most {LONGEST_PATH} fit",
        path.display()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        length: usize,
    },
    /// The system refused.
    #[error("cannot make the socket `{}`", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
}

impl SocketFile {
    /// Has `make` put a socket at a path, which is absolute from here on.
    pub(crate) fn make<T>(
        path: &Path,
        make: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<(T, Self), SocketFileError> {
        let system = |source| SocketFileError::System { path: path.to_path_buf(), source };
        let path = std::path::absolute(path).map_err(system)?;
        check_length(&path)?;
        let system = |source| SocketFileError::System { path: path.clone(), source };
        let _lock = lock(path.parent().unwrap_or(Path::new("/"))).map_err(system)?;
        match state(&path).map_err(system)? {
            State::Absent => {}
            State::Dead => fs::remove_file(&path).map_err(system)?,
            State::Alive => return Err(SocketFileError::Taken(path)),
            State::Other => return Err(SocketFileError::NotASocket(path)),
        }
        let made = make(&path).map_err(system)?;
        let identity = channel::identity(&path).map_err(system)?;
        Ok((made, Self { path, identity }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Some(_lock) = self.path.parent().and_then(|folder| lock(folder).ok()) else { return };
        if channel::identity(&self.path).is_ok_and(|found| found == self.identity) {
            // A file that cannot be removed is taken over by the next host.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Refuses a path that is longer than the system takes.
pub(crate) fn check_length(path: &Path) -> Result<(), SocketFileError> {
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        return Err(SocketFileError::TooLong { path: path.to_path_buf(), length });
    }
    Ok(())
}

/// Removes a socket on which nobody listens.
pub(crate) fn remove_dead(path: &Path) -> io::Result<()> {
    let _lock = lock(path.parent().unwrap_or(Path::new("/")))?;
    match state(path)? {
        State::Dead => fs::remove_file(path),
        State::Absent | State::Alive | State::Other => Ok(()),
    }
}

/// What has a socket's name.
enum State {
    Absent,
    Dead,
    Alive,
    Other,
}

fn state(path: &Path) -> io::Result<State> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::Absent),
        Err(error) => return Err(error),
        Ok(found) if !channel::is_channel(path, &found) => return Ok(State::Other),
        Ok(_) => {}
    }
    match channel::connect(path) {
        Ok(_) => Ok(State::Alive),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(State::Dead),
        Err(error) => Err(error),
    }
}

fn lock(folder: &Path) -> io::Result<File> {
    let file = lock_file_of(folder)?;
    let until = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
