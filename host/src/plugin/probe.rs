//! Tries a library in a child process before anything of it is mapped here.
//!
//! The child is this very program. It has no socket of ours, a process group of its own and a
//! deadline, and it is always reaped; whatever the library does to it, one line comes out of it.

mod depth;
mod last_words;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub(crate) use self::depth::{Depth, Reach, TooDeep, Wish};
use self::last_words::LastWords;
use super::application::StartError;
use super::inspect::Kind;
use super::library::{Layout, OpenError};
use crate::platform::child::{Family, signal_of};
use crate::platform::process::own_program;

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
    pub(crate) kind: Kind,
    /// The host.
    pub(crate) parent: u32,
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

fn start(task: &Task) -> io::Result<Family> {
    let mut child = Family::start(
        Command::new(own_program()?)
            .arg(COMMAND)
            .env_remove("GATEWAY_INTERFACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    let mut line = serde_json::to_vec(task)?;
    line.push(b'\n');
    if let Some(mut stdin) = child.stdin.take() {
        // A child that is gone already tells more by its end.
        let _ = stdin.write_all(&line);
    }
    Ok(child)
}

fn watch(mut child: Family, deadline: Duration) -> Verdict {
    let last_words = child.stderr.take().map(LastWords::read);
    let (send, events) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        read_report(stdout, send.clone());
    }
    // The watcher may have given up.
    child.at_end(move || drop(send.send(Event::Exited)));
    let outcome = follow(&child, &events, deadline);
    // Whatever the library has started does not outlive the probe.
    child.end();
    let ended = child.reap();
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

fn follow(child: &Family, events: &mpsc::Receiver<Event>, deadline: Duration) -> Outcome {
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
                child.end();
                until = until.min(Instant::now() + AFTER_END);
            }
            Err(RecvTimeoutError::Timeout) if !exited => return Outcome::Hung(at),
            Err(_) => return Outcome::Ended(at),
        }
    }
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

fn fate(status: ExitStatus) -> String {
    match (signal_of(status), status.code()) {
        (Some(signal), _) => format!("was ended by {signal}"),
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
            Self::Shutdown => "in drain, shutdown or drop",
            Self::Unmap => "while it was unmapped",
        })
    }
}
