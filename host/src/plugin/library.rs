//! An open library: the only place that knows the dynamic linker.
#![allow(unsafe_code, reason = "opens libraries and reads their symbols")]

use std::ffi::c_void;
use std::fmt;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::slice;
use std::time::Instant;

use dsgi::abi::app::AppTable;
use dsgi::abi::pointer::In;
use dsgi::abi::{self, proof};

use super::application::{Application, BUILD_AGAIN, Start, StartError};
use super::inspect::Descriptor;
use super::unload::{self, Brought, Owner, Unloaded};
use crate::platform::linker;

/// An open library. One that is merely dropped stays mapped until the process ends: what it left
/// in the host's threads would otherwise be called after it is gone.
pub(crate) struct Library {
    handle: ManuallyDrop<libloading::Library>,
    #[allow(dead_code, reason = "only an engine that unmaps asks")]
    brought: Option<Brought>,
}

/// How sure we are that both sides mean the same layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Layout {
    /// Compared type by type.
    Proved,
    /// The library carries no proof; its ABI version was taken as its word.
    Declared,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proved => "proved",
            Self::Declared => "declared",
        })
    }
}

/// Why a library did not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OpenError {
    /// The dynamic linker refused it.
    #[error("the dynamic linker refused it: {0}")]
    Linker(String),
    /// The symbol disappeared between inspection and opening.
    #[error("it exports no `{}`", abi::SYMBOL)]
    Symbol,
    /// Its proof was made by an incompatible abi_stable.
    #[error("its layout proof cannot be read: {0}")]
    Proof(String),
    /// Somebody changed one and not the other.
    #[error("the descriptor in its table is not the one in its note")]
    Descriptor,
    /// A type of the boundary differs.
    #[error("its layout differs from this host's: {0}")]
    Layout(String),
}

impl OpenError {
    /// What the user can do about it.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Linker(text) if text.contains("undefined symbol") => Some(String::from(
                "link what defines it into the library, or name it in a needed one",
            )),
            Self::Proof(_) | Self::Layout(_) => Some(String::from(BUILD_AGAIN)),
            Self::Linker(_) | Self::Symbol | Self::Descriptor => None,
        }
    }
}

impl Library {
    /// Maps the file and runs its constructors.
    pub(crate) fn open(file: &Path, owner: Owner) -> Result<Self, OpenError> {
        let turn = unload::opening();
        // SAFETY: a probe has run its constructors in a child before, or this is the child.
        let opened = unsafe { linker::open(file) };
        match opened {
            Ok(handle) => {
                let brought = turn.adopt(file, owner);
                Ok(Self { handle: ManuallyDrop::new(handle), brought })
            }
            Err(error) => Err(OpenError::Linker(linker_text(&error, file))),
        }
    }

    /// Unmaps the library, or says what keeps it. Waits for that until the time is over.
    ///
    /// Its application was shut down and dropped, and nobody is at work in it or holds anything of
    /// it.
    pub(crate) fn close(self, until: Instant) -> Unloaded {
        unload::unload(self, until)
    }

    /// What its opening has brought; `None` when that was not found.
    #[allow(dead_code, reason = "only an engine that unmaps asks")]
    pub(super) const fn brought(&self) -> Option<&Brought> {
        self.brought.as_ref()
    }

    /// A function of it, for tests. It may be called as long as the library is open.
    #[cfg(test)]
    pub(super) fn function<F: Copy>(&self, name: &str) -> F {
        // SAFETY: the test knows what the function takes.
        unsafe { *self.handle.get::<F>(name).expect(name) }
    }

    /// Gives it back to the dynamic linker.
    #[allow(dead_code, reason = "only an engine that unmaps asks")]
    pub(super) fn release(self) {
        drop(ManuallyDrop::into_inner(self.handle));
    }

    /// Where something lies that it exports.
    fn address(&self, symbol: &str) -> Option<*const c_void> {
        // SAFETY: only the address is taken, whatever lies there.
        let found = unsafe { self.handle.get::<*const c_void>(symbol) };
        // SAFETY: it is used only while the library is open.
        let address = unsafe { found.ok()?.try_as_raw_ptr() };
        address.map(<*mut c_void>::cast_const)
    }

    /// The table of functions, lent as long as the library is open.
    pub(crate) fn table(&self) -> Result<In<AppTable>, OpenError> {
        // The symbol is a table by the boundary's rules.
        let table = self.address(abi::SYMBOL).ok_or(OpenError::Symbol)?;
        Ok(In::from_raw(table.cast::<AppTable>()))
    }

    /// Compares the descriptor in the table with the one that was read from the file.
    pub(crate) fn describes(&self, told: &Descriptor) -> Result<(), OpenError> {
        // SAFETY: the library's table carries its size.
        let descriptor = unsafe { self.table()?.read() }.descriptor;
        if descriptor.is_null() {
            return Err(OpenError::Descriptor);
        }
        // SAFETY: the library's struct, which carries its size and lives as long as the library.
        let bytes = unsafe {
            let size = usize::try_from((*descriptor).size).unwrap_or(0);
            slice::from_raw_parts(descriptor.cast::<u8>(), size)
        };
        match Descriptor::parse(bytes) {
            Ok(known) if known == *told => Ok(()),
            _ => Err(OpenError::Descriptor),
        }
    }

    /// Starts the application.
    pub(crate) fn start(&self, start: Start<'_>) -> Result<Application, StartError> {
        let table = self.table().map_err(|_| StartError::Slot("table"))?;
        // SAFETY: only `close` unmaps it, and its owner drops the application before that.
        unsafe { Application::start(table, start) }
    }

    /// Compares the library's description of the boundary with this host's. Nothing of the
    /// library's description is kept, and no code of the library runs.
    pub(crate) fn prove(&self) -> Result<Layout, OpenError> {
        let Some(header) = self.address(proof::SYMBOL) else { return Ok(Layout::Declared) };
        // SAFETY: exported under abi_stable's name, so it is its header, whose first part is
        // the same in all its releases and says whether the rest may be read.
        unsafe { proof::check(header.cast()) }.map(|()| Layout::Proved).map_err(|refusal| {
            match refusal {
                proof::Refusal::Header(text) => OpenError::Proof(text),
                proof::Refusal::Layout(text) => OpenError::Layout(proof::summary(&text)),
            }
        })
    }
}

/// The linker names the private copy; the reader knows the library by its own name.
fn linker_text(error: &libloading::Error, file: &Path) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    let text = source.unwrap_or_else(|| error.to_string());
    let file = format!("{}: ", file.display());
    text.strip_prefix(&file).unwrap_or(&text).trim_end().to_owned()
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Library({:?})", *self.handle)
    }
}
