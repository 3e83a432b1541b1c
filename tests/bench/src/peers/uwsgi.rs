//! uWSGI behind its own HTTP router: another file, and a touch of the file that it watches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Kind, Peer, Put, Told, files, python};
use crate::client::Version;
use crate::process::{Server, free_address, pinned};
use crate::tools::UWSGI;

pub(super) const RELOAD: Kind = Kind {
    name: "uWSGI, touch-reload",
    every: Duration::from_secs(4),
    faults: python::FAULTS,
    start: |core, folder| start(core, folder, "--touch-reload"),
};

/// One worker after another.
pub(super) const CHAIN: Kind = Kind {
    name: "uWSGI, touch-chain-reload",
    every: Duration::from_secs(4),
    faults: python::FAULTS,
    start: |core, folder| start(core, folder, "--touch-chain-reload"),
};

struct Uwsgi {
    server: Server,
    file: PathBuf,
    touched: PathBuf,
}

fn start(core: usize, folder: &Path, how: &str) -> Result<Box<dyn Peer>> {
    let program = UWSGI.find()?;
    let folder = files::folder(folder, "uwsgi")?;
    let (file, touched) = (folder.join(python::FILE), folder.join("touched"));
    files::put(&file, python::source(Put::Sound(Version::A))?)?;
    files::put(&touched, "")?;
    let address = free_address()?;
    let mut command = pinned(core, program)?;
    command.args(["--plugins", "http,python3", "--http", &address.to_string()]);
    command.args(["--http-keepalive=60", "--master", "--die-on-term", "--lazy-apps"]);
    command.args(["--processes", "2", "--threads", "16", "--disable-logging"]);
    command.arg(how).arg(&touched).arg("--wsgi-file").arg(&file);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let server = Server::listening(command, address, &folder.join("log")).context("`uwsgi`")?;
    Ok(Box::new(Uwsgi { server, file, touched }))
}

impl Peer for Uwsgi {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn put(&mut self, put: Put) -> Result<Told> {
        files::put(&self.file, python::source(put)?)?;
        files::put(&self.touched, "")?;
        Ok(Told::Taken)
    }
}
