//! A config file exactly as it was written: tables and keys, each value with its place.
//!
//! `config` reads one and says what it means. Invariant: a key that means nothing is refused with
//! its line, so that a mistyped one is never a default.

mod times;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use self::times::Time;
use crate::limits::Limits;
use crate::plugin::artifact::distance;
use crate::plugin::probe::{Reach, Wish};
use crate::slot::{Keep, Policy};

/// A config file.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    pub(crate) tables: Tables,
    text: String,
}

/// What stands in it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tables {
    pub(crate) server: Server,
    pub(crate) listen: Vec<Listen>,
    pub(crate) apps: BTreeMap<Spanned<String>, App>,
    pub(crate) mount: Vec<Mount>,
}

/// `[server]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) listen: Vec<Spanned<String>>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) control: Option<PathBuf>,
    pub(crate) debug_headers: Option<bool>,
    drain_timeout: Option<Time>,
    request_timeout: Option<Time>,
    retained_limit: Option<usize>,
    limits: LimitsTable,
}

/// `[server.limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    header_bytes: Option<usize>,
    header_count: Option<usize>,
    target_bytes: Option<usize>,
    body_bytes: Option<u64>,
    header_timeout: Option<Time>,
    keep_alive_timeout: Option<Time>,
    body_timeout: Option<Time>,
    write_timeout: Option<Time>,
    connections: Option<usize>,
    streams: Option<u32>,
    pool_threads: Option<usize>,
    pool_queue: Option<usize>,
    probe_timeout: Option<Time>,
    init_timeout: Option<Time>,
    handover_timeout: Option<Time>,
    handover_bytes: Option<usize>,
}

/// `[[listen]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) bind: Spanned<String>,
    pub(crate) protocol: Option<Spanned<String>>,
}

/// `[apps.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    pub(crate) path: PathBuf,
    #[serde(default)]
    pub(crate) config: toml::Table,
    #[serde(default)]
    deploy: Deploy,
}

/// `[apps.NAME.deploy]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Deploy {
    keep_previous: Option<KeepPrevious>,
    exclusive_hold: Option<Time>,
    panics: Option<u64>,
    window: Option<Time>,
    probe: Option<Spanned<Reach>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeepPrevious {
    File,
    Standby,
    None,
}

/// `[[mount]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mount {
    pub(crate) path: Spanned<String>,
    pub(crate) app: Spanned<String>,
}

/// Why a config file says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FileError {
    #[error("cannot read the config `{}`", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("`{place}`: {what}")]
    Wrong {
        /// File and line.
        place: String,
        what: String,
        help: Option<String>,
    },
}

impl FileError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Read { .. } => None,
            Self::Wrong { help, .. } => help.clone(),
        }
    }
}

impl ConfigFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let text = fs::read_to_string(path)
            .map_err(|source| FileError::Read { file: path.to_path_buf(), source })?;
        let (path, tables) = (path.to_path_buf(), Tables::default());
        let file = Self { path, tables, text };
        match toml::from_str(&file.text) {
            Ok(tables) => Ok(Self { tables, ..file }),
            Err(error) => {
                let (what, help) = in_our_words(error.message());
                Err(file.wrong(error.span().unwrap_or_default(), what, help))
            }
        }
    }

    /// That something is wrong at a place in it.
    pub(crate) fn wrong(&self, at: Range<usize>, what: String, help: Option<String>) -> FileError {
        FileError::Wrong { place: self.place(&at), what, help }
    }

    /// File and line.
    pub(crate) fn place(&self, at: &Range<usize>) -> String {
        let before = self.text.get(..at.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    /// A path in it is meant from where the file lies.
    pub(crate) fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

impl Server {
    /// The limits that it sets; the others stay.
    pub(crate) fn limits(&self, mut limits: Limits) -> Limits {
        let Self { drain_timeout, request_timeout, retained_limit, limits: table, .. } = self;
        put_time(&mut limits.drain_timeout, *drain_timeout);
        put_time(&mut limits.request_timeout, *request_timeout);
        put(&mut limits.retained, *retained_limit);
        put(&mut limits.header_bytes, table.header_bytes);
        put(&mut limits.header_count, table.header_count);
        put(&mut limits.target_bytes, table.target_bytes);
        put(&mut limits.body_bytes, table.body_bytes);
        put_time(&mut limits.header_timeout, table.header_timeout);
        put_time(&mut limits.keep_alive_timeout, table.keep_alive_timeout);
        put_time(&mut limits.body_timeout, table.body_timeout);
        put_time(&mut limits.write_timeout, table.write_timeout);
        put(&mut limits.connections, table.connections);
        put(&mut limits.streams, table.streams);
        put(&mut limits.pool_threads, table.pool_threads);
        put(&mut limits.pool_queue, table.pool_queue);
        put_time(&mut limits.probe_timeout, table.probe_timeout);
        put_time(&mut limits.init_timeout, table.init_timeout);
        put_time(&mut limits.handover_timeout, table.handover_timeout);
        put(&mut limits.handover_bytes, table.handover_bytes);
        limits
    }
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn put_time(place: &mut std::time::Duration, value: Option<Time>) {
    put(place, value.map(|Time(time)| time));
}

impl App {
    /// How its versions are replaced.
    pub(crate) fn policy(&self, file: &ConfigFile) -> Policy {
        let mut policy = Policy::default();
        let Deploy { keep_previous, exclusive_hold, panics, window, probe } = &self.deploy;
        let keep = keep_previous.map(|keep| match keep {
            KeepPrevious::File => Keep::File,
            KeepPrevious::Standby => Keep::Standby,
            KeepPrevious::None => Keep::Nothing,
        });
        put(&mut policy.keep_previous, keep);
        put(&mut policy.panics, *panics);
        put_time(&mut policy.window, *window);
        put_time(&mut policy.exclusive_hold, *exclusive_hold);
        policy.probe = probe.as_ref().map(|probe| {
            let (reach, place) = (*probe.get_ref(), file.place(&probe.span()));
            Wish { reach, place }
        });
        policy
    }
}

/// What the reader of TOML says of types, in words of ours, and the name that was probably meant.
fn in_our_words(message: &str) -> (String, Option<String>) {
    let one_line = message.lines().collect::<Vec<_>>().join(", ");
    for (theirs, ours) in [("unknown field", "unknown key"), ("unknown variant", "unknown value")] {
        if let Some(rest) = one_line.strip_prefix(theirs) {
            let mut quoted = rest.split('`').skip(1).step_by(2);
            let name = quoted.next().unwrap_or_default();
            let names: Vec<&str> = quoted.collect();
            return (format!("{ours} `{name}`"), meant(name, &names));
        }
    }
    if let Some(rest) = one_line.strip_prefix("missing field") {
        return (format!("the key{rest} is missing"), None);
    }
    (one_line, None)
}

/// Which of these names was meant; all of them, when it is none.
pub(crate) fn meant(name: &str, names: &[&str]) -> Option<String> {
    let far = |one: &&&str| distance(name.as_bytes(), one.as_bytes());
    match names.iter().min_by_key(far) {
        Some(nearest) if far(&nearest) <= name.len() / 3 => {
            Some(format!("did you mean `{nearest}`?"))
        }
        Some(_) => Some(format!("possible here: {}", names.join(", "))),
        None => None,
    }
}

#[cfg(test)]
mod tests;
