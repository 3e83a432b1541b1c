//! Tries a library in a child process before anything of it is mapped here.
//!
//! The child is this very program. It has no socket of ours, a process group of its own and a
//! deadline, and it is always reaped; whatever the library does to it, one line comes out of it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::inspect::{self, Descriptor, Overlap};
use super::library::Layout;

/// The hidden subcommand of a probe's child.
pub(crate) const COMMAND: &str = "probe-child";

/// What the child is told, as one line of JSON on its standard input; never in its arguments,
/// which others can read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    pub(crate) config: String,
    pub(crate) depth: Depth,
}

/// How far a probe goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Depth {
    Open,
    Layout,
    Init,
    Request(String),
}

/// What the child is at; each is a line of JSON on its standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Open,
    Layout,
    Init,
    Request,
    Shutdown,
}

/// One line of the child's report.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Line {
    At(Step),
    Refused(String),
    Passed(Layout),
}

/// Why a library did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ProbeError {
    /// The child could not be started.
    #[error("cannot start the probe")]
    Start(#[source] io::Error),
    /// A step said no.
    #[error("{0}")]
    Refused(String),
    /// The library ended the child.
    #[error("{step} it {how}")]
    Died {
        /// What the child was at.
        step: Step,
        /// What became of it.
        how: String,
    },
    /// The library kept the child from going on.
    #[error("{step} it did not come back within {after:?}")]
    Hung {
        /// What the child was at.
        step: Step,
        /// The deadline.
        after: Duration,
    },
}

/// What a probe has found out.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) result: Result<Layout, ProbeError>,
    /// The end of what the child wrote to its standard error.
    pub(crate) last_words: String,
}

impl Depth {
    /// How far a library lets a probe go.
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        match &descriptor.probe {
            inspect::Probe::Open => Self::Open,
            inspect::Probe::Layout => Self::Layout,
            // Two generations of it must not run at once, and a probe is one.
            _ if descriptor.overlap == Overlap::Exclusive => Self::Layout,
            inspect::Probe::Init => Self::Init,
            inspect::Probe::Request { path } => Self::Request(path.clone()),
        }
    }
}

/// Runs a probe to its end.
pub(crate) fn probe(task: &Task, deadline: Duration) -> Verdict {
    match start(task) {
        Ok(child) => watch(child, deadline),
        Err(error) => {
            Verdict { result: Err(ProbeError::Start(error)), last_words: String::new() }
        }
    }
}

fn start(task: &Task) -> io::Result<Child> {
    let mut child = Command::new(this_program()?)
        .arg(COMMAND)
        .env_remove("GATEWAY_INTERFACE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut line = serde_json::to_vec(task)?;
    line.push(b'\n');
    if let Some(mut stdin) = child.stdin.take() {
        // A child that is gone already tells more by its end.
        let _ = stdin.write_all(&line);
    }
    Ok(child)
}

/// This program's own file. When it was replaced on disk, the link in `/proc` still leads to the
/// one that runs; otherwise its name is better, because tools that watch a process know it.
fn this_program() -> io::Result<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    let named = std::env::current_exe()?;
    let running = link.metadata().map(|file| (file.dev(), file.ino()));
    let on_disk = named.metadata().map(|file| (file.dev(), file.ino()));
    match (running, on_disk) {
        (Ok(running), Ok(on_disk)) if running == on_disk => Ok(named),
        (Ok(_), _) => Ok(link),
        (Err(_), _) => Ok(named),
    }
}

fn watch(mut child: Child, deadline: Duration) -> Verdict {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let last_words = child.stderr.take().map(read_end);
    let (send, lines) = mpsc::channel();
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let line = line.ok().and_then(|line| serde_json::from_str::<Line>(&line).ok());
            if let Some(line) = line {
                // The watcher may have given up.
                let _ = send.send(line);
            }
        }
        child.wait()
    });
    let outcome = follow(&lines, deadline);
    if let (Some(group), Outcome::Hung(_)) = (group, &outcome) {
        // It may be gone meanwhile, and its group with it.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let ended = reader.join().unwrap_or_else(|_| Err(io::Error::other("the reader panicked")));
    if let Some(group) = group {
        // Whatever the library has started does not outlive the probe.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let result = match outcome {
        Outcome::Passed(layout) => Ok(layout),
        Outcome::Refused(text) => Err(ProbeError::Refused(text)),
        Outcome::Hung(step) => Err(ProbeError::Hung { step, after: deadline }),
        Outcome::Ended(step) => Err(match ended {
            Ok(status) => ProbeError::Died { step, how: fate(status) },
            Err(error) => ProbeError::Start(error),
        }),
    };
    let last_words = last_words.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Verdict { result, last_words }
}

enum Outcome {
    Passed(Layout),
    Refused(String),
    Hung(Step),
    Ended(Step),
}

fn follow(lines: &mpsc::Receiver<Line>, deadline: Duration) -> Outcome {
    let until = std::time::Instant::now() + deadline;
    let mut at = Step::Open;
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        match lines.recv_timeout(left) {
            Ok(Line::At(step)) => at = step,
            Ok(Line::Refused(text)) => return Outcome::Refused(text),
            Ok(Line::Passed(layout)) => return Outcome::Passed(layout),
            Err(RecvTimeoutError::Timeout) => return Outcome::Hung(at),
            Err(RecvTimeoutError::Disconnected) => return Outcome::Ended(at),
        }
    }
}

/// The last few lines of a stream that may be endless.
fn read_end(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    const KEPT: usize = 2048;
    thread::spawn(move || {
        let (mut end, mut block) = (Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = stream.read(&mut block) {
            end.extend_from_slice(&block[..length]);
            let excess = end.len().saturating_sub(KEPT);
            end.drain(..excess);
        }
        String::from_utf8_lossy(&end).trim().to_owned()
    })
}

fn fate(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let known = Signal::from_named_raw(signal).map(|signal| format!("{signal:?}"));
            let name = known.unwrap_or_else(|| signal.to_string());
            format!("was ended by signal {}", name.trim_start_matches("Signal::"))
        }
        (None, Some(code)) => format!("ended the process with exit code {code}"),
        (None, None) => String::from("ended in a way the system does not tell"),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "while its constructors ran",
            Self::Layout => "while its layout was compared",
            Self::Init => "in init",
            Self::Request => "while it answered the request of the probe",
            Self::Shutdown => "in shutdown",
        })
    }
}
