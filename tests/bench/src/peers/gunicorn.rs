//! gunicorn: another file, HUP to the master, which starts new workers and ends the old.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::{Kind, Peer, Put, Told, files, python};
use crate::client::Version;
use crate::process::{Server, free_address, pinned};
use crate::tools::GUNICORN;

pub(super) const HUP: Kind =
    Kind { name: "gunicorn, HUP", every: Duration::from_secs(2), faults: python::FAULTS, start };

/// A server of Python's that loads its application again when it is sent HUP.
pub(super) struct Reloaded {
    pub(super) server: Server,
    pub(super) file: PathBuf,
}

fn start(core: usize, folder: &Path) -> Result<Box<dyn Peer>> {
    let program = GUNICORN.find()?;
    let folder = files::folder(folder, "gunicorn")?;
    let file = folder.join(python::FILE);
    files::put(&file, python::source(Put::Sound(Version::A))?)?;
    let address = free_address()?;
    let mut command = pinned(core, program)?;
    command.args(["--bind", &address.to_string(), "--workers", "2"]);
    command.args(["--worker-class", "gthread", "--threads", "16", "--keep-alive", "60"]);
    command.arg("--chdir").arg(&folder).arg(python::APPLICATION);
    // A compiled file is told by the second and the length, and would be taken for the next one.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let server = Server::listening(command, address, &folder.join("log")).context("`gunicorn`")?;
    Ok(Box::new(Reloaded { server, file }))
}

impl Peer for Reloaded {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn put(&mut self, put: Put) -> Result<Told> {
        files::put(&self.file, python::source(put)?)?;
        self.server.signal(Signal::HUP)?;
        Ok(Told::Taken)
    }
}
