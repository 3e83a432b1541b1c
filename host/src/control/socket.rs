//! The control socket: private, in a folder that nobody else can put another one into.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Place;
use crate::platform::channel::{self, Listener};
use crate::platform::rights::{mode, new_folder, owner, user};
use crate::socket_file::{SocketFile, SocketFileError, check_length};

/// A bound control socket. Dropping it removes its file.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: Listener,
    file: SocketFile,
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ControlError {
    /// Another host has it.
    #[error("another host listens on the control socket `{}`", .0.display())]
    Taken(PathBuf),
    /// Something else is in its place.
    #[error(transparent)]
    File(SocketFileError),
    /// The folder is somebody else's.
    #[error("`{}` belongs to user {owner}, and must belong to user {user}", folder.display())]
    ForeignOwner {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// This process's user.
        user: u32,
    },
    /// Others could put a socket there.
    #[error("`{}` is open to other users: its mode is {mode:o}", folder.display())]
    OpenToOthers {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused.
    #[error("cannot make the control socket `{}`", path.display())]
    System {
        /// The path.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
}

impl ControlError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        let text = match self {
            Self::Taken(_) => "give this host another name: --name NAME",
            Self::File(SocketFileError::NotASocket(_)) => {
                "remove it, or choose another place: --control SOCKET"
            }
            Self::ForeignOwner { .. } | Self::OpenToOthers { .. } => {
                "choose a folder of your own, closed to others (mode 700): --control SOCKET"
            }
            Self::File(_) | Self::System { .. } => "choose another place: --control SOCKET",
        };
        Some(String::from(text))
    }
}

impl Socket {
    /// Makes the socket, and its folder where it is missing.
    pub(crate) fn bind(place: &Place) -> Result<Self, ControlError> {
        let path = place.socket();
        let system = |source| ControlError::System { path: path.clone(), source };
        let path = std::path::absolute(&path).map_err(system)?;
        check_length(&path)?;
        let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let system = |source| ControlError::System { path: path.clone(), source };
        new_folder().recursive(true).create(&folder).map_err(system)?;
        check_folder(&folder, place).map_err(|error| error.unwrap_or_else(system))?;
        let (listener, file) = SocketFile::make(&path, channel::bind)?;
        Ok(Self { listener, file })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// A second descriptor of it, which waits for nothing.
    pub(super) fn listener(&self) -> io::Result<Listener> {
        self.listener.set_nonblocking(true)?;
        self.listener.try_clone()
    }
}

impl From<SocketFileError> for ControlError {
    fn from(error: SocketFileError) -> Self {
        match error {
            SocketFileError::Taken(path) => Self::Taken(path),
            SocketFileError::System { path, source } => Self::System { path, source },
            error => Self::File(error),
        }
    }
}

/// Where clients look, the folder must be private. One that the user named may be anybody's who
/// cannot exchange files in it: others may write to it only when it is sticky, as /tmp.
fn check_folder(folder: &Path, place: &Place) -> Result<(), Result<ControlError, io::Error>> {
    let found = fs::metadata(folder).map_err(Err)?;
    let (owner, user, mode) = (owner(&found), user(), mode(&found));
    let folder = folder.to_path_buf();
    let (owned, private) = match place {
        Place::Named(_) => (owner == user, mode & 0o077 == 0),
        Place::At(_) => (owner == user || owner == 0, mode & 0o022 == 0 || mode & 0o1000 != 0),
    };
    match (owned, private) {
        (true, true) => Ok(()),
        (false, _) => Err(Ok(ControlError::ForeignOwner { folder, owner, user })),
        (true, false) => Err(Ok(ControlError::OpenToOthers { folder, mode })),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::socket_file::remove_dead;

    fn at(folder: &Path) -> Place {
        Place::At(folder.join("c.sock"))
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn it_is_private_and_goes_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let socket = Socket::bind(&at(&inner)).unwrap();
        assert_eq!((mode(&inner), mode(socket.path())), (0o700, 0o600));
        let path = socket.path().to_path_buf();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_dead_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "no stale socket");
        let socket = Socket::bind(&at(folder.path())).unwrap();
        assert!(matches!(Socket::bind(&at(folder.path())), Err(ControlError::Taken(_))));
        remove_dead(&path).unwrap();
        assert!(path.exists(), "a living one was removed");

        // Somebody else took the name: theirs stays.
        fs::remove_file(&path).unwrap();
        let theirs = UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        drop(theirs);
        remove_dead(&path).unwrap();
        assert!(!path.exists());

        fs::write(&path, "mine").unwrap();
        assert!(matches!(
            Socket::bind(&at(folder.path())),
            Err(ControlError::File(SocketFileError::NotASocket(_)))
        ));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn folders_that_others_can_write_to_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let judge = |mode, place: &Place| {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            check_folder(folder.path(), place).map_err(|error| error.unwrap())
        };
        let (named, placed) = (Place::Named(String::from("x")), at(folder.path()));
        assert!(judge(0o700, &named).is_ok() && judge(0o700, &placed).is_ok());
        assert!(judge(0o755, &placed).is_ok() && judge(0o1777, &placed).is_ok());
        for (mode, place) in [(0o755, &named), (0o1777, &named), (0o777, &placed)] {
            assert!(matches!(judge(mode, place), Err(ControlError::OpenToOthers { .. })));
        }
    }

    #[test]
    fn a_path_must_fit() {
        let place = Place::At(PathBuf::from(format!("/tmp/{}/c.sock", "x".repeat(120))));
        assert!(matches!(
            Socket::bind(&place),
            Err(ControlError::File(SocketFileError::TooLong { .. }))
        ));
    }
}
