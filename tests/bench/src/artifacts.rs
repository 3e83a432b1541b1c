//! Builds what is measured through cargo, in the release profile, and finds the files.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The host's binary and the two hello plugins.
#[derive(Debug)]
pub(crate) struct Artifacts {
    pub(crate) host: PathBuf,
    /// The non-blocking hello: called on the core's own thread.
    pub(crate) inline: PathBuf,
    /// The blocking hello: called on the pool.
    pub(crate) pool: PathBuf,
}

impl Artifacts {
    /// One cargo run per package, as a user would: a common run would unite their features.
    pub(crate) fn build() -> Result<Self> {
        Ok(Self {
            host: build("dsgi-host", Kind::Binary)?,
            inline: build("sample-hello-inline", Kind::Library)?,
            pool: build("sample-hello", Kind::Library)?,
        })
    }
}

/// Layers that do nothing.
#[derive(Debug)]
pub(crate) struct Layers {
    /// Says that no request concerns it.
    pub(crate) passes: PathBuf,
    /// Calls its inner application as a function.
    pub(crate) calls: PathBuf,
    /// In C: passes the request on.
    pub(crate) c_passes: PathBuf,
    /// In C: calls inwards, and is come back to.
    pub(crate) c_calls: PathBuf,
}

impl Layers {
    /// Those in C lie beside the host.
    pub(crate) fn build(host: &Path) -> Result<Self> {
        Ok(Self {
            passes: build("app-passes", Kind::Library)?,
            calls: build("app-calls-inner", Kind::Library)?,
            c_passes: layer_in_c("PASS", host)?,
            c_calls: layer_in_c("INNER", host)?,
        })
    }
}

/// The hello as libraries that differ by what they take of their process.
#[derive(Debug)]
pub(crate) struct Kinds(pub(crate) [(&'static str, PathBuf); 3]);

impl Kinds {
    pub(crate) fn build(inline: &Path) -> Result<Self> {
        Ok(Self([
            ("std only", inline.to_path_buf()),
            ("with `thread::current()`", build("app-current-thread", Kind::Library)?),
            ("with a tokio runtime", build("app-tokio-inside", Kind::Library)?),
        ]))
    }
}

/// Builds the hello with a fault, which is chosen in its bytes.
pub(crate) fn ailing() -> Result<PathBuf> {
    build("app-ailing", Kind::Library)
}

/// Builds the host, and the application that sends files.
pub(crate) fn static_files() -> Result<(PathBuf, PathBuf)> {
    Ok((build("dsgi-host", Kind::Binary)?, build("sample-static", Kind::Library)?))
}

/// The application of a framework, beside itself in hyper's hands.
#[derive(Debug)]
pub(crate) struct Axum {
    pub(crate) host: PathBuf,
    /// `axum::serve`, with the runtime that `#[tokio::main]` makes.
    pub(crate) serve: PathBuf,
    pub(crate) library: PathBuf,
}

impl Axum {
    pub(crate) fn build() -> Result<Self> {
        Ok(Self {
            host: build("dsgi-host", Kind::Binary)?,
            serve: answers("app-answers", "serve")?,
            library: build("app-answered", Kind::Library)?,
        })
    }

    /// The same router, served by hyper. A program of its own: linked into this one it would make
    /// every baseline fatter.
    pub(crate) fn native() -> Result<PathBuf> {
        answers("app-answers-native", "native")
    }
}

fn answers(program: &str, feature: &str) -> Result<PathBuf> {
    build_with("app-answers", &["--features", feature, "--bin", program], Kind::Binary)
}

/// Compiles `layer.c`, which calls inwards this way, to a file beside another one.
fn layer_in_c(way: &str, host: &Path) -> Result<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = host.with_file_name(format!("liblayer_c_{way}.so"));
    let status = Command::new("gcc")
        .args(["-std=c11", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"])
        .arg(format!("-D{way}"))
        .arg("-I")
        .arg(project.join("../../plugin-api/include"))
        .arg("-I")
        .arg(project.join("../libraries"))
        .arg(project.join("layer.c"))
        .arg("-o")
        .arg(&library)
        .stdin(Stdio::null())
        .status()
        .context("gcc did not start")?;
    ensure!(status.success(), "`layer.c` does not compile");
    Ok(library)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Binary,
    Library,
}

fn build(package: &str, kind: Kind) -> Result<PathBuf> {
    build_with(package, &[], kind)
}

fn build_with(package: &str, options: &[&str], kind: Kind) -> Result<PathBuf> {
    eprintln!("building {package}");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", package])
        .args(options)
        .arg("--message-format=json-render-diagnostics")
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo did not start")?;
    ensure!(output.status.success(), "`{package}` does not build");
    artifact(&String::from_utf8_lossy(&output.stdout), kind)
        .with_context(|| format!("`{package}` has no {kind:?} target"))
}

/// The last file of this kind: cargo builds the package asked for after all it depends on.
fn artifact(messages: &str, kind: Kind) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut files = messages.filter_map(|message| {
        if message["reason"] != "compiler-artifact" {
            return None;
        }
        let file = match kind {
            Kind::Binary => message["executable"].as_str(),
            Kind::Library => {
                let kinds = message["target"]["kind"].as_array()?;
                kinds.iter().find(|kind| *kind == "cdylib")?;
                message["filenames"][0].as_str()
            }
        };
        file.map(PathBuf::from)
    });
    files.next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"]},"filenames":["a.rlib"],"executable":null}
not json
{"reason":"compiler-artifact","target":{"kind":["cdylib"]},"filenames":["b.so"],"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"]},"filenames":["host"],"executable":"host"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn artifacts_are_found_by_kind() {
        assert_eq!(artifact(MESSAGES, Kind::Binary), Some(PathBuf::from("host")));
        assert_eq!(artifact(MESSAGES, Kind::Library), Some(PathBuf::from("b.so")));
    }

    #[test]
    fn a_crate_without_the_target_has_no_artifact() {
        let rlib = MESSAGES.lines().nth(1).unwrap();
        assert_eq!(artifact(rlib, Kind::Binary), None);
        assert_eq!(artifact(rlib, Kind::Library), None);
    }
}
