//! Child processes: pinned to a core, bounded in time, ended by their id on every path.
//!
//! The kernel ends them too when the bench itself is killed (`setpriv --pdeathsig`), and each
//! leads a process group of its own, so that nothing else can be hit.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::tools::{SETPRIV, TASKSET};

/// A server that listens; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    running: Running,
}

impl Server {
    /// Starts a server that prints `listening on SCHEME://ADDRESS` within this time.
    pub(crate) fn announcing(mut command: Command, log: &Path, time: Duration) -> Result<Self> {
        let mut running = Running::start(command.stdout(Stdio::piped()), log)?;
        let stdout = running.child.stdout.take().context("the server has no stdout")?;
        match announced(stdout).recv_timeout(time) {
            Ok(address) => Ok(Self { address, running }),
            Err(_) => Err(running.failed_to_listen()),
        }
    }

    /// Starts a server that was told to listen on `address`, and waits until it accepts.
    pub(crate) fn listening(mut command: Command, address: SocketAddr, log: &Path) -> Result<Self> {
        let mut running = Running::start(command.stdout(Stdio::null()), log)?;
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline || running.child.try_wait()?.is_some() {
                return Err(running.failed_to_listen());
            }
            std::thread::sleep(POLL);
        }
        Ok(Self { address, running })
    }

    pub(crate) fn id(&self) -> u32 {
        self.running.child.id()
    }

    /// What it has written to its stderr so far.
    pub(crate) fn log(&self) -> Result<String> {
        let file = &self.running.log;
        fs::read_to_string(file).with_context(|| format!("no log `{}`", file.display()))
    }

    /// Sends a signal to its first process, unless that has ended.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        match self.fate()? {
            Fate::Runs => Ok(kill_process(Pid::from_child(&self.running.child), signal)?),
            Fate::Ended => Ok(()),
        }
    }

    /// Whether its first process has ended by itself.
    pub(crate) fn fate(&mut self) -> Result<Fate> {
        let ended = self.running.child.try_wait().context("the child cannot be waited for")?;
        Ok(if ended.is_some() { Fate::Ended } else { Fate::Runs })
    }

    /// Ends the server with TERM and waits, so that what it writes at its end is written.
    pub(crate) fn stop(mut self) -> Result<()> {
        let _ = kill_process(Pid::from_child(&self.running.child), Signal::TERM);
        match wait_until(&mut self.running.child, Instant::now() + STOP_DEADLINE)? {
            Some(_) => Ok(()),
            None => bail!("the server did not end within {STOP_DEADLINE:?} of TERM"),
        }
    }
}

/// Whether a server is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Runs,
    Ended,
}

/// A command that runs `program` on one core only, and ends with the bench.
pub(crate) fn pinned(core: usize, program: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = Command::new(SETPRIV.find()?);
    command.args(["--pdeathsig", "TERM"]).arg(TASKSET.find()?);
    command.args(["-c", &core.to_string()]).arg(program);
    Ok(command)
}

/// Runs a short program to its end and returns its stdout; an error carries what it complained of.
pub(crate) fn output(mut command: Command, limit: Duration) -> Result<String> {
    let log = tempfile::NamedTempFile::new().context("no temporary file")?;
    let mut running = Running::start(command.stdout(Stdio::piped()), log.path())?;
    let mut stdout = running.child.stdout.take().context("the program has no stdout")?;
    // Read beside the wait: a full pipe would hold the program up, a stuck program the reader.
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let status = wait_until(&mut running.child, Instant::now() + limit)?;
    let name = running.name.display();
    match status {
        Some(status) if status.success() => {
            reader.join().unwrap_or_else(|_| Ok(String::new())).context("stdout is not text")
        }
        Some(status) => bail!("{name} ended with {status}: {}", running.complaint()),
        None => bail!("{name} did not end within {limit:?}"),
    }
}

/// A port of the loopback that was free a moment ago, for servers that cannot say which they took.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// A child that is ended when dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    name: OsString,
    log: PathBuf,
}

impl Running {
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        // The last argument names the program better than `setpriv` does.
        let name = command.get_args().last().unwrap_or(command.get_program()).to_os_string();
        let file = File::create(log).with_context(|| format!("no log `{}`", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("`{}` did not start", name.display()))?;
        Ok(Self { child, name, log: log.to_path_buf() })
    }

    fn failed_to_listen(&mut self) -> anyhow::Error {
        anyhow::anyhow!("no server listens: {}", self.complaint())
    }

    /// The line of its stderr that says most: the last that speaks of an error, or else the last.
    fn complaint(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let said = |line: &&str| !line.trim().is_empty();
        let error = |line: &&str| ["error", "panicked"].iter().any(|word| line.contains(word));
        let line = text.lines().rfind(error).or_else(|| text.lines().rfind(said));
        line.unwrap_or("it said nothing").to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Reaped already: its id may belong to somebody else by now.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let id = Pid::from_child(&self.child);
        // The whole group: a shell or a master that dies at once would leave its children behind.
        let _ = kill_process_group(id, Signal::TERM);
        if !matches!(wait_until(&mut self.child, Instant::now() + DROP_DEADLINE), Ok(Some(_))) {
            let _ = kill_process_group(id, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Reads stdout to its end, so that the server is never held up, and passes the address on.
fn announced(stdout: ChildStdout) -> mpsc::Receiver<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = announcement(&line) {
                let _ = sender.send(address);
            }
        }
    });
    receiver
}

fn announcement(line: &str) -> Option<SocketAddr> {
    let (_, address) = line.strip_prefix("listening on ")?.split_once("://")?;
    address.trim_end_matches('/').parse().ok()
}

fn wait_until(child: &mut Child, end: Instant) -> Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait().context("the child cannot be waited for")? {
            return Ok(Some(status));
        }
        if Instant::now() > end {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

// Generous, because a host under callgrind loads its app at a fiftieth of the speed.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(60);
const DROP_DEADLINE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_a_whole_line() {
        let address = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        assert_eq!(announcement("listening on http://127.0.0.1:8080"), address);
        assert_eq!(announcement("not listening on http://127.0.0.1:8080"), None);
        assert_eq!(announcement("listening on scgi://127.0.0.1:8080"), address);
        assert_eq!(announcement("listening on unix:/run/x"), None);
    }

    #[test]
    fn a_dropped_child_is_gone_and_a_kept_one_is_not() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let running = Running::start(Command::new("sleep").arg("60"), log.path()).unwrap();
        let id = running.child.id();
        let alive = || Path::new(&format!("/proc/{id}")).exists();
        assert!(alive());
        drop(running);
        assert!(!alive());
    }

    #[test]
    fn a_program_that_fails_or_hangs_is_an_error() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            output(command, Duration::from_millis(500))
        };
        assert_eq!(shell("echo fine").unwrap(), "fine\n");
        let failed = shell("echo an error >&2; echo a note >&2; exit 3").unwrap_err().to_string();
        assert!(failed.ends_with(": an error"), "{failed}");
        assert!(shell("sleep 60").unwrap_err().to_string().contains("did not end"));
    }
}
