//! The servers of ours under measurement, and how each is started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::artifacts::Artifacts;
use crate::cli::Options;
use crate::process::{START_DEADLINE, Server, pinned};

/// One program under measurement.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// The names of the rows; ratios are looked up by them.
pub(crate) const STATIC: &str = "static";
pub(crate) const STATIC_AGAIN: &str = "static again";
pub(crate) const INLINE: &str = "plugin";
pub(crate) const POOL: &str = "plugin, blocking pool";

impl Subject {
    /// The static server twice (the A/A control), then the host unless it is left out.
    pub(crate) fn all(options: &Options) -> Result<Vec<Self>> {
        let mut subjects = vec![Self::own(STATIC, "static")?, Self::own(STATIC_AGAIN, "static")?];
        if !options.baseline {
            let Artifacts { host, inline, pool } = Artifacts::build()?;
            subjects.push(Self::host(INLINE, &host, &inline));
            subjects.push(Self::host(POOL, &host, &pool));
        }
        Ok(subjects)
    }

    /// This program as a server.
    pub(crate) fn own(name: &'static str, subcommand: &str) -> Result<Self> {
        let program = std::env::current_exe().context("this program does not know its own file")?;
        Ok(Self { name, program, arguments: vec![subcommand.into()] })
    }

    /// A program that takes no arguments.
    pub(crate) fn peer(name: &'static str, program: &Path) -> Self {
        Self { name, program: program.to_path_buf(), arguments: Vec::new() }
    }

    /// The host with one application.
    pub(crate) fn host(name: &'static str, host: &Path, app: &Path) -> Self {
        Self::behind(name, host, app, "127.0.0.1:0")
    }

    /// The same at a door for a front server, `SCHEME://ADDRESS`.
    pub(crate) fn behind(name: &'static str, host: &Path, app: &Path, door: &str) -> Self {
        let arguments = ["--load".as_ref(), app.as_os_str(), "--listen".as_ref(), door.as_ref()];
        let arguments = arguments.into_iter().map(OsString::from).collect();
        Self { name, program: host.to_path_buf(), arguments }
    }

    /// The host, to be told all that it needs.
    pub(crate) fn bare(name: &'static str, host: &Path) -> Self {
        let listen = ["--listen".into(), "127.0.0.1:0".into()];
        Self { name, program: host.to_path_buf(), arguments: listen.into() }
    }

    /// The same with more arguments.
    pub(crate) fn with(mut self, arguments: impl IntoIterator<Item = OsString>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The library that it loads.
    pub(crate) fn library(&self) -> Option<&Path> {
        let at = self.arguments.iter().position(|argument| argument == "--load")?;
        self.arguments.get(at + 1).map(Path::new)
    }

    /// Starts it on one core.
    pub(crate) fn start(&self, core: usize, folder: &Path) -> Result<Server> {
        self.start_within(core, folder, START_DEADLINE)
    }

    /// The same, where it has more to do before it listens.
    pub(crate) fn start_within(
        &self,
        core: usize,
        folder: &Path,
        time: Duration,
    ) -> Result<Server> {
        let command = pinned(core, &self.program)?;
        self.announce(command, folder, time)
    }

    /// Starts it on one core inside another program, such as valgrind.
    pub(crate) fn start_inside(&self, mut wrapper: Command, folder: &Path) -> Result<Server> {
        wrapper.arg(&self.program);
        self.announce(wrapper, folder, START_DEADLINE)
    }

    fn announce(&self, mut command: Command, folder: &Path, time: Duration) -> Result<Server> {
        command.args(&self.arguments);
        let log = folder.join(format!("{}.log", self.name.replace([' ', ',', '`', ':'], "-")));
        Server::announcing(command, &log, time).with_context(|| format!("`{}`", self.name))
    }
}
