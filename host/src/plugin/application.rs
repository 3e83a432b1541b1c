//! An application of either kind, linked in or loaded, behind the same table of functions.
//!
//! The table was checked once and copied: mandatory slots are there, absent ones are stubs.
#![allow(unsafe_code, reason = "calls the functions of a library")]

pub(crate) mod state;
pub(crate) mod step;

use std::ffi::c_void;
use std::fmt;
use std::time::Duration;

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{Init, Instance, Reply};
use dsgi::abi::leaf::Str;
use dsgi::abi::object::{Exchange, HostTable};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::bytes::read_fault;
use dsgi::export::Linked;

type Call = unsafe extern "C" fn(*mut c_void, *mut Exchange, Out<Reply>) -> u32;

/// A started application. Dropping it frees it; nothing may use it then.
pub(crate) struct Application {
    app: *mut c_void,
    call: Call,
    drop: unsafe extern "C" fn(*mut c_void),
    table: AppTable,
}

// SAFETY: the boundary's rule: an application is called by several threads at once.
unsafe impl Send for Application {}
// SAFETY: as above.
unsafe impl Sync for Application {}

/// What `init` is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    pub(crate) name: &'a str,
    pub(crate) config: &'a str,
    pub(crate) generation: u64,
    pub(crate) purpose: u32,
    /// One of [`dsgi::abi::grown::previous`].
    pub(crate) previous: u32,
}

/// Why an application did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    /// The library was built against another version of the boundary.
    #[error("it was built for ABI {theirs}, this host speaks ABI {ours}")]
    Abi {
        /// The library's version.
        theirs: u32,
        /// The host's version.
        ours: u32,
    },
    /// A mandatory slot is empty.
    #[error("its table has no `{0}`")]
    Slot(&'static str),
    /// `init` said why.
    #[error("init failed: {0}")]
    Init(String),
    /// `init` answered outside the specification.
    #[error("init gave the answer {0}, which is none")]
    Answer(u32),
}

/// What helps against every difference in the boundary.
pub(crate) const BUILD_AGAIN: &str =
    "build the library again with this host's release of the crate `dsgi`";

impl StartError {
    /// What the user can do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Abi { .. } => Some(String::from(BUILD_AGAIN)),
            Self::Slot(_) | Self::Init(_) | Self::Answer(_) => None,
        }
    }
}

impl Application {
    /// Starts the application behind a table.
    ///
    /// # Safety
    /// `table` is lent by a library that stays loaded as long as the result lives.
    pub(crate) unsafe fn start(table: In<AppTable>, start: Start<'_>) -> Result<Self, StartError> {
        // SAFETY: the caller's promise.
        unsafe { Self::start_with(table, start, &HOST) }
    }

    /// # Safety
    /// As of [`start`](Self::start).
    unsafe fn start_with(
        table: In<AppTable>,
        start: Start<'_>,
        host: &'static HostTable,
    ) -> Result<Self, StartError> {
        // SAFETY: the library's table carries its size.
        let table = unsafe { table.read() };
        if table.abi != ABI {
            return Err(StartError::Abi { theirs: table.abi, ours: ABI });
        }
        let init = table.init.ok_or(StartError::Slot("init"))?;
        let call = table.call.ok_or(StartError::Slot("call"))?;
        let drop = table.drop.ok_or(StartError::Slot("drop"))?;
        let told = Init {
            abi: ABI,
            purpose: start.purpose,
            previous: start.previous,
            generation: start.generation,
            name: Str::lend(start.name.as_bytes()),
            config: Str::lend(start.config.as_bytes()),
            host: In::lend(host),
            ..Growable::absent()
        };
        let mut instance = Instance::absent();
        // SAFETY: the library's function, with both structs lent for the call.
        match unsafe { init(In::lend(&told), Out::lend(&mut instance)) } {
            answer::READY => Ok(Self { app: instance.app, call, drop, table }),
            answer::ERROR => {
                // SAFETY: ownership of the fault came with the answer.
                Err(StartError::Init(unsafe { read_fault(instance.fault) }.message))
            }
            other => Err(StartError::Answer(other)),
        }
    }

    /// The same of functions that are part of this program.
    pub(crate) fn of_program(
        table: &'static AppTable,
        start: Start<'_>,
    ) -> Result<Self, StartError> {
        // SAFETY: the table and what it leads to live as long as the program.
        unsafe { Self::start_with(In::lend(table), start, &PROGRAM) }
    }

    /// An application that is linked into this program.
    pub(crate) fn linked(linked: &Linked) -> Option<Self> {
        let (call, drop) = (linked.table.call?, linked.table.drop?);
        Some(Self { app: linked.app, call, drop, table: linked.table })
    }

    /// Tells it that no new requests will come.
    pub(crate) fn drain(&self, deadline: Duration) {
        if let Some(drain) = self.table.drain {
            let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            // SAFETY: started and not dropped.
            unsafe { drain(self.app, deadline_ms) };
        }
    }

    /// Tells it that requests will come again.
    pub(crate) fn resume(&self) {
        if let Some(resume) = self.table.resume {
            // SAFETY: started and not dropped.
            unsafe { resume(self.app) };
        }
    }

    /// Tells it that nothing is at work any more.
    pub(crate) fn shutdown(&self) {
        if let Some(shutdown) = self.table.shutdown {
            // SAFETY: started and not dropped.
            unsafe { shutdown(self.app) };
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // SAFETY: started, and nothing uses it any more: the owner has no lease out.
        unsafe { (self.drop)(self.app) };
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application({:p})", self.app)
    }
}

/// The host's functions for every library; they live as long as the process.
static HOST: HostTable = HostTable {
    size: size_of::<HostTable>() as u32,
    reserved: 0,
    log: Some(log),
    enabled: Some(enabled),
};

/// The same for what is part of this program. Its events are told to the program's log without
/// being asked for, so that there is nothing to ask.
static PROGRAM: HostTable = HostTable { enabled: None, ..HOST };

unsafe extern "C" fn log(generation: u64, level: u32, target: Str, text: Str) {
    // SAFETY: both are lent for this call.
    let (target, text) = unsafe { (target.bytes(), text.bytes()) };
    crate::log::from_library(
        generation,
        level,
        &String::from_utf8_lossy(target),
        &String::from_utf8_lossy(text),
    );
}

unsafe extern "C" fn enabled(_: u64, level: u32, target: Str) -> u32 {
    // SAFETY: lent for this call.
    let target = unsafe { target.bytes() };
    crate::log::interest(level, &String::from_utf8_lossy(target))
}
