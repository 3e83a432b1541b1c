//! The host's log on stderr, and the names under which libraries write to it.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{PoisonError, RwLock};

use tracing_subscriber::EnvFilter;

/// Names of generations, for entries that a library writes outside of a request.
static NAMES: RwLock<Option<HashMap<u64, String>>> = RwLock::new(None);

/// Starts the log: to stderr, one line an entry, filtered as `DSGI_LOG` or `info` says.
pub(crate) fn start(filter: Option<&str>) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .parse_lossy(filter.unwrap_or_default());
    // A second start, as by a program that has its own log, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
}

/// Remembers the name of a generation.
pub(crate) fn name(generation: u64, name: &str) {
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    names.get_or_insert_default().insert(generation, name.to_owned());
}

/// The name of a generation, or a question mark.
pub(crate) fn name_of(generation: u64) -> String {
    let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
    let name = names.as_ref().and_then(|names| names.get(&generation));
    name.map_or_else(|| String::from("?"), Clone::clone)
}

/// One entry that a library writes.
pub(crate) fn from_library(generation: u64, level: u32, target: &str, text: &str) {
    use dsgi::abi::object::level;
    let app = name_of(generation);
    match level {
        level::ERROR => tracing::error!(app, generation, target, "{text}"),
        level::WARN => tracing::warn!(app, generation, target, "{text}"),
        level::INFO => tracing::info!(app, generation, target, "{text}"),
        _ => tracing::debug!(app, generation, target, "{text}"),
    }
}
