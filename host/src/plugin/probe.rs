//! Tries a library in a child process before anything of it is mapped here.
//!
//! The child is this very program. It has no socket of ours, a process group of its own and a
//! deadline, and it is always reaped; whatever the library does to it, one line comes out of it.

mod last_words;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::{Deserialize, Serialize};

use self::last_words::LastWords;
use super::application::StartError;
use super::inspect::{self, Descriptor, Overlap};
use super::library::{Layout, OpenError};

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
    Unmap,
}

/// One line of the child's report.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Line {
    At(Step),
    Refused(Refusal),
    Passed(Layout),
}

/// What a step said.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) text: String,
    /// What the user can do about it.
    pub(crate) help: Option<String>,
}

/// Why a library did not pass.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ProbeError {
    /// The child could not be started.
    #[error("cannot start the probe")]
    Start(#[source] io::Error),
    /// A step said no.
    #[error("{}", .0.text)]
    Refused(Refusal),
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
            inspect::Probe::Request { path } => Self::Request(path.clone()),
            // Two generations of it must not run at once, and a probe is one, unless its author
            // named a path for it.
            inspect::Probe::Init if descriptor.overlap == Overlap::Exclusive => Self::Layout,
            inspect::Probe::Init => Self::Init,
        }
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        Self { text: error.to_string(), help: error.help() }
    }
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        Self { text: error.to_string(), help: error.help() }
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self { text, help: None }
    }
}

/// Runs a probe to its end.
pub(crate) fn probe(task: &Task, deadline: Duration) -> Verdict {
    match start(task) {
        Ok(child) => watch(child, deadline),
        Err(error) => Verdict { result: Err(ProbeError::Start(error)), last_words: String::new() },
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

/// This program's own file. When it was replaced on disk its old name leads nowhere, and the link
/// in `/proc` still leads to what runs; otherwise the name is better, because tools that stand
/// between a program and the system, such as valgrind, know it.
fn this_program() -> io::Result<PathBuf> {
    let named = std::env::current_exe()?;
    Ok(if named.exists() { named } else { PathBuf::from("/proc/self/exe") })
}

fn watch(mut child: Child, deadline: Duration) -> Verdict {
    let last_words = child.stderr.take().map(LastWords::read);
    let pid = Pid::from_child(&child);
    let (send, events) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        read_report(stdout, send.clone());
    }
    watch_exit(pid, send);
    let outcome = follow(pid, &events, deadline);
    // Whatever the library has started does not outlive the probe. The child is reaped after that,
    // so that its number is its own until then.
    end_group(pid);
    let ended = child.wait();
    let result = match outcome {
        Outcome::Passed(layout) => Ok(layout),
        Outcome::Refused(refusal) => Err(ProbeError::Refused(refusal)),
        Outcome::Hung(step) => Err(ProbeError::Hung { step, after: deadline }),
        Outcome::Ended(step) => Err(match ended {
            Ok(status) => ProbeError::Died { step, how: fate(status) },
            Err(error) => ProbeError::Start(error),
        }),
    };
    Verdict { result, last_words: last_words.map_or_else(String::new, |it| it.take(AFTER_END)) }
}

enum Event {
    Line(Line),
    Exited,
}

enum Outcome {
    Passed(Layout),
    Refused(Refusal),
    Hung(Step),
    Ended(Step),
}

/// How long the child's pipes may stay open after its end: a process that the library has started
/// and that left the group holds them for good.
const AFTER_END: Duration = Duration::from_secs(1);

fn follow(pid: Pid, events: &mpsc::Receiver<Event>, deadline: Duration) -> Outcome {
    let mut until = Instant::now() + deadline;
    let (mut at, mut exited) = (Step::Open, false);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::Line(Line::At(step))) => at = step,
            Ok(Event::Line(Line::Refused(refusal))) => return Outcome::Refused(refusal),
            Ok(Event::Line(Line::Passed(layout))) => return Outcome::Passed(layout),
            Ok(Event::Exited) => {
                exited = true;
                // What the child has written is still to be read, and ends with the group.
                end_group(pid);
                until = until.min(Instant::now() + AFTER_END);
            }
            Err(RecvTimeoutError::Timeout) if !exited => return Outcome::Hung(at),
            Err(_) => return Outcome::Ended(at),
        }
    }
}

fn end_group(pid: Pid) {
    // It may be gone already.
    let _ = kill_process_group(pid, Signal::KILL);
}

fn read_report(stdout: impl Read + Send + 'static, send: mpsc::Sender<Event>) {
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(line) = serde_json::from_str(&line) {
                // The watcher may have given up.
                let _ = send.send(Event::Line(line));
            }
        }
    });
}

/// Tells of the child's end, and leaves it to be reaped.
fn watch_exit(pid: Pid, send: mpsc::Sender<Event>) {
    thread::spawn(move || {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), ended), Err(Errno::INTR)) {}
        let _ = send.send(Event::Exited);
    });
}

fn fate(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was ended by {}", signal_name(signal)),
        (None, Some(code)) => format!("ended the process with exit code {code}"),
        (None, None) => String::from("ended in a way the system does not tell"),
    }
}

fn signal_name(number: i32) -> String {
    const KNOWN: [(Signal, &str); 8] = [
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::ILL, "SIGILL"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::SYS, "SIGSYS"),
        (Signal::TRAP, "SIGTRAP"),
    ];
    let known = KNOWN.iter().find(|(signal, _)| signal.as_raw() == number);
    known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "while its constructors ran",
            Self::Layout => "while its layout was compared",
            Self::Init => "in init",
            Self::Request => "while it answered the request of the probe",
            Self::Shutdown => "in drain, shutdown or drop",
            Self::Unmap => "while it was unmapped",
        })
    }
}
