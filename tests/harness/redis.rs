//! Redis, as an instance of a test's own.

use super::service::{Service, program};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A server without a port, which keeps nothing on disk.
#[derive(Debug)]
pub(crate) struct Redis {
    server: Option<Service>,
    program: PathBuf,
    folder: TempDir,
}

impl Redis {
    /// None where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let program = program("redis-server", &[])?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut redis = Self { server: None, program, folder };
        redis.start_again();
        Some(redis)
    }

    /// What a client connects to.
    pub(crate) fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// At the same address as before.
    pub(crate) fn start_again(&mut self) {
        let socket = self.socket();
        let mut command = Command::new(&self.program);
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(self.folder.path());
        let log = self.folder.path().join("log");
        let answers = || UnixStream::connect(&socket).is_ok();
        self.server = Some(Service::start(command, "TERM", log, answers));
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}
