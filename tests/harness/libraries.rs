//! Shared libraries for the tests: samples and misbehaving apps built by cargo when first asked
//! for, and C sources compiled on the spot.

use super::project;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use tempfile::TempDir;

/// The library of `sample-plugins/NAME`, package `sample-NAME`.
pub(crate) fn sample(name: &str) -> PathBuf {
    built(&format!("sample-{name}"))
}

/// The library of `tests/apps/NAME`, package `app-NAME`.
pub(crate) fn fault_app(name: &str) -> PathBuf {
    built(&format!("app-{name}"))
}

/// A library in a folder of its own, removed when this is dropped. It stands for its path.
#[derive(Debug)]
pub(crate) struct TemporaryLibrary {
    path: PathBuf,
    _folder: TempDir,
}

/// Compiles `source`, a C text that may include the interface's header, to `libNAME.so`; `options`
/// follow our own on gcc's command line.
pub(crate) fn c_library(name: &str, source: &str, options: &[&str]) -> TemporaryLibrary {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = folder.path().join(name).with_extension("c");
    std::fs::write(&text, source).expect("the source is written");
    let path = folder.path().join(format!("lib{name}.so"));
    let output = Command::new("gcc")
        .args(["-shared", "-fPIC", "-Wall", "-Wextra", "-o"])
        .args([&path, &text])
        .arg("-I")
        .arg(project().join("plugin-api/include"))
        .arg("-I")
        .arg(project().join("tests/libraries"))
        .args(options)
        .output()
        .expect("gcc is installed: see tests/install-tools");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gcc refused {name}:\n{said}");
    TemporaryLibrary { path, _folder: folder }
}

/// The application of `tests/libraries/app.c`, with the fault that `options` give it: each is a
/// macro as it would stand behind `#define`, `INIT ABORT`, or an option of gcc.
pub(crate) fn c_app(options: &[&str]) -> TemporaryLibrary {
    let defined = options.iter().map(|option| match option.strip_prefix('-') {
        Some(_) => (*option).to_owned(),
        None => format!("-D{}", option.replacen(' ', "=", 1)),
    });
    let options: Vec<String> = defined.collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    c_library("one", include_str!("../libraries/app.c"), &options)
}

/// A copy of `library` that the test may overwrite.
pub(crate) fn own_copy(library: &Path) -> TemporaryLibrary {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(library.file_name().expect("a file"));
    std::fs::copy(library, &path).expect("the library is copied");
    TemporaryLibrary { path, _folder: folder }
}

/// Another version of a library: a copy in which a text stands in place of another one of the same
/// length. Both are without what only a debugger reads, so that they are read in no time.
pub(crate) fn versions(library: &Path, here: &[u8], there: &[u8]) -> [TemporaryLibrary; 2] {
    assert_eq!(here.len(), there.len(), "the text that replaces has its own length");
    let first = own_copy(library);
    let stripped = Command::new("strip").arg("--strip-debug").arg(&first).status();
    assert!(stripped.expect("strip is installed with gcc").success());
    let second = own_copy(&first);
    let mut bytes = std::fs::read(&first).expect("a library");
    let found = bytes.windows(here.len()).enumerate().filter(|(_, bytes)| *bytes == here);
    let found: Vec<usize> = found.map(|(at, _)| at).collect();
    assert!(!found.is_empty(), "no such text in {}", library.display());
    for at in found {
        bytes[at..at + there.len()].copy_from_slice(there);
    }
    std::fs::write(&second, bytes).expect("the other version is written");
    [first, second]
}

impl Deref for TemporaryLibrary {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for TemporaryLibrary {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<OsStr> for TemporaryLibrary {
    fn as_ref(&self) -> &OsStr {
        self.path.as_os_str()
    }
}

/// Each package is built once per test process; a second test that wants it waits for the first.
fn built(package: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    // Whoever panicked here has entered nothing, so the map is whole.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(package) {
        return path.clone();
    }
    let path = library(package);
    built.insert(package.to_owned(), path.clone());
    path
}

/// The program `name` of a package.
pub(crate) fn program(package: &str, name: &str) -> PathBuf {
    let messages = build(package);
    executable(&messages, name).unwrap_or_else(|| panic!("{package} has no {name} in {messages}"))
}

fn library(package: &str) -> PathBuf {
    let messages = build(package);
    artifact(&messages, package)
        .unwrap_or_else(|| panic!("{package} has no cdylib among:\n{messages}"))
}

/// What cargo says of a package that it builds.
fn build(package: &str) -> String {
    let output = cargo()
        .args(["build", "--locked", "--message-format=json", "--package", package])
        .args(same_folder_and_profile())
        .current_dir(project())
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let messages = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo cannot build {package}:\n{said}\n{messages}");
    messages.into_owned()
}

/// The very cargo that runs the tests.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Arguments that make cargo share what it has built for these tests, whose program lies in
/// `TARGET/PROFILE/deps`.
fn same_folder_and_profile() -> [std::ffi::OsString; 4] {
    let program = std::env::current_exe().expect("a program");
    let profile = program.ancestors().nth(2).expect("a folder of the profile");
    let target = profile.parent().expect("a folder in the target folder");
    let profile = match profile.file_name() {
        Some(name) if name != "debug" => name,
        _ => OsStr::new("dev"),
    };
    ["--target-dir".into(), target.into(), "--profile".into(), profile.into()]
}

/// The library among cargo's messages. The dependencies' messages are there too; a procedural
/// macro is a shared library as well, but of another kind.
fn artifact(messages: &str, package: &str) -> Option<PathBuf> {
    parsed(messages).filter_map(|message| cdylib_of(&message, package)).next_back()
}

/// The program of this name among cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let mut programs = parsed(messages).filter(|message| message["target"]["name"] == name);
    programs.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn parsed(messages: &str) -> impl DoubleEndedIterator<Item = serde_json::Value> {
    messages.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn cdylib_of(message: &serde_json::Value, package: &str) -> Option<PathBuf> {
    // `path+file:///folder/of/it#sample-hello@0.1.0`, or without the name where the folder has it.
    let id = message["package_id"].as_str()?;
    let (folder, version) = id.rsplit_once('#')?;
    let name = version.rsplit_once('@').map_or(folder.rsplit('/').next()?, |(name, _)| name);
    let kinds = message["target"]["kind"].as_array()?;
    if name != package || !kinds.iter().any(|kind| kind == "cdylib") {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|end| end == "so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","package_id":"registry+https://x#derive@1.0.0",
"note":"a broken line is passed over"}
{"package_id":"registry+x#sample-a@1.0.0","target":{"kind":["proc-macro"]},"filenames":["/m.so"]}
{"package_id":"path+file:///p#other@1.0.0","target":{"kind":["cdylib"]},"filenames":["/o.so"]}
{"package_id":"path+file:///p#sample-a@1.0.0","target":{"kind":["cdylib"]},"filenames":["/a.so"]}
{"package_id":"path+file:///p/app-b#0.1.0","target":{"kind":["cdylib"]},"filenames":["/d","/b.so"]}
{"target":{"kind":["lib"],"name":"b"},"executable":null}
{"target":{"kind":["bin"],"name":"b"},"executable":"/b"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn only_the_packages_own_library_is_taken() {
        assert_eq!(artifact(MESSAGES, "sample-a"), Some("/a.so".into()));
        assert_eq!(artifact(MESSAGES, "app-b"), Some("/b.so".into()));
        assert_eq!(artifact(MESSAGES, "derive"), None);
        assert_eq!(executable(MESSAGES, "b"), Some("/b".into()));
        assert_eq!(executable(MESSAGES, "app-b"), None);
    }

    #[test]
    fn a_c_source_becomes_a_library_that_goes_with_its_guard() {
        let library = c_library("seven", "int seven(void) { return SEVEN; }", &["-DSEVEN=7"]);
        let copy = own_copy(&library);
        let path = library.to_path_buf();
        assert!(std::fs::read(&path).unwrap().starts_with(b"\x7fELF"));
        drop(library);
        assert!(!path.exists());
        assert!(copy.exists());
    }
}
