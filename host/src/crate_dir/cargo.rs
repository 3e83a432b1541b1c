//! Cargo as a child process: what it is asked, in which environment, and what it answers.
//!
//! Invariant: a build started by this host does the same as one started by the user in the
//! crate's folder, so that neither undoes the work of the other.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::{BuildError, Profile};

/// The cargo to run.
#[derive(Debug)]
pub(super) struct Cargo {
    pub(super) program: PathBuf,
    /// All of the child's environment.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// Where its messages for people go, when that is not this process's stderr.
    pub(super) messages: Option<File>,
}

/// A package as `cargo metadata` tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// One line of `cargo build --message-format=json`; other reasons lack these fields.
#[derive(Debug, Deserialize)]
struct Built {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

impl Cargo {
    /// The one that runs this process, if one does, or else the one of the search path.
    pub(super) fn of_this_process() -> Self {
        let variables: Vec<_> = env::vars_os().collect();
        let named = variables.iter().find(|(name, _)| name == "CARGO").map(|(_, value)| value);
        let program = named.filter(|value| !value.is_empty()).map_or("cargo".into(), PathBuf::from);
        Self { program, environment: without_cargo_run(variables), messages: None }
    }

    /// The packages of the workspace that a folder belongs to.
    pub(super) fn packages(&self, folder: &Path) -> Result<Vec<Package>, BuildError> {
        let mut command = self.command(folder)?;
        command.args(["metadata", "--no-deps", "--format-version=1"]);
        let output = command.output().map_err(|source| self.not_run(folder, source))?;
        if !output.status.success() {
            let manifest = folder.join("Cargo.toml");
            return Err(BuildError::BadManifest { manifest, status: output.status });
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .map_err(|source| BuildError::Answer { folder: folder.to_path_buf(), source })?;
        Ok(metadata.packages)
    }

    /// Builds the library of a package.
    pub(super) fn build(
        &self,
        folder: &Path,
        package: &Package,
        profile: Profile,
    ) -> Result<PathBuf, BuildError> {
        let mut command = self.command(folder)?;
        command.args(["build", "--lib", "--message-format=json-render-diagnostics"]);
        command.arg("--manifest-path").arg(&package.manifest_path);
        match profile {
            Profile::Release => _ = command.arg("--release"),
            Profile::Debug => {}
        }
        let output = command.output().map_err(|source| self.not_run(folder, source))?;
        let (folder, status) = (folder.to_path_buf(), output.status);
        if !status.success() {
            return Err(BuildError::Compile { folder, status });
        }
        let library = output.stdout.split(|byte| *byte == b'\n').find_map(|line| {
            let built: Built = serde_json::from_slice(line).ok()?;
            built.library_of(package)
        });
        library.ok_or(BuildError::NothingBuilt { folder })
    }

    /// Runs in the crate's folder, where a user would: the toolchain and cargo's settings are
    /// chosen by the working directory.
    fn command(&self, folder: &Path) -> Result<Command, BuildError> {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(match &self.messages {
            None => Stdio::inherit(),
            Some(file) => file.try_clone().map_err(|source| self.not_run(folder, source))?.into(),
        });
        Ok(command)
    }

    fn not_run(&self, folder: &Path, source: io::Error) -> BuildError {
        let (cargo, folder) = (self.program.clone(), folder.to_path_buf());
        BuildError::NoCargo { cargo, folder, source }
    }
}

impl Package {
    pub(super) fn has_cdylib(&self) -> bool {
        self.targets.iter().any(Target::is_cdylib)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.manifest_path.parent().unwrap_or(Path::new("")).to_path_buf()
    }
}

impl Target {
    /// An example that is a cdylib has the kind `example`.
    fn is_cdylib(&self) -> bool {
        self.kind.iter().any(|kind| kind == "cdylib")
    }
}

impl Built {
    fn library_of(self, package: &Package) -> Option<PathBuf> {
        const EXTENSIONS: [&str; 3] = ["so", "dylib", "dll"];
        if self.manifest_path != package.manifest_path || !self.target.is_cdylib() {
            return None;
        }
        self.filenames.into_iter().find(|file| {
            file.extension().and_then(OsStr::to_str).is_some_and(|it| EXTENSIONS.contains(&it))
        })
    }
}

/// The environment without what `cargo run` and `cargo test` added to it for this process.
///
/// Build scripts may watch such variables, and would run again each time another process builds.
/// What the user set stays, as `CARGO_HOME`, `CARGO_TARGET_DIR`, `CARGO_NET_OFFLINE`, registry
/// tokens, profiles and `RUSTFLAGS`: without it the same crate would build differently.
pub(super) fn without_cargo_run(variables: Vec<(OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let under_cargo = variables.iter().any(|(name, _)| name == "CARGO_MANIFEST_DIR");
    let is_added = |name: &str| {
        ADDED.contains(&name) || ADDED_STARTS.iter().any(|start| name.starts_with(start))
    };
    let mut left = Vec::new();
    for (name, value) in variables {
        let text = name.to_string_lossy();
        if under_cargo && LIBRARY_PATHS.contains(&&*text) {
            left.extend(library_path_before(&value).map(|value| (name, value)));
        } else if !is_added(&text) {
            left.push((name, value));
        }
    }
    left
}

/// Cargo puts its own folders in front, and the compiler's libraries last among them.
fn library_path_before(path: &OsStr) -> Option<OsString> {
    let folders: Vec<_> = env::split_paths(path).collect();
    let is_compiler_s = |folder: &PathBuf| folder.iter().any(|part| part == "rustlib");
    let added = folders.iter().rposition(is_compiler_s).map_or(0, |last| last + 1);
    let left = &folders[added..];
    if left.is_empty() { None } else { env::join_paths(left).ok() }
}

/// Set by cargo for what it runs; `CARGO` itself it sets again.
const ADDED: &[&str] = &[
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MAKEFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "OUT_DIR",
];
const ADDED_STARTS: &[&str] = &["CARGO_BIN_EXE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
const LIBRARY_PATHS: &[&str] = &["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];
