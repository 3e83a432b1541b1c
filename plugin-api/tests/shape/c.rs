//! The sample and a layer in C, built by the system's compiler and opened as libraries: the door is
//! plain C.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dsgi::abi::app::{AppTable, flavour, kind, untext};
use dsgi::abi::grown::{Init, Instance, purpose};
use dsgi::abi::pointer::{Growable, In, Out};
use dsgi::abi::{ABI, SYMBOL, answer};
use dsgi::export::{link, link_layer};
use dsgi::{Environ, Inner, StartResponse, Text};

use crate::host::{App, Done, Host, Input};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const RTLD_NOW: c_int = 2;

#[test]
fn the_sample_in_c_answers() {
    let Some(library) = built("../sample-plugins/hello-c/hello.c") else {
        return skip("c::the_sample_in_c_answers", "gcc is not installed");
    };
    let (table, app) = started(&library);
    // SAFETY: what the header makes the library export.
    let descriptor = unsafe { In::from_raw(table.descriptor).read() };
    assert_eq!((table.size as usize, table.abi), (size_of::<AppTable>(), ABI));
    assert_eq!((descriptor.flavour, descriptor.kind), (flavour::NON_BLOCKING, kind::APPLICATION));
    assert_eq!(untext(&descriptor.name), "hello-c");

    let done = Host::new(app).run();
    let content_type = ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned());
    let blocks = vec!["I'm a DSGI application.\n".to_owned()];
    assert_eq!(done, Done { status: 200, headers: vec![content_type], blocks, ..Done::default() });
}

dsgi::value! {
    name = "User";
    /// As the layer in C has it.
    struct User { id: u64, name: Text }
}

/// Values go from Rust to C and from C to Rust: both mean the same struct by the same text.
#[test]
fn a_layer_in_c_reads_and_gives_values() {
    let Some(library) = built("tests/shape/layer.c") else {
        return skip("c::a_layer_in_c_reads_and_gives_values", "gcc is not installed");
    };
    let gives = |inner: Inner, environ: Environ, start_response: StartResponse| {
        environ.set_value(User { id: 41, name: Text::from("ada") })?;
        inner(environ, start_response)
    };
    let reads = |environ: Environ, start_response: StartResponse| -> dsgi::Result<[String; 1]> {
        let user = environ.value::<User>()?;
        start_response("200 OK", &[])?;
        Ok([format!("{} {}", user.id, user.name)])
    };
    let (_, in_c) = started(&library);
    let stack = vec![link_layer(gives).into(), in_c, link(reads).into()];
    assert_eq!(Host::with(stack, Input::ended()).run().blocks, ["42 from C"]);
    let (_, in_c) = started(&library);
    assert_eq!(
        Host::with(vec![in_c, link(reads).into()], Input::ended()).run().blocks,
        ["1 from C"]
    );
}

/// Opens a library and starts what it exports; it stays open until the program ends.
fn started(library: &Path) -> (AppTable, App) {
    let path = CString::new(library.to_str().expect("UTF-8")).expect("a path");
    let symbol = CString::new(SYMBOL).expect("a name");
    // SAFETY: both are C texts.
    let table = unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        assert!(!library.is_null(), "{path:?} does not open");
        let table = dlsym(library, symbol.as_ptr());
        assert!(!table.is_null(), "{symbol:?} is not exported");
        In::from_raw(table.cast_const().cast::<AppTable>()).read()
    };
    let init = Init { abi: ABI, purpose: purpose::SERVE, ..Init::absent() };
    let mut instance = Instance::absent();
    // SAFETY: both structs are lent.
    let answer =
        unsafe { table.init.expect("a mandatory slot")(In::lend(&init), Out::lend(&mut instance)) };
    assert_eq!(answer, answer::READY);
    (table, App::new(table, instance.app))
}

/// The library of a source in this package; `None` without a compiler.
fn built(source: &str) -> Option<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = Path::new(source).with_extension("so");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.file_name()?);
    let output = Command::new("gcc")
        .args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(["-fPIC", "-fvisibility=hidden", "-shared", "-I"])
        .arg(package.join("include"))
        .arg("-o")
        .arg(&library)
        .arg(package.join(source))
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
