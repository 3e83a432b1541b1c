//! Servers whose code is replaced while they serve: ours, and others by their own means.
//!
//! Each has one small adapter: it starts the server privately on a free port of the loopback, in a
//! folder of its own, puts a version in place of another, and asks for it as its users do.

mod apache;
mod files;
mod granian;
mod gunicorn;
mod nginx;
pub(crate) mod ours;
mod python;
mod tomcat;
mod uwsgi;

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::client::{self, Connection, Version};
use crate::process::Server;

/// A server and how its code is replaced.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// From one replacement to the next, as often as this server bears it.
    pub(crate) every: Duration,
    /// The ways in which a version is broken that are natural here.
    pub(crate) faults: &'static [Fault],
    start: fn(core: usize, folder: &Path) -> Result<Box<dyn Peer>>,
}

/// A server that runs, with version A in place.
pub(crate) trait Peer {
    fn server(&mut self) -> &mut Server;

    /// Puts a version in place of another and asks for it, waiting no longer than its users do.
    fn put(&mut self, put: Put) -> Result<Told>;
}

/// What is put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Sound(Version),
    Broken(Fault),
}

/// How a version is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The beginning of the file, as when a copy is not finished.
    Truncated,
    /// Text that the language or the configuration does not allow.
    Syntax,
    /// It fails when it is started.
    Start,
    /// It ends its process when it is started.
    StartCrash,
    /// Each call fails, the first one as well.
    Calls,
    /// Each call fails once it serves; a trial call before that would be well.
    LateCalls,
    /// Each call ends its process.
    CallsCrash,
    /// Each call ends its process once it serves.
    LateCallsCrash,
}

/// What whoever asks for a version is told there and then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing against it.
    Taken,
    Refused(String),
    /// Whoever was asked ended.
    NoAnswer,
}

/// All but ours.
pub(crate) const OTHERS: &[Kind] = &[
    nginx::HUP,
    apache::MODULE,
    apache::WSGI_EMBEDDED,
    apache::WSGI_DAEMON,
    uwsgi::RELOAD,
    uwsgi::CHAIN,
    gunicorn::HUP,
    granian::HUP,
    tomcat::OVER,
    tomcat::PARALLEL,
];

impl Kind {
    /// Starts it on one core, everything it writes in a folder, and waits until it answers.
    pub(crate) fn start(&self, core: usize, folder: &Path) -> Result<Box<dyn Peer>> {
        let mut peer = (self.start)(core, folder).with_context(|| self.name.to_owned())?;
        answers(peer.server()).with_context(|| self.name.to_owned())?;
        Ok(peer)
    }
}

/// The hello as a WSGI application.
pub(crate) fn hello_in_python() -> Result<String> {
    python::source(Put::Sound(Version::A))
}

/// Waits for version A: some accept connections before they have anything to say.
fn answers(server: &Server) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let request = client::request(client::FEW_HEADERS);
    loop {
        let answer = Connection::open(server.address).and_then(|mut open| open.exchange(&request));
        match answer {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "a copy cut short",
            Self::Syntax => "syntax error",
            Self::Start => "fails when it is started",
            Self::StartCrash => "crashes when it is started",
            Self::Calls => "each call fails",
            Self::LateCalls => "each call fails, but no trial",
            Self::CallsCrash => "each call crashes",
            Self::LateCallsCrash => "each call crashes, but no trial",
        })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("nothing"),
            Self::Refused(why) => f.write_str(why),
            Self::NoAnswer => f.write_str("no answer"),
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_its_name_and_something_that_breaks_it() {
        for kind in OTHERS {
            assert!(!kind.faults.is_empty(), "{}", kind.name);
            assert_eq!(OTHERS.iter().filter(|other| other.name == kind.name).count(), 1);
        }
    }
}
