//! Which hosts there are, and which one is meant.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::ClientError;
use crate::cli::Reach;
use crate::control::{Place, folder};
use crate::platform::channel::connect;
use crate::socket_file::remove_dead;

/// The socket of the host that is meant.
pub(super) fn one(reach: &Reach) -> Result<PathBuf, ClientError> {
    if let Some(socket) = named(reach) {
        return Ok(socket);
    }
    let folder = folder();
    let mut sockets = alive(&folder);
    match (sockets.pop(), sockets.len()) {
        (None, _) => Err(ClientError::NoHost(folder)),
        (Some(socket), 0) => Ok(socket),
        (Some(socket), _) => {
            sockets.push(socket);
            Err(ClientError::Several(sockets.iter().map(|socket| name(socket)).collect()))
        }
    }
}

/// The sockets of all hosts of this user, or of the one that is meant.
pub(super) fn all(reach: &Reach) -> Result<Vec<PathBuf>, ClientError> {
    if let Some(socket) = named(reach) {
        return Ok(vec![socket]);
    }
    let folder = folder();
    let sockets = alive(&folder);
    if sockets.is_empty() { Err(ClientError::NoHost(folder)) } else { Ok(sockets) }
}

fn named(reach: &Reach) -> Option<PathBuf> {
    let place = match (&reach.control, &reach.name) {
        (Some(socket), _) => Place::At(socket.clone()),
        (None, Some(name)) => Place::Named(name.clone()),
        (None, None) => return None,
    };
    Some(place.socket())
}

/// Sockets on which somebody listens, by name. The others are left over from hosts that were
/// killed, and removed.
fn alive(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sockets = entries.map(|entry| entry.path());
    let sockets = sockets.filter(|path| path.extension() == Some(OsStr::new("sock")));
    let mut alive: Vec<PathBuf> = sockets.filter(|path| is_alive(path)).collect();
    alive.sort();
    alive
}

fn is_alive(socket: &Path) -> bool {
    match connect(socket) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            // It is not in the way if it cannot be removed.
            let _ = remove_dead(socket);
            false
        }
        // Gone meanwhile, or nothing of ours.
        Err(_) => false,
    }
}

/// What `--name` takes for this socket.
pub(super) fn name(socket: &Path) -> String {
    socket.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
