//! A crate's folder in place of a library file: cargo builds it, and says where the library is.
//!
//! Called before loading, wherever a user may name a library, and again when a watched crate
//! changes. What the compiler has to say goes to stderr by itself; stdout stays the caller's.
//!
//! Invariant: the library that is returned is the one that this very build reported, never a file
//! that an earlier one left behind.

mod cargo;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use thiserror::Error;

use self::cargo::{Cargo, Package};

/// How a crate is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As it will be deployed.
    Release,
    /// Quickly, and with what a debugger needs.
    Debug,
}

/// Why a folder gave no library.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum BuildError {
    /// No crate.
    #[error("`{}` is not a crate: it holds no `Cargo.toml`", folder.display())]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// Nothing to build with.
    #[error("cannot run `{}` to build `{}`", cargo.display(), folder.display())]
    NoCargo {
        /// The program.
        cargo: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Cargo refused the manifest, and has said why.
    #[error("cargo cannot read `{}`: {status}", manifest.display())]
    BadManifest {
        /// The manifest.
        manifest: PathBuf,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// A crate of another kind.
    #[error("`{}` builds no library that can be loaded: it has no cdylib target", folder.display())]
    NoLibrary {
        /// The folder.
        folder: PathBuf,
    },
    /// A workspace of which several members could be meant.
    #[error(
        "`{}` is a workspace with {} cdylib crates, and one is loaded: {}",
        folder.display(), members.len(), names(members)
    )]
    SeveralLibraries {
        /// The folder.
        folder: PathBuf,
        /// The folders of the crates.
        members: Vec<PathBuf>,
    },
    /// The compiler refused, and has said why.
    #[error("`{}` does not compile: cargo ended with {status}", folder.display())]
    Compile {
        /// The folder.
        folder: PathBuf,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// Cargo speaks another language.
    #[error("cargo's answer about `{}` cannot be read", folder.display())]
    Answer {
        /// The folder.
        folder: PathBuf,
        /// What could not be read.
        source: serde_json::Error,
    },
    /// The build went well and made nothing.
    #[error("cargo built `{}` and reported no library", folder.display())]
    NothingBuilt {
        /// The folder.
        folder: PathBuf,
    },
}

/// Builds the one cdylib of a crate's folder, and returns its library.
///
/// # Errors
/// The folder is no such crate, or cargo could not build it.
pub(crate) fn build(folder: &Path, profile: Profile) -> Result<PathBuf, BuildError> {
    build_with(&Cargo::of_this_process(), folder, profile)
}

fn build_with(cargo: &Cargo, folder: &Path, profile: Profile) -> Result<PathBuf, BuildError> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoManifest { folder: folder.to_path_buf() });
    }
    let packages = cargo.packages(folder)?;
    let package = choose(folder, &manifest, &packages)?;
    cargo.build(folder, package, profile)
}

impl BuildError {
    /// What the user can do about it.
    pub(crate) fn help(&self) -> Option<String> {
        let help = match self {
            Self::NoManifest { .. } => {
                "give a library file, or the folder of a crate, with its `Cargo.toml`"
            }
            Self::NoCargo { .. } => {
                "install Rust from https://rustup.rs, or give a library that is already built"
            }
            Self::NoLibrary { .. } => {
                "add `[lib] crate-type = [\"cdylib\"]` to its `Cargo.toml`, \
                 with the application in `src/lib.rs`"
            }
            Self::SeveralLibraries { members, .. } => {
                let member = members.first()?;
                return Some(format!("name the folder of one crate, as `{}`", member.display()));
            }
            Self::NothingBuilt { .. } => "build it by hand and give the library file",
            // Cargo's own message stands above.
            Self::BadManifest { .. } | Self::Compile { .. } | Self::Answer { .. } => return None,
        };
        Some(help.to_owned())
    }
}

/// The folder's own package; in a workspace without one, its only member with a library.
fn choose<'a>(
    folder: &Path,
    manifest: &Path,
    packages: &'a [Package],
) -> Result<&'a Package, BuildError> {
    let none = || BuildError::NoLibrary { folder: folder.to_path_buf() };
    // Cargo says paths in its own spelling.
    let manifest = manifest.canonicalize().ok();
    let is_own = |package: &&Package| package.manifest_path.canonicalize().ok() == manifest;
    if let Some(own) = packages.iter().find(is_own) {
        return if own.has_cdylib() { Ok(own) } else { Err(none()) };
    }
    let members: Vec<_> = packages.iter().filter(|package| package.has_cdylib()).collect();
    match members[..] {
        [] => Err(none()),
        [only] => Ok(only),
        _ => Err(BuildError::SeveralLibraries {
            folder: folder.to_path_buf(),
            members: members.iter().map(|package| package.folder()).collect(),
        }),
    }
}

fn names(members: &[PathBuf]) -> String {
    const NAMES_MAX: usize = 10;
    let shown = members.iter().take(NAMES_MAX);
    let mut names: Vec<_> = shown.map(|folder| format!("`{}`", folder.display())).collect();
    if members.len() > NAMES_MAX {
        names.push(String::from("..."));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests;
