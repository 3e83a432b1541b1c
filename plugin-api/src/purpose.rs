//! Why the library was started, and as which of its application's versions.

use std::sync::{OnceLock, PoisonError, RwLock};

use crate::abi::grown::{previous, purpose};

/// Why an application is made.
///
/// ```
/// # fn migrate() {}
/// if dsgi::purpose() != dsgi::Purpose::Probe {
///     migrate();
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// In a short-lived child that only finds out whether the library works: leave migrations,
    /// jobs and locks alone.
    Probe,
    /// To serve.
    Serve(Previous),
}

/// Whether another generation of the same application is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Previous {
    /// This one starts from nothing.
    None,
    /// This one will take over from a running one.
    Running,
}

/// Why this library was started; `Serve(Previous::None)` before `init`.
///
/// ```
/// assert_eq!(dsgi::purpose(), dsgi::Purpose::Serve(dsgi::Previous::None));
/// ```
#[must_use]
pub fn purpose() -> Purpose {
    PURPOSE.get().copied().unwrap_or(Purpose::Serve(Previous::None))
}

/// The number of this generation of the application; 0 before `init`. Each time that a library is
/// put into service it is another one, which no other library of the process has: it tells apart
/// what several versions have counted or named.
///
/// ```
/// let next_ticket = 7;
/// let ticket = format!("{}-{next_ticket}", dsgi::generation());
/// assert_eq!(ticket, "0-7");
/// ```
#[must_use]
pub fn generation() -> u64 {
    GENERATION.get().copied().unwrap_or(0)
}

static PURPOSE: OnceLock<Purpose> = OnceLock::new();
static GENERATION: OnceLock<u64> = OnceLock::new();

/// Emptied at the end, for nobody drops a library's statics.
static NAME: RwLock<String> = RwLock::new(String::new());

/// Name of the application in its host; `app` where it has none.
#[cfg(feature = "tower")]
pub(crate) fn name() -> String {
    let name = NAME.read().unwrap_or_else(PoisonError::into_inner);
    String::from(if name.is_empty() { "app" } else { &name })
}

/// Forgets what is kept for as long as the application is there.
pub(crate) fn forget() {
    *NAME.write().unwrap_or_else(PoisonError::into_inner) = String::new();
}

impl Purpose {
    pub(crate) const fn from_raw(number: u32, before: u32) -> Self {
        match (number, before) {
            (purpose::PROBE, _) => Self::Probe,
            (_, previous::RUNNING) => Self::Serve(Previous::Running),
            _ => Self::Serve(Previous::None),
        }
    }

    pub(crate) fn remember(self, generation: u64, name: &[u8]) {
        // A library is started once for each time it is loaded; linked-in applications share this.
        let _ = PURPOSE.set(self);
        let _ = GENERATION.set(generation);
        let name = String::from_utf8_lossy(name).into_owned();
        *NAME.write().unwrap_or_else(PoisonError::into_inner) = name;
    }
}
