//! USR1: log files were moved away, and new ones are begun.
//!
//! A thread of its own waits for the signal, so that it is heeded within a reload too. It tells the
//! access logs that are linked into the host; one that is a library looks by itself.

use std::io;
use std::thread;

use tokio::runtime::Builder;

use crate::platform::signals::{Again, Wish};

/// From now on USR1 does not end the process.
///
/// # Errors
/// When the system refuses a thread or its descriptors.
pub(crate) fn start() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut signal = {
        let _runtime = runtime.enter();
        Again::heed(Wish::Rotate)?
    };
    let heed = move || {
        while runtime.block_on(signal.next()).is_some() {
            dsgi_layers::rotate();
            tracing::info!("USR1 received: log files that were moved away are begun anew");
        }
    };
    thread::Builder::new().name(String::from("rotate")).spawn(heed).map(drop)
}
