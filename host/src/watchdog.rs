//! Names an application that holds a core.
//!
//! It sleeps and looks at each core's pulse; a core that is inside the same call at several looks
//! serves nobody else meanwhile.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::invoke::place::Pulse;

const LOOK: Duration = Duration::from_millis(200);
/// Looks at the same call before it is named: within a second, and never for a call that is only
/// slow for a moment.
const LOOKS: u32 = 3;

/// Watches the pulses for as long as the process lives.
pub(crate) fn start(pulses: Vec<Arc<Pulse>>) -> std::io::Result<()> {
    let watch = move || {
        let mut seen: Vec<(Option<(u64, u64)>, u32)> = vec![(None, 0); pulses.len()];
        loop {
            thread::sleep(LOOK);
            for (pulse, (last, looks)) in pulses.iter().zip(&mut seen) {
                let now = pulse.read();
                *looks = if now.is_some() && now == *last { *looks + 1 } else { 0 };
                *last = now;
                if let (Some((generation, _)), LOOKS) = (now, *looks) {
                    name(generation);
                }
            }
        }
    };
    thread::Builder::new().name(String::from("watchdog")).spawn(watch).map(drop)
}

fn name(generation: u64) {
    let app = crate::log::name_of(generation);
    tracing::warn!(
        app,
        generation,
        "holds a core: every connection of that core waits; an application that waits must be \
         declared blocking"
    );
}
