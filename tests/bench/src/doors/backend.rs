//! What stands behind nginx: the host at each of its doors, and what others offer there.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::folder_of;
use super::front::Door;
use crate::artifacts::Artifacts;
use crate::cores::Cores;
use crate::peers;
use crate::process::{Server, free_address, output, pinned};
use crate::subject::Subject;
use crate::tools::UWSGI as UWSGI_PROGRAM;

/// A row of the table.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) door: Door,
    program: Program,
}

#[derive(Clone, Copy, Debug)]
enum Program {
    /// The host with the hello, listening by this scheme.
    Host(&'static str),
    /// `fcgi_hello.c`, with so many threads.
    LibFcgi(&'static str),
    /// uWSGI with its plugin for Python.
    Uwsgi,
    /// `once.c`, which understands nothing.
    Least,
}

/// What came of a start.
pub(super) enum Backend {
    Runs(Server),
    /// The host, where it is not asked for.
    LeftOut,
}

pub(super) const FASTCGI: &str = "host, FastCGI";
pub(super) const AGAIN: &str = "host, FastCGI again";
pub(super) const FASTCGI_ONCE: &str = "host, FastCGI once";
pub(super) const SCGI: &str = "host, SCGI";
pub(super) const UWSGI: &str = "host, uwsgi";
pub(super) const HTTP: &str = "host, HTTP";
pub(super) const LIBFCGI: &str = "libfcgi";
pub(super) const LIBFCGI_ONCE: &str = "libfcgi once";
pub(super) const UWSGI_PEER: &str = "uWSGI";
pub(super) const LEAST: &str = "least server in C";

pub(super) const ALL: &[Kind] = &[
    Kind { name: FASTCGI, door: Door::FastCgi, program: Program::Host("fastcgi") },
    Kind { name: AGAIN, door: Door::FastCgi, program: Program::Host("fastcgi") },
    Kind { name: FASTCGI_ONCE, door: Door::FastCgiOnce, program: Program::Host("fastcgi") },
    Kind { name: SCGI, door: Door::Scgi, program: Program::Host("scgi") },
    Kind { name: UWSGI, door: Door::Uwsgi, program: Program::Host("uwsgi") },
    Kind { name: HTTP, door: Door::Http, program: Program::Host("http") },
    // More than nginx has connections: each of its threads is one connection's.
    Kind { name: LIBFCGI, door: Door::FastCgi, program: Program::LibFcgi("128") },
    Kind { name: LIBFCGI_ONCE, door: Door::FastCgiOnce, program: Program::LibFcgi("1") },
    Kind { name: UWSGI_PEER, door: Door::Uwsgi, program: Program::Uwsgi },
    Kind { name: LEAST, door: Door::Uwsgi, program: Program::Least },
];

impl Kind {
    /// The host, where it is the host.
    pub(super) fn subject(&self, ours: &Artifacts) -> Option<Subject> {
        let Program::Host(scheme) = self.program else { return None };
        let door = format!("{scheme}://127.0.0.1:0");
        Some(Subject::behind(self.name, &ours.host, &ours.inline, &door))
    }

    /// Starts it on one core.
    pub(super) fn start(
        &self,
        ours: Option<&Artifacts>,
        cores: Cores,
        folder: &Path,
    ) -> Result<Backend> {
        let server = match self.program {
            Program::Host(_) => {
                let Some(subject) = ours.and_then(|ours| self.subject(ours)) else {
                    return Ok(Backend::LeftOut);
                };
                subject.start(cores.server, folder)?
            }
            Program::LibFcgi(threads) => {
                libfcgi(threads, cores.server, &folder_of(folder, self.name)?)?
            }
            Program::Uwsgi => uwsgi(cores.server, &folder_of(folder, self.name)?)?,
            Program::Least => least(cores.server, &folder_of(folder, self.name)?)?,
        };
        Ok(Backend::Runs(server))
    }
}

fn libfcgi(threads: &str, core: usize, folder: &Path) -> Result<Server> {
    let header = Path::new("/usr/include/fcgiapp.h");
    ensure!(header.is_file(), "libfcgi is not installed; help: apt-get install libfcgi-dev");
    let threads = format!("-DTHREADS={threads}");
    let program = compiled("fcgi_hello.c", folder, &[&threads, "-pthread", "-lfcgi"])?;
    let address = free_address()?;
    let mut command = pinned(core, program)?;
    command.arg(address.to_string());
    Server::listening(command, address, &folder.join("log")).context("`fcgi_hello`")
}

/// One process, as the host is one, and one thread: the application waits for nothing.
fn uwsgi(core: usize, folder: &Path) -> Result<Server> {
    let program = UWSGI_PROGRAM.find()?;
    let file = folder.join("app.py");
    fs::write(&file, peers::hello_in_python()?)?;
    let address: SocketAddr = free_address()?;
    let mut command = pinned(core, program)?;
    command.args(["--plugins", "python3", "--socket", &address.to_string()]);
    command.args(["--need-app", "--disable-logging", "--die-on-term"]);
    command.arg("--wsgi-file").arg(&file).env("PYTHONDONTWRITEBYTECODE", "1");
    Server::listening(command, address, &folder.join("log")).context("`uwsgi`")
}

/// What the system alone costs, and nobody can go below.
fn least(core: usize, folder: &Path) -> Result<Server> {
    let address = free_address()?;
    let mut command = pinned(core, compiled("once.c", folder, &[])?)?;
    command.arg(address.to_string());
    Server::listening(command, address, &folder.join("log")).context("`once`")
}

/// A program in C, of a file in `doors/`.
pub(super) fn compiled(file: &str, folder: &Path, options: &[&str]) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("doors").join(file);
    let program = folder.join(file.trim_end_matches(".c"));
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    gcc.arg("-o").arg(&program).arg(source).args(options);
    output(gcc, Duration::from_secs(60)).with_context(|| format!("`{file}` does not compile"))?;
    Ok(program)
}
