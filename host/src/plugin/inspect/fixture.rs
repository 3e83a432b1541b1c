//! Small real libraries, built by the compilers of this machine while the tests run.
//!
//! Used by the tests of everything that reads library files. Invariant: a compiler's failure is a
//! failed test with the compiler's own words, never a skipped one.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the C fixture as a shared library; `options` bend it.
pub(crate) fn library(folder: &Path, options: &[&str]) -> PathBuf {
    compile(folder, "libfixture.so", [&["-shared", "-fPIC"], options].concat())
}

/// Builds a library of another name beside it, that says nothing of itself.
pub(crate) fn neighbour(folder: &Path, name: &str) -> PathBuf {
    compile(folder, name, vec!["-shared", "-fPIC", "-DNO_NOTE", "-DNO_SYMBOL"])
}

/// The bytes of such a library.
pub(crate) fn library_bytes(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::read(library(folder.path(), options)).unwrap()
}

/// The bytes of whatever these options make of the C fixture.
pub(crate) fn compiled_bytes(options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::read(compile(folder.path(), "fixture", options.to_vec())).unwrap()
}

/// The bytes of a Rust library with a note made by hand.
pub(crate) fn rust_library_bytes() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("lib.rs"), folder.path().join("librust.so"));
    fs::write(&source, RUST).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let options = ["--edition=2024", "--crate-type=cdylib", "-Copt-level=1", "-o"];
    run(Command::new(rustc).args(options).arg(&library).arg(&source));
    fs::read(library).unwrap()
}

fn compile(folder: &Path, name: &str, options: Vec<&str>) -> PathBuf {
    let (source, output) = (folder.join("fixture.c"), folder.join(name));
    fs::write(&source, C).unwrap();
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let arguments = [source.as_os_str(), OsStr::new("-o"), output.as_os_str()];
    run(Command::new(cc).args(arguments).args(options));
    output
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}

const C: &str = include_str!("fixture.c");

/// Threads, thread-locals and unwinding, so that it has what a real application's file has.
const RUST: &str = r#"
use std::cell::RefCell;

#[repr(C)]
pub struct Note {
    head: [u32; 3],
    owner: [u8; 8],
    numbers: [u32; 8],
    name: [u8; 64],
    rest: [u8; 288],
}

#[used]
#[unsafe(link_section = ".note.dsgi")]
static NOTE: Note = Note {
    head: [5, 384, 1],
    owner: *b"DSGI\0\0\0\0",
    numbers: [384, 0, 2, 1, 1, 0, 0, 0],
    name: { let mut name = [0; 64]; name[0] = b'r'; name },
    rest: [0; 288],
};

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static dsgi_app_v1: [u32; 32] = [0; 32];

thread_local!(static SEEN: RefCell<Vec<String>> = RefCell::default());

#[unsafe(no_mangle)]
pub extern "C" fn work() -> usize {
    let thread = std::thread::spawn(|| SEEN.with_borrow_mut(|seen| seen.push(String::from("x"))));
    std::panic::catch_unwind(|| panic!("caught")).is_err() as usize + thread.join().is_ok() as usize
}
"#;
