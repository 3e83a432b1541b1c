//! The host's log on stderr, and what libraries write to it.
//!
//! An entry of a library has the level and the target that the library says, and the filter
//! decides by those. A library may ask first, so that it does not write out what nobody reads.

mod filter;
mod sparing;

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{OnceLock, PoisonError, RwLock};

use dsgi::abi::object::{interest, level};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::filter::{Filter, lets_through};
pub(crate) use self::sparing::Sparing;

/// Names of generations, for entries that a library writes outside of a request.
static NAMES: RwLock<Option<HashMap<u64, String>>> = RwLock::new(None);

/// Set once the log is ours: its filter does not change any more.
static OURS: OnceLock<()> = OnceLock::new();

/// The target of every entry that a library has written.
const LIBRARY: &str = "dsgi::library";

/// Starts the log: to stderr, one line an entry, filtered as `DSGI_LOG` or `info` says.
pub(crate) fn start(filter: Option<&str>) {
    let filter = EnvFilter::builder()
        .with_default_directive(Level::INFO.into())
        .parse_lossy(filter.unwrap_or_default());
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let log = tracing_subscriber::registry().with(Filter(filter)).with(lines);
    // A second start, as by a program that has its own log, changes nothing.
    if log.try_init().is_ok() {
        let _ = OURS.set(());
    }
}

/// Remembers the name of a generation.
pub(crate) fn name(generation: u64, name: &str) {
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    names.get_or_insert_default().insert(generation, name.to_owned());
}

/// Forgets the name of a generation that is gone.
pub(crate) fn forget(generation: u64) {
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    names.get_or_insert_default().remove(&generation);
}

/// The name of a generation, or a question mark.
pub(crate) fn name_of(generation: u64) -> String {
    let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
    let name = names.as_ref().and_then(|names| names.get(&generation));
    name.map_or_else(|| String::from("?"), Clone::clone)
}

/// Whether entries of this level and target are written, or of any target if that is empty: one of
/// [`interest`].
pub(crate) fn interest(severity: u32, target: &str) -> u32 {
    let level = level_of(severity);
    let is_enabled = if target.is_empty() {
        level <= LevelFilter::current()
    } else {
        lets_through(level, target)
    };
    match (is_enabled, OURS.get()) {
        (false, Some(())) => interest::NEVER,
        (false, None) => interest::NOT_NOW,
        (true, None) => interest::NOW,
        (true, Some(())) => interest::ALWAYS,
    }
}

/// One entry that a library writes.
pub(crate) fn from_library(generation: u64, severity: u32, target: &str, text: &str) {
    let level = level_of(severity);
    if !lets_through(level, target) {
        return;
    }
    let app = name_of(generation);
    match level {
        Level::ERROR => tracing::error!(target: LIBRARY, app, generation, target, "{text}"),
        Level::WARN => tracing::warn!(target: LIBRARY, app, generation, target, "{text}"),
        Level::INFO => tracing::info!(target: LIBRARY, app, generation, target, "{text}"),
        Level::DEBUG => tracing::debug!(target: LIBRARY, app, generation, target, "{text}"),
        Level::TRACE => tracing::trace!(target: LIBRARY, app, generation, target, "{text}"),
    }
}

/// A level by its number; what is none is for whoever looks for a fault.
fn level_of(severity: u32) -> Level {
    match severity {
        level::ERROR => Level::ERROR,
        level::WARN => Level::WARN,
        level::INFO => Level::INFO,
        level::TRACE => Level::TRACE,
        _ => Level::DEBUG,
    }
}
