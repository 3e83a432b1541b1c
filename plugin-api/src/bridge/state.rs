//! State that one version of an application hands to another.

use std::fmt;

use super::bytes::SharedBytes;
use crate::abi::grown::handover;
use crate::abi::leaf::Bytes;

/// What one version of an application hands to another: bytes, and a number that says how to read
/// them. What is in memory outlives a swap by it; what must outlive the host belongs on a disk.
///
/// A version that is to be put into service is given a [`Snapshot`](Handover::Snapshot) of the one
/// that serves, after `init` or `resume` and before its first request. When the last request of
/// the old one is over, its [`Final`](Handover::Final) state goes to whatever version serves then:
/// it holds what was written between the snapshot and that moment. In between something may be
/// missing.
///
/// So what is imported is merged, and these rules make it come out right:
///
/// - The same thing may come twice, and an older state after a newer one: a final state repeats
///   what was in the snapshot, and after quick swaps those of several versions come in any order.
///   Keep what is known already and what is newer: the union of two sets, the later of two values,
///   the larger of two counts by the same counter.
/// - It happens while requests run, on a thread of the host, and several at once.
/// - Refuse a format that is not known, with an error. Nothing is taken over then, and the version
///   serves as one that starts from nothing. A rollback hands the state of a newer version to an
///   older one: only add to a format, or be ready for that.
/// - An export that takes longer than the host waits (`--handover-timeout`), or is larger than it
///   takes, is none. An import that takes longer fails the deploy.
///
/// ```
/// use std::collections::BTreeSet;
/// use std::sync::{Mutex, PoisonError};
///
/// use dsgi::{Application, Body, Environ, Error, Handover, Purpose, StartResponse, State};
///
/// /// The paths that were asked for.
/// struct Seen(Mutex<BTreeSet<String>>);
///
/// impl Application for Seen {
///     type Config = ();
///
///     fn init((): (), _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self(Mutex::default()))
///     }
///
///     fn call(&self, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///         let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let new = seen.insert(environ["PATH_INFO"].to_owned());
///         start_response("200 OK", &[])?;
///         Ok(Body::from(if new { "for the first time\n" } else { "again\n" }))
///     }
///
///     fn export_state(&self) -> dsgi::Result<Option<State>> {
///         let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let lines: Vec<&str> = seen.iter().map(String::as_str).collect();
///         Ok(Some(State::new(1, lines.join("\n"))))
///     }
///
///     fn import_state(&self, state: &State, _: Handover) -> dsgi::Result<()> {
///         if state.format() != 1 {
///             return Err(Error::new(format!("its format {} is not known", state.format())));
///         }
///         let lines = std::str::from_utf8(state.bytes())?.lines().map(str::to_owned);
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
///         Ok(())
///     }
/// }
/// # dsgi::app!(type Seen);
/// ```
pub struct State {
    format: u32,
    bytes: SharedBytes,
}

/// When state is handed over.
///
/// ```
/// use dsgi::Handover;
///
/// let whose = |handover| match handover {
///     Handover::Snapshot => "of one that serves on until this one does",
///     Handover::Final => "of one at which nothing is at work any more",
/// };
/// assert!(whose(Handover::Final).contains("any more"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The version that it comes from serves on until this one takes its place, and its final state
    /// will follow.
    Snapshot,
    /// It is the last word of a version at which nothing is at work any more. It mostly comes while
    /// this one serves; where nothing served when it was exported, before this one does.
    Final,
}

impl State {
    /// Bytes, and the number of their format, which is the author's own.
    ///
    /// ```
    /// let state = dsgi::State::new(1, "41");
    /// assert_eq!((state.format(), state.bytes()), (1, b"41".as_slice()));
    /// ```
    #[must_use]
    pub fn new(format: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self { format, bytes: SharedBytes::from(bytes.into()) }
    }

    /// The number of the format.
    #[must_use]
    pub const fn format(&self) -> u32 {
        self.format
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// State that the other side lends.
    ///
    /// # Safety
    /// The bytes stay valid as long as the result lives.
    pub(crate) unsafe fn lent(format: u32, bytes: Bytes) -> Self {
        let bytes = Bytes { release: None, ..bytes };
        // SAFETY: nothing is released; the rest is the caller's promise.
        Self { format, bytes: unsafe { SharedBytes::from_raw(bytes) } }
    }

    /// State that the other side has handed over.
    ///
    /// # Safety
    /// The bytes are owned by the caller.
    pub(crate) const unsafe fn owned(format: u32, bytes: Bytes) -> Self {
        // SAFETY: the caller's promise.
        Self { format, bytes: unsafe { SharedBytes::from_raw(bytes) } }
    }

    /// Hands the bytes over; the receiver releases them.
    pub(crate) fn into_raw(self) -> (u32, Bytes) {
        (self.format, self.bytes.into_raw())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} bytes of format {})", self.bytes.len(), self.format)
    }
}

impl Handover {
    /// An unknown one is merged like every other.
    pub(crate) const fn from_raw(number: u32) -> Self {
        match number {
            handover::SNAPSHOT => Self::Snapshot,
            _ => Self::Final,
        }
    }
}
