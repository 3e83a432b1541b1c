//! What the tests share: the host as a child process, a client of raw bytes, libraries built on
//! demand, and the way to say that a test cannot run here.
//!
//! Everything waits for a condition, never for a time; every wait has a deadline and shows what
//! the host said when the deadline passes.
#![allow(dead_code, reason = "a tool of the tests may be there before its first use")]

pub(crate) mod asking;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod crates;
pub(crate) mod doors;
pub(crate) mod fastcgi;
pub(crate) mod frames;
pub(crate) mod fronts;
pub(crate) mod gate;
pub(crate) mod host;
pub(crate) mod http2;
pub(crate) mod libraries;
pub(crate) mod linked;
pub(crate) mod misbehaving;
pub(crate) mod operated;
pub(crate) mod output;
pub(crate) mod portable;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod refusal;
pub(crate) mod service;
pub(crate) mod skip;
pub(crate) mod stage;
pub(crate) mod user;
pub(crate) mod validated;
pub(crate) mod weight;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a test waits for something that takes milliseconds on an idle machine. Generous: it
/// only decides how late a broken host is reported.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The top folder of the project.
pub(crate) fn project() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package lies in the project's folder").to_path_buf()
}

/// Looks again until there is what is looked for: for what nobody tells, such as the end of a
/// process that is nobody's child.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
