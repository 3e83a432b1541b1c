//! The whole way of a library, from a file to a started generation.
//!
//! Nothing of a file is mapped here before a child has tried it.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use dsgi::abi::grown::{previous, purpose};
use dsgi::export::Entrance;

use super::alive::{self, Beside, Running};
use super::application::{Application, Start, StartError};
use super::artifact::{Artifact, ArtifactError, Staging};
use super::generation::{Code, Flavour, Generation};
use super::inspect::{Kind, Panic};
use super::library::{Layout, Library, OpenError};
use super::probe::{self, Depth, ProbeError, Refusal, Task, TooDeep, Wish};
use super::retire::{self, Discarded};
use super::unload::{self, OutOfKeys, Owner};
use crate::limits::Limits;

/// Why a file was not taken into service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LoadError {
    /// The file is no library for this host.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A layer where an application belongs, or the reverse.
    #[error("`{file}` is {}, not {}", a(*kind), a(other(*kind)))]
    Kind {
        /// The file.
        file: String,
        /// What it is.
        kind: Kind,
    },
    /// A panic in it would end the host with every other application.
    #[error("`{0}` is built with panic=abort: a panic in it would end the whole host")]
    PanicAbort(String),
    /// Its operator wants a probe to go further than its author.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
    /// A child that tried it failed.
    #[error("`{file}` failed its probe: {source}")]
    Probe {
        /// The file.
        file: String,
        /// What the child found.
        source: ProbeError,
        /// What the child wrote last.
        last_words: String,
    },
    /// Another library could end the process.
    #[error("no further library is opened: {0}")]
    Keys(#[from] OutOfKeys),
    /// Another version of it runs, and one of the two must be alone.
    #[error(transparent)]
    Beside(#[from] Beside),
    /// It did not open here.
    #[error("`{file}` cannot be opened: {source}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        source: OpenError,
    },
    /// The system has no thread for it.
    #[error("`{file}` did not start: there is no thread for its init")]
    Thread {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It did not start here.
    #[error("`{file}` did not start: {source}")]
    Start {
        /// The file.
        file: String,
        /// Why.
        source: StartError,
    },
    /// Its `init` is still running; the library stays mapped.
    #[error("`{file}` did not start: init did not return within {after:?}")]
    Hung {
        /// The file.
        file: String,
        /// The deadline.
        after: Duration,
    },
}

impl LoadError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Artifact(error) => error.help(),
            Self::PanicAbort(_) => {
                Some(String::from("set `panic = \"unwind\"` in the profile that builds it"))
            }
            Self::Kind { file, kind } => {
                let flag = match kind {
                    Kind::Application => "--load",
                    Kind::Layer => "--enable",
                };
                Some(format!("{} is given with {flag} {file}", a(*kind)))
            }
            Self::Open { source, .. } => source.help(),
            Self::TooDeep(too_deep) => Some(too_deep.help()),
            Self::Keys(_) => Some(String::from(
                "`host drain` one of them, or start the host anew for fewer applications",
            )),
            Self::Start { source, .. } => source.help(),
            Self::Probe {
                source: ProbeError::Refused(Refusal { help: Some(help), .. }), ..
            } => Some(help.clone()),
            Self::Probe { last_words, .. } if !last_words.is_empty() => {
                Some(format!("its last words were: {last_words}"))
            }
            _ => None,
        }
    }

    /// Whether the file was not so much wrong as too slow.
    pub(crate) const fn timed_out(&self) -> bool {
        matches!(self, Self::Hung { .. } | Self::Probe { source: ProbeError::Hung { .. }, .. })
    }
}

/// Reads and copies a file, and refuses what this host cannot run.
pub(crate) fn take(file: &Path, staging: &Staging) -> Result<Artifact, LoadError> {
    unless_it_aborts(Artifact::take(file, staging)?, file)
}

/// Reads a file that is to be opened where it lies, and refuses what this host cannot run.
pub(crate) fn in_place(file: &Path) -> Result<Artifact, LoadError> {
    unless_it_aborts(Artifact::in_place(file)?, file)
}

fn unless_it_aborts(artifact: Artifact, file: &Path) -> Result<Artifact, LoadError> {
    match artifact.facts.descriptor.panic {
        Panic::Abort => Err(LoadError::PanicAbort(file.display().to_string())),
        Panic::Unwind | Panic::Unsaid => Ok(artifact),
    }
}

/// Refuses a layer where an application belongs, and the reverse; the file as its user named it.
pub(crate) fn expect(
    artifact: Artifact,
    expected: Kind,
    file: &Path,
) -> Result<Artifact, LoadError> {
    let kind = artifact.facts.descriptor.kind;
    if kind == expected {
        return Ok(artifact);
    }
    Err(LoadError::Kind { file: file.display().to_string(), kind })
}

const fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "an application",
        Kind::Layer => "a layer",
    }
}

const fn other(kind: Kind) -> Kind {
    match kind {
        Kind::Application => Kind::Layer,
        Kind::Layer => Kind::Application,
    }
}

/// How far the probe of a library goes.
pub(crate) fn depth(artifact: &Artifact, wish: Option<&Wish>) -> Result<Depth, TooDeep> {
    let file = artifact.source.display().to_string();
    Depth::wished(&artifact.facts.descriptor, &file, wish)
}

/// Tries a library in a child.
pub(crate) fn probe(
    artifact: &Artifact,
    name: &str,
    config: &str,
    wish: Option<&Wish>,
    limits: &Limits,
) -> Result<Layout, LoadError> {
    let task = Task {
        file: artifact.file.clone(),
        name: name.to_owned(),
        config: config.to_owned(),
        depth: depth(artifact, wish)?,
        kind: artifact.facts.descriptor.kind,
        parent: std::process::id(),
    };
    let verdict = probe::probe(&task, limits.probe_timeout);
    verdict.result.map_err(|source| LoadError::Probe {
        file: artifact.source.display().to_string(),
        source,
        last_words: verdict.last_words,
    })
}

/// Starts what is linked into this program.
pub(crate) fn linked(
    entrance: &'static Entrance,
    kind: Kind,
    name: &str,
    config: &str,
    previous: Previous,
) -> Result<Generation, StartError> {
    let number = Generation::next_number();
    crate::log::name(number, name);
    let (generation, purpose) = (number, purpose::SERVE);
    let start = Start { name, config, generation, purpose, previous: previous.raw() };
    let application = Application::of_program(&entrance.table, start)?;
    let flavour = Flavour::from_raw(entrance.flavour);
    Ok(Generation::of_program(number, name.to_owned(), (kind, flavour), application))
}

/// Whether another version of the application runs beside the one that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Previous {
    None,
    Running,
}

impl Previous {
    const fn raw(self) -> u32 {
        match self {
            Self::None => previous::NONE,
            Self::Running => previous::RUNNING,
        }
    }
}

/// An open library whose application may start.
struct Opened {
    number: u64,
    library: Library,
    layout: Layout,
    running: Running,
}

/// Opens a library that passed its probe.
fn open(artifact: &Arc<Artifact>, name: &str) -> Result<Opened, LoadError> {
    let file = artifact.source.display().to_string();
    let open_error = |source| LoadError::Open { file: file.clone(), source };
    unload::room()?;
    unload::watch_exits();
    let number = Generation::next_number();
    let owner = Owner { app: name.to_owned(), generation: number };
    let library = Library::open(&artifact.file, owner).map_err(open_error)?;
    let told = &artifact.facts.descriptor;
    let known = library.describes(told).and_then(|()| library.prove()).map_err(open_error);
    let let_in = known.and_then(|layout| {
        Ok((layout, alive::enter(name, number, told.overlap, library.brought())?))
    });
    match let_in {
        Ok((layout, running)) => Ok(Opened { number, library, layout, running }),
        Err(error) => {
            let (app, artifact) = (name.to_owned(), Arc::clone(artifact));
            retire::discard(Discarded { app, number, library, artifact });
            Err(error)
        }
    }
}

/// Opens a library that passed its probe, and starts its application.
pub(crate) fn start(
    artifact: Arc<Artifact>,
    name: &str,
    config: &str,
    previous: Previous,
    limits: &Limits,
) -> Result<Generation, LoadError> {
    let file = artifact.source.display().to_string();
    let Opened { number, library, layout, running } = open(&artifact, name)?;
    let told = &artifact.facts.descriptor;
    let (kind, flavour) = (told.kind, Flavour::of(told.flavour));
    let after = limits.init_timeout;
    let (name, config) = (name.to_owned(), config.to_owned());
    let previous = previous.raw();
    let (told, opened) = (name.clone(), Arc::clone(&artifact));
    // What is sent is received or comes back: nothing is lost between the two.
    let (send, started) = mpsc::sync_channel(0);
    let init = move || {
        crate::log::name(number, &name);
        let start = Start {
            name: &name,
            config: &config,
            generation: number,
            purpose: purpose::SERVE,
            previous,
        };
        let made = match library.start(start) {
            Ok(application) => {
                let code = Code { library, artifact, layout };
                Ok(Generation::loaded(number, name, (kind, flavour), application, running, code))
            }
            Err(source) => {
                running.refused();
                Err((source, Discarded { app: name, number, library, artifact }))
            }
        };
        // After the deadline nobody takes it.
        if let Err(mpsc::SendError(late)) = send.send(made) {
            retire::hangs_no_more(number);
            match late {
                Ok(generation) => retire::retire(generation),
                Err((_, discarded)) => retire::discard(discarded),
            }
        }
    };
    let thread = thread::Builder::new().name(String::from("init")).spawn(init);
    thread.map_err(|source| LoadError::Thread { file: file.clone(), source })?;
    match started.recv_timeout(after) {
        Ok(Ok(generation)) => Ok(generation),
        Ok(Err((source, discarded))) => {
            retire::discard(discarded);
            Err(LoadError::Start { file, source })
        }
        Err(_) => {
            // Before it can come back after all: the sender waits for this receiver.
            retire::hangs(&told, number, &opened);
            alive::forget(number);
            drop(started);
            Err(LoadError::Hung { file, after })
        }
    }
}
