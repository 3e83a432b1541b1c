//! The library's way to the host's log, and panics told there with their place.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;

use crate::abi::grown::Init;
use crate::abi::leaf::Str;
use crate::abi::object::{HostTable, level};

static HOST: OnceLock<(HostTable, u64)> = OnceLock::new();

/// Keeps the host's functions, and sends this library's panics to its log.
pub(super) fn connect(init: &Init) {
    // SAFETY: lent for `init`, with its size set; the functions stay valid until `drop`.
    let table = unsafe { init.host.read() };
    if HOST.set((table, init.generation)).is_ok() && table.log.is_some() {
        panic::set_hook(Box::new(tell));
    }
}

/// Takes the panic hook back, so that nothing of the process points into this library.
pub(super) fn disconnect() {
    if HOST.get().is_some() {
        drop(panic::take_hook());
    }
}

/// Writes one line to the host's log as an error; to stderr where there is no host.
pub fn report(text: &str) {
    match HOST.get().and_then(|(table, generation)| Some((table.log?, *generation))) {
        // SAFETY: the host's function, valid until `drop`; both texts are lent.
        Some((log, generation)) => unsafe {
            log(generation, level::ERROR, Str::lend(b"dsgi"), Str::lend(text.as_bytes()));
        },
        // Not `eprintln!`, which panics when nobody listens: this runs where nothing may unwind.
        None => drop(writeln!(io::stderr(), "{text}")),
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
