//! The library's way to the host's log, and panics told there with their place.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::{PoisonError, RwLock};

use crate::Result;
use crate::abi::grown::Init;
use crate::abi::leaf::Str;
#[cfg(feature = "tracing")]
use crate::abi::object::interest;
use crate::abi::object::{HostTable, level};
use crate::bridge::caught;

/// The host's functions and this library's generation, from `init` to `drop`.
static HOST: RwLock<Option<(HostTable, u64)>> = RwLock::new(None);

/// Keeps the host's functions, and sends this library's panics to its log.
pub(super) fn connect(init: &Init) {
    // SAFETY: lent for `init`, with its size set; the functions stay valid until `drop`.
    let table = unsafe { init.host.read() };
    *HOST.write().unwrap_or_else(PoisonError::into_inner) = Some((table, init.generation));
    if table.log.is_some() {
        panic::set_hook(Box::new(tell));
    }
}

/// Forgets the host's functions and takes the panic hook back, so that neither side points into
/// the other one; and ends what listens to the library's events, and what else is kept for
/// as long as the application is there.
pub(super) fn disconnect() {
    let known = HOST.write().unwrap_or_else(PoisonError::into_inner).take();
    if known.is_some_and(|(table, _)| table.log.is_some()) {
        drop(panic::take_hook());
    }
    crate::purpose::forget();
    #[cfg(feature = "tracing")]
    super::traces::end();
}

/// Runs what makes the application, and has its events told to the host from then on, if the
/// author wants that.
pub(super) fn logged<A>(construct: impl FnOnce() -> Result<A>) -> Result<A> {
    #[cfg(feature = "tracing")]
    return super::traces::logged(construct);
    #[cfg(not(feature = "tracing"))]
    construct()
}

/// What the host's filter says of entries.
#[cfg(feature = "tracing")]
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Never,
    NotNow,
    Now,
    Always,
}

/// Asks the host for entries of a level and a target, or of any target if that is empty. There is
/// no answer where there is no host, or one that cannot be asked.
#[cfg(feature = "tracing")]
pub(super) fn ask(level: u32, target: &str) -> Option<Answer> {
    let host = *HOST.read().unwrap_or_else(PoisonError::into_inner);
    let (enabled, generation) = host.and_then(|(table, of)| Some((table.enabled?, of)))?;
    // SAFETY: the host's function, valid until `drop`; the text is lent.
    Some(match unsafe { enabled(generation, level, Str::lend(target.as_bytes())) } {
        interest::NEVER => Answer::Never,
        interest::NOT_NOW => Answer::NotNow,
        interest::ALWAYS => Answer::Always,
        _ => Answer::Now,
    })
}

/// What writes entries of a level and a target to the host's log, where there is a host.
pub(super) fn host_log() -> Option<impl Fn(u32, &str, &[u8])> {
    let (table, generation) = (*HOST.read().unwrap_or_else(PoisonError::into_inner))?;
    let log = table.log?;
    Some(move |level, target: &str, text: &[u8]| {
        // SAFETY: the host's function, valid until `drop`; both texts are lent.
        unsafe { log(generation, level, Str::lend(target.as_bytes()), Str::lend(text)) };
    })
}

/// Writes one line to the host's log as an error; to stderr where there is no host.
pub fn report(text: &str) {
    match host_log() {
        Some(log) => log(level::ERROR, "dsgi", text.as_bytes()),
        // `eprintln!` panics when nobody listens, and this runs where nothing may unwind.
        None => drop(caught(|| eprintln!("{text}"))),
    }
}

fn tell(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not text");
    let place = panic.location().map(|at| format!(" at {at}")).unwrap_or_default();
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        report(&format!("panicked{place}: {text}\n{backtrace}"));
    } else {
        report(&format!("panicked{place}: {text}"));
    }
}
