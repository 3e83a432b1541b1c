//! Layers and applications that are part of this program, by kind: nothing is loaded for them, and
//! no file takes their place.
//!
//! A kind has the same functions as a library, so that a stack knows no difference. What one of
//! them is told it can be told anew only by another generation, as a library is.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use dsgi::export::Entrance;
use dsgi_layers::Sort;

use crate::limits::Limits;
use crate::moment::Moment;
use crate::operator::{App, Build, State};
use crate::plugin::application::StartError;
use crate::plugin::inspect::Kind as Role;
use crate::plugin::load::{self, Previous};
use crate::slot::{Host, role};
use crate::tenure::{DebugHeaders, Tenure};

/// What is linked into this program under one name.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) entrance: &'static Entrance,
}

/// All of them.
pub(crate) static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let kinds = dsgi_layers::KINDS.iter();
    kinds
        .map(|kind| Kind {
            name: kind.name,
            role: match kind.sort {
                Sort::Layer => Role::Layer,
                Sort::Application => Role::Application,
            },
            entrance: &kind.entrance,
        })
        .collect()
});

/// One that serves under a name.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) name: String,
    kind: &'static Kind,
    config: String,
    pub(crate) tenure: Arc<Tenure>,
    since: Moment,
    /// Changes with the config, and nothing else with it.
    mounts: Mutex<Vec<String>>,
}

/// Why a kind does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LinkedError {
    /// No kind has this name.
    #[error("`{0}` is neither a kind of layer nor a file")]
    Unknown(String),
    /// A layer where an application belongs, or the reverse.
    #[error("`{name}` is of the kind `{kind}`, which cannot stand there")]
    Role {
        /// What it is called here.
        name: String,
        /// The kind.
        kind: &'static str,
    },
    /// It said no.
    #[error("`{name}` of the kind `{kind}` did not start: {source}")]
    Start {
        /// What it is called here.
        name: String,
        /// The kind.
        kind: &'static str,
        /// Why.
        source: StartError,
    },
    /// The system has no threads for it.
    #[error("`{name}` did not start: there are no threads for its calls")]
    Threads {
        /// What it is called here.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

impl LinkedError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Unknown(text) => {
                let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                let kinds = if kinds.is_empty() { String::from("none") } else { kinds.join(", ") };
                Some(format!("the kinds are: {kinds}; a file has a slash or a dot: ./{text}"))
            }
            Self::Role { kind, .. } => {
                Some(format!("a layer stands around a mount: --enable {kind}"))
            }
            Self::Start { .. } | Self::Threads { .. } => None,
        }
    }
}

/// The kind of this name.
pub(crate) fn find(name: &str) -> Result<&'static Kind, LinkedError> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    kind.ok_or_else(|| LinkedError::Unknown(name.to_owned()))
}

/// Starts a kind and takes it into service.
pub(crate) fn open(
    name: &str,
    kind: &'static Kind,
    expected: Role,
    config: &str,
    debug_headers: DebugHeaders,
    limits: &Arc<Limits>,
) -> Result<Arc<Tenure>, LinkedError> {
    if kind.role != expected {
        return Err(LinkedError::Role { name: name.to_owned(), kind: kind.name });
    }
    let started = load::linked(kind.entrance, kind.role, name, config, Previous::None);
    let generation = started.map_err(|source| LinkedError::Start {
        name: name.to_owned(),
        kind: kind.name,
        source,
    })?;
    Tenure::open(Arc::new(generation), debug_headers, limits)
        .map_err(|source| LinkedError::Threads { name: name.to_owned(), source })
}

impl Linked {
    /// Starts one; nothing else of its name serves, or it does until this takes its place.
    pub(crate) fn start(
        host: &Host,
        name: &str,
        kind: &'static Kind,
        expected: Role,
        config: &str,
    ) -> Result<Self, LinkedError> {
        let tenure = open(name, kind, expected, config, host.debug_headers, &host.limits)?;
        let name = name.to_owned();
        let (config, since, mounts) = (config.to_owned(), Moment::now(), Mutex::default());
        Ok(Self { name, kind, config, tenure, since, mounts })
    }

    /// Whether it is what a config asks for.
    pub(crate) fn is(&self, name: &str, kind: &str, config: &str) -> bool {
        self.name == name && self.kind.name == kind && self.config == config
    }

    /// It stands around these from now on.
    pub(crate) fn stands_around(&self, mounts: &[String]) {
        mounts.clone_into(&mut self.mounts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// As its operator sees it.
    pub(crate) fn shown(&self) -> App {
        let work = self.tenure.work();
        let version = String::from(env!("CARGO_PKG_VERSION"));
        let generation = self.tenure.generation().number();
        App {
            name: self.name.clone(),
            kind: role(self.kind.role),
            mounts: self.mounts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            state: State::Serving,
            current: Some(Build { version, digest: String::new(), generation }),
            since: Some(self.since),
            layout: Some(String::from("linked")),
            in_flight: Some(work.in_flight),
            requests: Some(work.requests),
            panics: Some(work.panics),
            previous: None,
            retained: Vec::new(),
        }
    }
}
