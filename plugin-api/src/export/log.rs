//! The library's way to the host's log, and panics told there with their place.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::{PoisonError, RwLock};

use crate::abi::grown::Init;
use crate::abi::leaf::Str;
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
/// the other one.
pub(super) fn disconnect() {
    let known = HOST.write().unwrap_or_else(PoisonError::into_inner).take();
    if known.is_some_and(|(table, _)| table.log.is_some()) {
        drop(panic::take_hook());
    }
}

/// Writes one line to the host's log as an error; to stderr where there is no host.
pub fn report(text: &str) {
    let host = *HOST.read().unwrap_or_else(PoisonError::into_inner);
    match host.and_then(|(table, generation)| Some((table.log?, generation))) {
        // SAFETY: the host's function, valid until `drop`; both texts are lent.
        Some((log, generation)) => unsafe {
            log(generation, level::ERROR, Str::lend(b"dsgi"), Str::lend(text.as_bytes()));
        },
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
