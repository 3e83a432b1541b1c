//! Real libraries, opened, used and unloaded in a child process, so that a crash is seen.
//!
//! Each test starts this very program again for one case; the child says what it found, and ends as
//! a process does: with its threads' ends.
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

mod cycles;
mod pins;
mod process;
mod signals;
mod worker;

#[path = "../../../../../tests/harness/libraries.rs"]
#[allow(dead_code, reason = "the integration tests use the rest")]
mod libraries;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Left, Pin};
use crate::plugin::library::Library;
use crate::plugin::unload::{Owner, Unloaded};

type Call = extern "C" fn(&'static AtomicUsize);

/// What a child is told in its environment.
const CASE: &str = "DSGI_TEST_CASE";
const LIBRARY: &str = "DSGI_TEST_LIBRARY";

/// The top folder of the project, as the harness calls it.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A child that runs a case with a library.
fn child(case: &str, library: &Path) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "plugin::unload::glibc::tests::one_case",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CASE, case)
        .env(LIBRARY, library)
        .output()
        .unwrap()
}

/// A child that must end well. Returns what it said.
fn passes(case: &str, library: &Path) -> String {
    let output = child(case, library);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{case}: {}\n{out}\n{err}", output.status);
    println!("{out}");
    out.into_owned()
}

/// What runs in a child; in the process of the tests themselves it does nothing.
#[test]
fn one_case() {
    let Some(case) = std::env::var_os(CASE) else { return };
    let cases = [cycles::CASES, pins::CASES, signals::CASES].concat();
    let case = case.to_str().unwrap();
    let (_, run) = cases.iter().find(|(name, _)| *name == case).unwrap();
    run();
}

/// The library of the child's case.
fn file() -> PathBuf {
    std::env::var_os(LIBRARY).unwrap().into()
}

fn open(file: &Path) -> Library {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let generation = NUMBER.fetch_add(1, Ordering::Relaxed);
    let app = file.file_stem().unwrap().to_str().unwrap().trim_start_matches("lib");
    Library::open(file, Owner { app: app.to_owned(), generation }).unwrap()
}

fn call(library: &Library, function: &str, counter: &'static AtomicUsize) {
    library.function::<Call>(function)(counter);
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn gone(library: Library) -> Left {
    match library.close(soon()) {
        Unloaded::Gone(left) => left,
        Unloaded::Pinned(pin) => panic!("pinned: {pin}"),
        Unloaded::NotYet(_, pin) => panic!("not yet: {pin}"),
    }
}

/// Closes a library that has a reason to stay for good.
fn pinned(library: Library) -> Pin {
    match library.close(soon()) {
        Unloaded::Pinned(pin) => pin,
        other => panic!("not pinned: {other:?}"),
    }
}

/// Closes a library that has a reason to stay for now.
fn not_yet(library: Library) -> (Library, Pin) {
    match library.close(Instant::now() + Duration::from_millis(50)) {
        Unloaded::NotYet(library, pin) => (library, pin),
        other => panic!("not kept: {other:?}"),
    }
}

fn counter() -> &'static AtomicUsize {
    Box::leak(Box::default())
}
