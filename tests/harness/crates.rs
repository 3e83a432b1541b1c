//! Cargo projects outside of this workspace, as an author has them, for a host to build.

use super::DEADLINE;
use super::host::Launch;
use super::project;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder of crates. None of them is part of a workspace unless a test writes one.
#[derive(Debug)]
pub(crate) struct Crates {
    folder: TempDir,
    path: PathBuf,
}

/// Where cargo puts what it builds of these crates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// Where cargo puts it by itself: for crates that depend on nothing.
    Own,
    /// Beside this workspace's, which has built the same dependencies already.
    Shared,
    /// A folder of this name there, for what another compiler makes.
    Beside(String),
}

impl Target {
    /// None where cargo chooses.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let shared = temporary.parent().expect("a folder in the target folder");
        match self {
            Self::Own => None,
            Self::Shared => Some(shared.to_path_buf()),
            Self::Beside(name) => Some(shared.join(name)),
        }
    }
}

impl Crates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Cargo follows symlinks in what it says.
        let path = folder.path().canonicalize().expect("the folder is there");
        Self { folder, path }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, and its folders where they are missing.
    pub(crate) fn write(&self, file: &str, content: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a file in the folder")).expect("a folder");
        fs::write(path, content).expect("the file is written");
    }

    /// A crate that is one library.
    pub(crate) fn library(&self, name: &str, rest_of_manifest: &str, source: &str) {
        self.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [lib]\ncrate-type = [\"cdylib\"]\n{rest_of_manifest}"
            ),
        );
        self.write(&format!("{name}/src/lib.rs"), source);
    }

    /// The versions of this workspace, so that cargo needs neither network nor time.
    pub(crate) fn lock_versions(&self, name: &str) {
        let lock = project().join("Cargo.lock");
        fs::copy(lock, self.path(name).join("Cargo.lock")).expect("the lock file is copied");
    }

    /// A host that is run in the folder, and builds what it is given of it.
    pub(crate) fn host(&self, target: Target) -> Launch {
        let launch = Launch::new().current_dir(&self.path).deadline(10 * DEADLINE);
        let launch = QUIET.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        match target.folder() {
            None => launch.env_remove("CARGO_TARGET_DIR"),
            Some(folder) => launch.env("CARGO_TARGET_DIR", folder).env(DEBUG.0, DEBUG.1),
        }
    }

    /// The cargo that runs the tests, for a crate of the folder.
    pub(crate) fn cargo(&self, target: &Target) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.path).envs(QUIET);
        match target.folder() {
            None => cargo.env_remove("CARGO_TARGET_DIR"),
            Some(folder) => cargo.env("CARGO_TARGET_DIR", folder).env(DEBUG.0, DEBUG.1),
        };
        cargo
    }
}

const QUIET: [(&str, &str); 2] = [("CARGO_NET_OFFLINE", "true"), ("CARGO_TERM_COLOR", "never")];

/// As the workspace's profile says, so that dependencies are the same.
const DEBUG: (&str, &str) = ("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
