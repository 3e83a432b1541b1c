//! From a path to a private copy: the file that is opened is the file that was checked.
//!
//! Loading takes an artifact of every library; `host inspect` only reads one. A path cannot be
//! trusted twice: a build may overwrite a mapped file in place, which kills the process, and the
//! linker takes a replaced file of the same path for the one it has.
//!
//! Invariant: the bytes that were inspected and digested are the bytes of the copy, and the copy
//! stays as long as its artifact, so the generation that is mapped from it owns it.

mod copy;
mod lock;
mod source;
mod staging;

use std::io;
use std::path::{Path, PathBuf, absolute};

use sha2::{Digest, Sha256};
use thiserror::Error;

pub(crate) use self::source::{distance, read};
pub(crate) use self::staging::{Staging, StagingError};

use self::copy::PrivateCopy;
use super::inspect::{Facts, InspectError, Look, inspect};

/// A library file, checked and copied.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// Where it came from; absolute.
    pub(crate) source: PathBuf,
    /// The private copy, or in its place the source, as the linker is to open it.
    pub(crate) file: PathBuf,
    /// SHA-256 of its bytes, in hex.
    pub(crate) digest: String,
    /// What it says of itself.
    pub(crate) facts: Facts,
    /// None of one that is opened where it lies.
    _copy: Option<PrivateCopy>,
}

/// Why a file is no artifact.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ArtifactError {
    /// Nothing is there.
    #[error("no such file: `{}`", file.display())]
    NotFound {
        /// The path.
        file: PathBuf,
        /// A file nearby whose name is nearly the same.
        nearest: Option<PathBuf>,
    },
    /// Something else is there.
    #[error("`{}` is {found}: a library is a regular file", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// It may not be opened.
    #[error("may not read `{}`", file.display())]
    Permission {
        /// The path.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It could not be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The path.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Nothing this large is loaded.
    #[error("`{}` is too large: {size} bytes, and at most {most} are loaded", file.display())]
    TooLarge {
        /// The path.
        file: PathBuf,
        /// Its size.
        size: u64,
        /// The limit.
        most: u64,
    },
    /// Somebody wrote to it meanwhile.
    #[error("`{}` changed while it was read", file.display())]
    Changed {
        /// The path.
        file: PathBuf,
    },
    /// It is not a library for this host.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// A copy elsewhere would miss a library that lies beside the original.
    #[error(
        "`{}` needs `{library}` from its own folder ($ORIGIN), which a private copy cannot see",
        file.display()
    )]
    Origin {
        /// The path.
        file: PathBuf,
        /// The library beside it.
        library: String,
    },
    /// The copy could not be written.
    #[error("cannot copy `{}` to `{}`", file.display(), to.display())]
    Copy {
        /// The path.
        file: PathBuf,
        /// The private folder.
        to: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Artifact {
    /// Reads, checks and copies a library.
    ///
    /// # Errors
    /// The first reason why it cannot be loaded; nothing is left behind then.
    pub(crate) fn take(file: &Path, staging: &Staging) -> Result<Self, ArtifactError> {
        let bytes = read(file)?;
        let facts = inspect(file, &bytes, Look::Whole)?;
        let source = absolute(file)
            .map_err(|source| ArtifactError::Read { file: file.to_path_buf(), source })?;
        check_origin(file, &source, &facts)?;
        let copy = staging.copy(&source, &bytes).map_err(|error| ArtifactError::Copy {
            file: file.to_path_buf(),
            to: staging.folder().to_path_buf(),
            source: error,
        })?;
        Ok(Self { source, file: copy.path(), digest: digest(&bytes), facts, _copy: Some(copy) })
    }

    /// Reads and checks a library that is to be opened where it lies, by a process that ends
    /// before anybody could replace the file; nobody asks for its digest.
    ///
    /// # Errors
    /// The first reason why it cannot be loaded.
    pub(crate) fn in_place(file: &Path) -> Result<Self, ArtifactError> {
        let facts = inspect(file, &source::map(file)?, Look::ToOpen)?;
        let source = absolute(file)
            .map_err(|source| ArtifactError::Read { file: file.to_path_buf(), source })?;
        Ok(Self { file: source.clone(), source, digest: String::new(), facts, _copy: None })
    }
}

impl Artifact {
    /// The same bytes in another private copy: the linker takes a file that it has mapped for the
    /// library that it has.
    ///
    /// # Errors
    /// When the copy cannot be read or written.
    pub(crate) fn again(&self, staging: &Staging) -> Result<Self, ArtifactError> {
        let copy = Self::take(&self.file, staging)?;
        Ok(Self { source: self.source.clone(), ..copy })
    }
}

impl ArtifactError {
    /// What the user can do about it.
    pub(crate) fn help(&self) -> Option<String> {
        let help = match self {
            Self::NotFound { nearest: Some(nearest), .. } => {
                return Some(format!("did you mean `{}`?", nearest.display()));
            }
            Self::NotFound { file, nearest: None } => return missing_folder(file),
            Self::NotAFile { found: source::FOLDER, .. } => {
                "give the library inside it, or the folder of a crate, with its `Cargo.toml`"
            }
            Self::Changed { .. } => "wait until it is written, or replace it by renaming",
            Self::Inspect(error) => return error.help(),
            Self::Origin { .. } => {
                "link it statically, or install it where the system looks for libraries"
            }
            Self::Copy { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room, or name another folder in `XDG_RUNTIME_DIR` or `TMPDIR`"
            }
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// The digest of a file as it is now.
///
/// # Errors
/// It is missing, something else, unreadable, too large, or being written.
pub(crate) fn digest_of(file: &Path) -> Result<String, ArtifactError> {
    Ok(digest(&read(file)?))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn missing_folder(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    (!folder.exists()).then(|| format!("there is no folder `{}`", folder.display()))
}

/// The linker replaces `$ORIGIN` by the folder of the file it opens, which is the copy's.
///
/// Only a library that is really there is missed; without one the linker looks elsewhere, as it
/// would for the original.
fn check_origin(file: &Path, source: &Path, facts: &Facts) -> Result<(), ArtifactError> {
    let origin = source.parent().unwrap_or(Path::new("/"));
    let searched = facts.search_path.iter().flat_map(|path| path.split(':'));
    let folders: Vec<_> = searched.filter_map(|folder| expand(folder, origin)).collect();
    let lies_there = |library: &&String| match expand(library, origin) {
        Some(path) => path.exists(),
        None if library.contains('/') => false,
        None => folders.iter().any(|folder| folder.join(library).exists()),
    };
    match facts.needed.iter().find(lies_there) {
        Some(library) => {
            Err(ArtifactError::Origin { file: file.to_path_buf(), library: library.clone() })
        }
        None => Ok(()),
    }
}

/// A path with `$ORIGIN` replaced; `None` without any.
fn expand(path: &str, origin: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix("$ORIGIN").or_else(|| path.strip_prefix("${ORIGIN}"))?;
    Some(origin.join(rest.trim_start_matches('/')))
}

#[cfg(test)]
mod tests;
