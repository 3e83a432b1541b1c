//! What to serve, resolved and checked before anything is opened.
//!
//! `include` reads the files, `expand` puts in what their strings stand for, `shape` makes them
//! `tables`, and `meaning` says what those mean; `typed` are the texts of the command line, which
//! win. Invariant: a mistake is told with its `place`, before anything is tried.

mod error;
mod expand;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod include;
mod layer;
mod meaning;
mod place;
pub(crate) mod schema;
mod settings;
mod shape;
mod tables;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::error::ConfigError;
use self::error::FileError;
pub(crate) use self::layer::{Around, Layer};
use self::meaning::{Kinds, Look, Written};
pub(crate) use self::place::Mistakes;
pub(crate) use self::settings::Settings;
use crate::authority::HostPattern;
use crate::cli::Serve;
use crate::control::is_name as is_host_name;
use crate::crate_dir::Profile;
use crate::limits::Limits;
use crate::listener::Listen;
use crate::slot::Policy;
use crate::tenure::DebugHeaders;

/// Everything that the command line and the config file say, in the host's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Where to listen; nothing is said of it where this is empty.
    pub(crate) listen: Vec<Listen>,
    pub(crate) mounts: Vec<Mount>,
    /// Every layer that stands in a stack, once; those around every mount outermost first.
    pub(crate) layers: Vec<Layer>,
    pub(crate) settings: Settings,
    /// How versions of an application are replaced, where it is not as usual.
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) profile: Profile,
    pub(crate) debug_headers: DebugHeaders,
    pub(crate) bad_apps: BadApps,
    pub(crate) changes: Changes,
    /// What the user calls this host; otherwise it is its first port.
    pub(crate) name: Option<String>,
    /// Where the user wants the control socket.
    pub(crate) control: Option<PathBuf>,
    /// Where versions are kept for the next start.
    pub(crate) state: Option<PathBuf>,
}

/// One application at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Hosts it is for; any, if none is said.
    pub(crate) host: Option<HostPattern>,
    /// Path without a trailing slash; empty for the root.
    pub(crate) path: String,
    /// Name the user gave; otherwise it is the descriptor's.
    pub(crate) name: Option<String>,
    pub(crate) origin: Origin,
    /// Names of the layers around it and no other mount, outermost first. They stand inside those
    /// that are around every mount.
    pub(crate) layers: Vec<String>,
    /// The flag it came from, for messages.
    pub(crate) flag: &'static str,
}

/// Where the code of an application or a layer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A library, or the folder of a crate.
    File(PathBuf),
    /// It is linked into the host under this name.
    Linked(String),
}

/// What to do about an application that cannot be taken into service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadApps {
    /// Its mount answers 503, the others serve.
    Answer503,
    /// Do not start.
    Refuse,
}

/// What to do when an application's file or crate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Deploy it: `--watch`.
    Deploy,
    /// Nothing, until somebody asks.
    Leave,
}

impl Config {
    /// What a file means, with nothing typed beside it, and whether what it names is there.
    pub(crate) fn check(file: &Path) -> Result<Self, ConfigError> {
        let typed = Serve { config: Some(file.to_path_buf()), ..Serve::default() };
        Self::put_together(typed, read(file, &Kinds::linked(), Look::Files)?)
    }

    /// Resolves what was typed, and what stands in the file that was named.
    pub(crate) fn resolve(typed: Serve) -> Result<Self, ConfigError> {
        Self::resolve_with(typed, &Kinds::linked())
    }

    fn resolve_with(typed: Serve, kinds: &Kinds) -> Result<Self, ConfigError> {
        let read = |file| read(file, kinds, Look::Text);
        let written = typed.config.as_deref().map(read).transpose()?;
        Self::put_together(typed, written.unwrap_or_default())
    }

    fn put_together(typed: Serve, written: Written) -> Result<Self, ConfigError> {
        let mut mounts: Vec<Mount> =
            typed.load.iter().map(|text| Mount::at(String::new(), text, "--load")).collect();
        for text in &typed.mount {
            mounts.push(Mount::parse(text)?);
        }
        typed::one_at_each_path(&mounts)?;
        let typed_at: BTreeSet<String> = mounts.iter().map(|mount| mount.path.clone()).collect();
        let stays = |mount: &Mount| mount.host.is_some() || !typed_at.contains(&mount.path);
        mounts.extend(written.mounts.into_iter().filter(stays));
        if mounts.is_empty() {
            return Err(typed.config.map_or(ConfigError::Nothing, ConfigError::NoMount));
        }
        let mut settings = written.settings;
        // What is typed stands outside of what is written.
        let layers: Result<Vec<Layer>, ConfigError> =
            typed.enable.iter().map(|text| Layer::parse(text)).collect();
        let mut layers = layers?;
        layers.extend(standing(written.layers, &mounts));
        // Of an application that the command line has put out of its places.
        let names = mounts.iter().map(|mount| mount.name.as_deref());
        let names: BTreeSet<Option<&str>> =
            names.chain(layers.iter().map(|layer| layer.name.as_deref())).collect();
        settings.retain(|name| names.contains(&None) || names.contains(&Some(name)));
        for text in &typed.set {
            settings.set(text)?;
        }
        let listen: Result<Vec<Listen>, ConfigError> =
            typed.listen.iter().map(|text| typed::listen(text)).collect();
        let mut listen = listen?;
        if listen.is_empty() {
            listen = written.listen;
        }
        let limits = with_times(written.limits, &typed);
        let profile = if typed.debug { Profile::Debug } else { Profile::Release };
        let shown = typed.debug_headers || written.debug_headers == Some(true);
        let debug_headers = if shown { DebugHeaders::Shown } else { DebugHeaders::Hidden };
        let bad_apps = if typed.strict { BadApps::Refuse } else { BadApps::Answer503 };
        let changes = if typed.watch { Changes::Deploy } else { Changes::Leave };
        if let Some(name) = typed.name.as_deref().filter(|name| !is_host_name(name)) {
            return Err(ConfigError::HostName(name.to_owned()));
        }
        let (name, control) = (typed.name, typed.control.or(written.control));
        let state = typed.state.or(written.state);
        let (limits, policies) = (Arc::new(limits), written.policies);
        Ok(Self {
            listen,
            mounts,
            layers,
            settings,
            policies,
            limits,
            profile,
            debug_headers,
            bad_apps,
            changes,
            name,
            control,
            state,
        })
    }
}

/// What a file means, or all that is wrong with it.
fn read(file: &Path, kinds: &Kinds, look: Look) -> Result<Written, FileError> {
    let (sources, mistakes) = include::gather(file)
        .map_err(|source| FileError::Read { file: file.to_path_buf(), source })?;
    let said = match mistakes.is_empty() {
        true => shape::tables(&sources)
            .and_then(|(tables, secrets)| meaning::of(&sources, &tables, &secrets, kinds, look)),
        false => Err(mistakes),
    };
    said.map_err(|mistakes| FileError::Wrong(sources.show(mistakes)))
}

/// The layers that stand around some mount; the command line may have taken a place of theirs.
fn standing(layers: Vec<Layer>, mounts: &[Mount]) -> Vec<Layer> {
    let named: BTreeSet<&str> =
        mounts.iter().flat_map(|mount| &mount.layers).map(String::as_str).collect();
    let stands = |layer: &Layer| match layer.around {
        Around::Every => true,
        Around::Named => layer.name.as_deref().is_some_and(|name| named.contains(name)),
    };
    layers.into_iter().filter(stands).collect()
}

/// The limits that were typed in place of those that were written.
fn with_times(limits: Limits, typed: &Serve) -> Limits {
    Limits {
        request_timeout: typed.request_timeout.unwrap_or(limits.request_timeout),
        drain_timeout: typed.drain_timeout.unwrap_or(limits.drain_timeout),
        probe_timeout: typed.probe_timeout.unwrap_or(limits.probe_timeout),
        init_timeout: typed.init_timeout.unwrap_or(limits.init_timeout),
        handover_timeout: typed.handover_timeout.unwrap_or(limits.handover_timeout),
        ..limits
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Linked(kind) => kind.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
