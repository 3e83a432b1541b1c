//! A host that serves the application of `tests/apps/misbehave`, in one of its flavours.

use super::host::{Host, Launch};
use super::libraries::fault_app;
use std::ffi::OsString;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use tempfile::TempDir;

/// Where the application runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flavour {
    /// Blocking, on a pool of threads.
    Pool,
    /// Non-blocking, on the core.
    Inline,
    /// A future, on the core.
    Async,
}

impl Flavour {
    pub(crate) const ALL: [Self; 3] = [Self::Pool, Self::Inline, Self::Async];

    pub(crate) fn library(self) -> PathBuf {
        fault_app(match self {
            Self::Pool => "misbehave",
            Self::Inline => "misbehave-inline",
            Self::Async => "misbehave-async",
        })
    }
}

/// A host with that application, named `bad`, at `/`. It stands for its host.
#[derive(Debug)]
pub(crate) struct Misbehaving {
    host: Host,
    release: PathBuf,
    _folder: TempDir,
}

impl Misbehaving {
    pub(crate) fn start(flavour: Flavour) -> Self {
        Self::start_with(flavour, [""; 0])
    }

    /// Starts it for requests that break these rules, and all of them.
    pub(crate) fn breaking(flavour: Flavour, rules: &'static [&'static str]) -> Self {
        Self::launched(flavour, Launch::new().breaking(rules))
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(
        flavour: Flavour,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        Self::launched(flavour, Launch::new().args(arguments))
    }

    /// Starts it beside what a launch has already.
    pub(crate) fn launched(flavour: Flavour, launch: Launch) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let release = folder.path().join("release");
        let host = launch
            .arg("--load")
            .arg(format!("bad={}", flavour.library().display()))
            .arg("--set")
            .arg(format!("bad.release={}", release.display()))
            // A backtrace of each panic that is provoked would bury the log.
            .env("RUST_BACKTRACE", "0")
            .start();
        Self { host, release, _folder: folder }
    }

    /// Lets go on what waits in the application, and whatever would wait from now on.
    pub(crate) fn release(&self) {
        std::fs::write(&self.release, "").expect("a file in a folder of our own");
    }

    /// What the application has said so far, line by line.
    pub(crate) fn said(&self) -> Vec<String> {
        let log = self.host.log();
        log.lines().filter_map(|line| line.strip_prefix("app: ")).map(ToOwned::to_owned).collect()
    }

    /// Ends the host in an orderly way, and returns all that the application has said until then:
    /// nothing can follow.
    pub(crate) fn said_until_the_end(mut self) -> Vec<String> {
        self.host.terminate();
        assert!(self.host.wait().success(), "the host did not end well");
        self.said()
    }
}

impl Deref for Misbehaving {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for Misbehaving {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}
