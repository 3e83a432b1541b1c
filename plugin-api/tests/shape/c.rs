//! The sample in C, built by the system's compiler and opened as a library: the door is plain C.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dsgi::abi::app::{AppTable, flavour, kind, untext};
use dsgi::abi::grown::{Init, Instance, purpose};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::abi::{ABI, SYMBOL, answer};

use crate::host::{App, Done, Host};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const RTLD_NOW: c_int = 2;

#[test]
fn the_sample_in_c_answers() {
    let Some(library) = built() else {
        return skip("c::the_sample_in_c_answers", "gcc is not installed");
    };
    let path = CString::new(library.to_str().expect("UTF-8")).expect("a path");
    let symbol = CString::new(SYMBOL).expect("a name");
    // SAFETY: both are C texts; the library stays open until the program ends.
    let table = unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        assert!(!library.is_null(), "{path:?} does not open");
        let table = dlsym(library, symbol.as_ptr());
        assert!(!table.is_null(), "{symbol:?} is not exported");
        In::from_raw(table.cast_const().cast::<AppTable>()).read()
    };
    // SAFETY: what the header makes the library export.
    let descriptor = unsafe { In::from_raw(table.descriptor).read() };
    assert_eq!((table.size as usize, table.abi), (size_of::<AppTable>(), ABI));
    assert_eq!((descriptor.flavour, descriptor.kind), (flavour::NON_BLOCKING, kind::APPLICATION));
    assert_eq!(untext(&descriptor.name), "hello-c");

    let init = Init { abi: ABI, purpose: purpose::SERVE, ..Init::absent() };
    let mut instance = Instance::absent();
    // SAFETY: both structs are lent.
    let answer =
        unsafe { table.init.expect("a mandatory slot")(In::lend(&init), Out::lend(&mut instance)) };
    assert_eq!(answer, answer::READY);
    let done = Host::new(App::new(table, instance.app)).run();
    let content_type = ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned());
    let blocks = vec!["I'm a DSGI application.\n".to_owned()];
    assert_eq!(done, Done { status: 200, headers: vec![content_type], blocks, ..Done::default() });
}

/// The library; `None` without a compiler.
fn built() -> Option<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libhello_c.so");
    let output = Command::new("gcc")
        .args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(["-fPIC", "-fvisibility=hidden", "-shared", "-I"])
        .arg(package.join("include"))
        .arg("-o")
        .arg(&library)
        .arg(package.join("../sample-plugins/hello-c/hello.c"))
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "gcc:\n{said}");
    Some(library)
}

/// Records a skip as `tests/run` expects it.
fn skip(name: &str, reason: &str) {
    eprintln!("skipped: {name}: {reason}");
    let Some(path) = std::env::var_os("DSGI_SKIPS") else { return };
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(format!("{name} | {reason}\n").as_bytes()).expect("the file takes a line");
}
