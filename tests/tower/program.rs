//! A server that is a program of its own, beside which a library is looked at.

use crate::harness::service::Service;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A program that says where it listens, until it is dropped.
pub(super) struct Program {
    pub(super) address: SocketAddr,
    _server: Service,
    _folder: TempDir,
}

impl Program {
    pub(super) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = folder.path().join("said");
        let mut command = Command::new(program);
        command.args(arguments);
        let address = || -> Option<SocketAddr> {
            let said = std::fs::read_to_string(&said).ok()?;
            said.lines().next()?.strip_prefix("listening on http://")?.parse().ok()
        };
        let server = Service::start(command, "TERM", said.clone(), || address().is_some());
        Self { address: address().unwrap(), _server: server, _folder: folder }
    }
}
