//! Events of `tracing`, in their spans, and records of `log`, on their way to the host's log.
//!
//! A library has the statics of these crates for itself, so that a subscriber in it sees what the
//! library does and nothing else. The host's filter is asked first, once for each place in the
//! code if its answer stays; fields are written out only where it says yes. Authors who bring a
//! subscriber or a logger of their own keep it.

mod current;

use std::io;

use tracing_core::dispatcher::{self, Dispatch};
use tracing_core::subscriber::Interest;
use tracing_core::{Level, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use self::current::Current;
pub(super) use self::current::end;
use super::log::{Answer, ask, host_log};
use crate::Result;
use crate::abi::object::level;

/// Each level here and in `log`, in the order of their numbers in [`level`].
const LEVELS: [(Level, log::LevelFilter); 5] = [
    (Level::ERROR, log::LevelFilter::Error),
    (Level::WARN, log::LevelFilter::Warn),
    (Level::INFO, log::LevelFilter::Info),
    (Level::DEBUG, log::LevelFilter::Debug),
    (Level::TRACE, log::LevelFilter::Trace),
];

/// Runs what makes the application, and tells the host of events from its first one on.
///
/// Until it is through, that holds for its own thread only: the author may install a subscriber
/// there, which must be the first one of the library.
pub(super) fn logged<A>(construct: impl FnOnce() -> Result<A>) -> Result<A> {
    let Some((most, most_in_log)) = most_verbose() else { return construct() };
    let lines = tracing_subscriber::fmt::layer()
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .with_writer(ToHost);
    let asked = tracing_subscriber::registry().with(Asked(most)).with(lines);
    let subscriber = Dispatch::new(Current::listen(asked));
    let made = dispatcher::with_default(&subscriber, construct)?;
    // Both fail only where the author has installed one.
    let _ = dispatcher::set_global_default(subscriber);
    if log::set_logger(&ToHost).is_ok() {
        log::set_max_level(most_in_log);
    }
    Ok(made)
}

/// The most verbose level that the host may write of anything; nothing where it writes none, or
/// has no filter to ask.
fn most_verbose() -> Option<(Level, log::LevelFilter)> {
    let may = |answer| !matches!(answer, None | Some(Answer::Never));
    let mut levels = LEVELS.into_iter().rev();
    levels.find(|(level, _)| may(ask(number(*level), "")))
}

fn number(level: Level) -> u32 {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        _ => level::TRACE,
    }
}

/// The host's filter, with the most verbose level that it may let through.
struct Asked(Level);

impl<S: Subscriber> Layer<S> for Asked {
    fn register_callsite(&self, place: &'static Metadata<'static>) -> Interest {
        match ask(number(*place.level()), place.target()) {
            None | Some(Answer::Never) => Interest::never(),
            Some(Answer::NotNow | Answer::Now) => Interest::sometimes(),
            Some(Answer::Always) => Interest::always(),
        }
    }

    fn enabled(&self, place: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_wanted(number(*place.level()), place.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.0))
    }
}

fn is_wanted(level: u32, target: &str) -> bool {
    matches!(ask(level, target), Some(Answer::Now | Answer::Always))
}

/// The host's log, for both crates.
struct ToHost;

impl<'a> MakeWriter<'a> for ToHost {
    type Writer = Entry;

    fn make_writer(&'a self) -> Entry {
        Entry { level: level::INFO, target: String::new() }
    }

    fn make_writer_for(&'a self, place: &Metadata<'_>) -> Entry {
        Entry { level: number(*place.level()), target: place.target().to_owned() }
    }
}

/// One entry, which is written as a whole.
struct Entry {
    level: u32,
    target: String,
}

impl io::Write for Entry {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(log) = host_log() {
            log(self.level, &self.target, line.strip_suffix(b"\n").unwrap_or(line));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for ToHost {
    fn enabled(&self, place: &log::Metadata<'_>) -> bool {
        is_wanted(place.level() as u32, place.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if let Some(log) = host_log() {
            let text = record.args().to_string();
            log(record.level() as u32, record.target(), text.as_bytes());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_same_numbers_everywhere() {
        let ours = LEVELS.map(|(level, _)| number(level));
        let of_log = LEVELS.map(|(_, level)| level as u32);
        assert_eq!((ours, of_log), ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]));
    }
}
