//! Why a file is not a library that this host can load, in the words of whoever built it.
//!
//! Made by the readers beside this file; shown by every command that is given a library.
//! Invariant: each reason names what was found and, where there is a rule, the rule.

use std::path::PathBuf;

use dsgi::abi::SYMBOL;
use thiserror::Error;

use super::Glibc;
use crate::platform::linker::OPENS_ELF;

/// A file that cannot be loaded, and why.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{}` {reason}", file.display())]
pub(crate) struct InspectError {
    /// The file.
    pub(crate) file: PathBuf,
    /// What is wrong with it.
    pub(crate) reason: Unfit,
}

/// What is wrong with a file; reads on from its name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Unfit {
    /// No bytes at all.
    #[error("is empty")]
    Empty,
    /// Something else than a library of this system.
    #[error("is not a shared library: it {found}")]
    NotElf {
        /// What it looks like, as a verb phrase.
        found: String,
    },
    /// A copy or a build that was cut short.
    #[error("is cut short: {part} reaches to byte {end}, and the file has {size} bytes")]
    Truncated {
        /// What does not fit.
        part: String,
        /// Where it would end.
        end: u64,
        /// What there is.
        size: u64,
    },
    /// A library of other word size.
    #[error("is built for {found} systems: this host needs a 64-bit library")]
    WrongClass {
        /// Its word size.
        found: String,
    },
    /// A library of other byte order.
    #[error("is built for {found} systems: this host needs a {needed} library")]
    WrongEndianness {
        /// Its byte order.
        found: String,
        /// This machine's.
        needed: &'static str,
    },
    /// A library of another processor.
    #[error("is built for `{found}`: this host needs `{needed}`")]
    WrongMachine {
        /// Its processor.
        found: String,
        /// This machine's.
        needed: &'static str,
    },
    /// ELF, and something else than a shared object.
    #[error("is not a shared library: it is {found}")]
    NotShared {
        /// What it is, with its article.
        found: String,
    },
    /// No table for the dynamic linker.
    #[error("is not a shared library: it has no dynamic section")]
    NoDynamic,
    /// Headers or tables that contradict each other.
    #[error("is damaged: {what}")]
    Damaged {
        /// The contradiction.
        what: String,
    },
    /// A library, and not one of ours.
    #[error("is not a DSGI library: it exports no `{SYMBOL}`")]
    NoSymbol,
    /// The right name on the wrong thing.
    #[error("is not a DSGI library: its `{SYMBOL}` is a function, and must be a table")]
    SymbolIsFunction,
    /// No descriptor.
    #[error("has no descriptor: it exports `{SYMBOL}`, and holds no DSGI note")]
    NoNote,
    /// A descriptor that cannot be understood.
    #[error("has a malformed descriptor: {what}")]
    BadNote {
        /// The rule and what was found.
        what: String,
    },
    /// Built against another version of the boundary.
    #[error("is built for ABI {found} of DSGI: this host needs ABI {needed}")]
    WrongAbi {
        /// Its version.
        found: u32,
        /// This host's.
        needed: u32,
    },
    /// Built on a newer system.
    #[error("needs glibc {required}: this system has {found}")]
    NewerGlibc {
        /// What it needs.
        required: Glibc,
        /// What there is.
        found: Glibc,
    },
}

impl InspectError {
    /// What the user can do about it.
    pub(crate) fn help(&self) -> Option<String> {
        self.reason.help()
    }
}

impl Unfit {
    /// Shorthand for what the readers find most.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::Empty | Self::Truncated { .. } => {
                "wait until the build or copy is complete, or build it again"
            }
            Self::NotElf { .. } if !OPENS_ELF => {
                "this host reads ELF files, and opens nothing that it has not read: on this system \
                 link the application into a program of your own, with `make_server`"
            }
            Self::NotElf { .. } | Self::NotShared { .. } | Self::NoDynamic => {
                "give the file that `[lib] crate-type = [\"cdylib\"]` builds, \
                 such as `target/release/libNAME.so`, or the crate's folder"
            }
            Self::WrongClass { .. } | Self::WrongEndianness { .. } | Self::WrongMachine { .. } => {
                "build it for this machine, or run a host on the machine it was built for"
            }
            Self::NoSymbol => {
                "export an application with `dsgi::app!(app);` in the library's `src/lib.rs`, \
                 and build it with `[lib] crate-type = [\"cdylib\"]`"
            }
            Self::NoNote => "do not strip the section `.note.dsgi`",
            Self::WrongAbi { found, needed } if found > needed => {
                "update the host, or build the library with an older release of the crate `dsgi`"
            }
            Self::WrongAbi { .. } => {
                "build the library again with this host's release of the crate `dsgi`"
            }
            Self::NewerGlibc { .. } => {
                "build it on the oldest system that it has to run on, for example in a container"
            }
            Self::Damaged { .. } => "build or copy it again",
            Self::SymbolIsFunction | Self::BadNote { .. } => return None,
        };
        Some(help.to_owned())
    }
}
