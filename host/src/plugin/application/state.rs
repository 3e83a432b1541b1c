//! State that an application hands over, in memory of the host.
//!
//! A slot calls this when versions replace each other. Invariant: what is kept is a copy; the bytes
//! of a library are released before the call is over.

use std::fmt;
use std::sync::Arc;

use dsgi::abi::answer;
use dsgi::abi::grown::{self, handover};
use dsgi::abi::leaf::Bytes;
use dsgi::abi::pointer::{Growable, Out};
use dsgi::bridge::bytes::{SharedBytes, read_fault};

use super::Application;

/// State of a version, for another one.
#[derive(Clone)]
pub(crate) struct State {
    /// The application's own number for how to read it.
    pub(crate) format: u32,
    bytes: Arc<[u8]>,
}

/// When state is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    /// Its version goes on serving until the other one does.
    Snapshot,
    /// Nothing is at work at its version any more.
    Final,
}

/// Why an application exported nothing, although it wanted to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExportError {
    /// It said why.
    #[error("{0}")]
    Failed(String),
    /// More than the host keeps.
    #[error("it has {bytes} bytes, of at most {most}")]
    TooLarge { bytes: usize, most: usize },
    /// It answered outside the specification.
    #[error("export_state gave the answer {0}, which is none")]
    Answer(u32),
}

/// Why an application did not take state over.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ImportError {
    /// It said why.
    #[error("{0}")]
    Refused(String),
    /// It does not do that at all.
    #[error("it takes no state over")]
    Unsupported,
    /// It answered outside the specification.
    #[error("import_state gave the answer {0}, which is none")]
    Answer(u32),
}

impl Application {
    /// Whether it may have state to hand over.
    pub(crate) const fn hands_over(&self) -> bool {
        self.table.export_state.is_some()
    }

    /// Its state, if it has any. It may take its time.
    pub(crate) fn export_state(
        &self,
        when: Handover,
        most: usize,
    ) -> Result<Option<State>, ExportError> {
        let Some(export) = self.table.export_state else { return Ok(None) };
        let mut given = grown::State { handover: when.raw(), ..Growable::absent() };
        // SAFETY: started and not dropped, and the struct is lent for the call.
        match unsafe { export(self.app, Out::lend(&mut given)) } {
            answer::READY => {
                // SAFETY: ownership of the bytes came with the answer, and its library is loaded.
                let bytes = unsafe { SharedBytes::from_raw(given.bytes) };
                if bytes.len() > most {
                    return Err(ExportError::TooLarge { bytes: bytes.len(), most });
                }
                Ok(Some(State { format: given.format, bytes: Arc::from(&*bytes) }))
            }
            answer::UNSUPPORTED => Ok(None),
            // SAFETY: ownership of the fault came with the answer.
            answer::ERROR => Err(ExportError::Failed(unsafe { read_fault(given.fault) }.message)),
            other => Err(ExportError::Answer(other)),
        }
    }

    /// Has it take over what another version had. It may take its time.
    pub(crate) fn import_state(&self, state: &State, when: Handover) -> Result<(), ImportError> {
        let Some(import) = self.table.import_state else { return Err(ImportError::Unsupported) };
        let (ptr, len) = (state.bytes.as_ptr(), state.bytes.len());
        let mut given = grown::State {
            format: state.format,
            handover: when.raw(),
            bytes: Bytes { ptr, len, ..Bytes::EMPTY },
            ..Growable::absent()
        };
        // SAFETY: started and not dropped; the struct and the bytes are lent for the call.
        match unsafe { import(self.app, Out::lend(&mut given)) } {
            answer::READY => Ok(()),
            answer::UNSUPPORTED => Err(ImportError::Unsupported),
            // SAFETY: ownership of the fault came with the answer.
            answer::ERROR => Err(ImportError::Refused(unsafe { read_fault(given.fault) }.message)),
            other => Err(ImportError::Answer(other)),
        }
    }
}

impl State {
    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Handover {
    const fn raw(self) -> u32 {
        match self {
            Self::Snapshot => handover::SNAPSHOT,
            Self::Final => handover::FINAL,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of format {}", self.bytes.len(), self.format)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({self})")
    }
}
