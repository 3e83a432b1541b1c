//! granian: another file, HUP, which replaces its workers one after another.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::gunicorn::Reloaded;
use super::{Kind, Peer, Put, files, python};
use crate::client::Version;
use crate::process::{Server, free_address, pinned};
use crate::tools::GRANIAN;

pub(super) const HUP: Kind = Kind {
    name: "granian, HUP",
    // It waits 3.5 seconds before each worker.
    every: Duration::from_secs(8),
    faults: python::FAULTS,
    start,
};

fn start(core: usize, folder: &Path) -> Result<Box<dyn Peer>> {
    let program = GRANIAN.find()?;
    let folder = files::folder(folder, "granian")?;
    let file = folder.join(python::FILE);
    files::put(&file, python::source(Put::Sound(Version::A))?)?;
    let address = free_address()?;
    let mut command = pinned(core, program)?;
    command.args(["--interface", "wsgi", "--host", &address.ip().to_string()]);
    command.args(["--port", &address.port().to_string(), "--workers", "2", "--no-access-log"]);
    command.arg("--working-dir").arg(&folder).arg(python::APPLICATION);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let server = Server::listening(command, address, &folder.join("log")).context("`granian`")?;
    Ok(Box::new(Reloaded { server, file }))
}
