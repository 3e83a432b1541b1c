//! nginx: another answer in its configuration, HUP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;

use super::{Fault, Kind, Peer, Put, Told, files};
use crate::client::BODY;
use crate::nginx;
use crate::process::Server;

pub(super) const HUP: Kind =
    Kind { name: "nginx, HUP", every: Duration::from_secs(1), faults: &[Fault::Syntax], start };

struct Nginx {
    server: Server,
    file: PathBuf,
}

fn start(core: usize, folder: &Path) -> Result<Box<dyn Peer>> {
    let server = nginx::start(core, folder)?;
    Ok(Box::new(Nginx { server, file: folder.join("nginx/nginx.conf") }))
}

impl Peer for Nginx {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn put(&mut self, put: Put) -> Result<Told> {
        let text = nginx::configuration(self.server.address);
        let text = match put {
            Put::Sound(version) => text.replace(BODY.trim_end(), version.body().trim_end()),
            Put::Broken(Fault::Syntax) => text.replace("return 200", "return-200"),
            Put::Broken(fault) => bail!("nginx has no fault `{fault}`"),
        };
        files::put(&self.file, text)?;
        self.server.signal(Signal::HUP)?;
        Ok(Told::Taken)
    }
}
