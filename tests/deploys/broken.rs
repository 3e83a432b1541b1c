//! Versions that cannot serve, deployed while clients ask without a pause: each is refused with
//! the right exit code and one line that says why, and what served before serves on.

use super::{assert_says, numbered_with, path, says, shop};
use crate::harness::client::get;
use crate::harness::crates::{Crates, Target};
use crate::harness::gate::Gate;
use crate::harness::libraries::{
    TemporaryLibrary, c_app, c_library, fault_app, own_copy, versions,
};
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use crate::swap::loader::{Loader, Shape, Wrong};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// What is refused: what is wrong with it, where it is, the exit code, and what is said.
type Case = (&'static str, Box<dyn AsRef<Path>>, i32, &'static [&'static str]);

const CLIENTS: &[Shape] = &[Shape::KeepAlive, Shape::New, Shape::Download, Shape::Streams];

#[test]
fn a_broken_version_fails_no_request() {
    let [good, _] = versions(&fault_app("two"), b"this is:a", b"this is:b");
    let crates = Crates::new();
    crates.library("broken", "", "pub fn nothing( {");
    let doomed = c_app(&[]);
    let launch = crates
        .host(Target::Own)
        .args(["--probe-timeout", "2s", "--debug"])
        .args(["--mount".into(), format!("/two=two={}", good.display())])
        .args(["--mount".into(), format!("/late=late={}", good.display())])
        // One whose config asks for it.
        .args(["--mount".into(), format!("/init=init={}", doomed.display())])
        .args(["--set", "init.fault=panic", "--set", "init.text=the index is locked"]);
    let host = Operated::start(launch.breaking(&["call-no-panic"]));
    let before = host.app("two")["current"].clone();
    let loader = Loader::start(host.address(), [("/two", CLIENTS)]);

    let folder = tempfile::tempdir().unwrap();
    let mut cases = no_files(&folder);
    cases.extend(no_libraries(&good));
    cases.extend(faults());
    cases.push(("does not compile", Box::new(crates.path("broken")), 65, &["broken"]));
    for (what, file, code, says) in cases {
        println!("{what}");
        let file = (*file).as_ref();
        refused(&host.verb(&["deploy", "two", path(file)]), code).says(says.iter().copied());
        let app = host.app("two");
        assert_eq!((&app["current"], &app["state"]), (&before, &Value::from("serving")), "{what}");
        assert_eq!(app["retained"], Value::from([(); 0]), "{what}: it was never opened here");
        let answered = loader.answered();
        loader.wait_for("the old version at work", |seen| seen.answered() > answered + 4);
    }
    let init = fault_app("init");
    let refusal = refused(&host.verb(&["deploy", "init", path(&init)]), 65);
    refusal.says(["init failed: panicked: the index is locked"]).helps(["its last words"]);
    assert_eq!(get(host.address(), "/init").text(), "in C\n");
    assert_eq!(loader.stop().wrong, []);
    panics_are_taken_back(&host);
}

/// Paths at which there is no library.
fn no_files(folder: &TempDir) -> Vec<Case> {
    let at = |name: &str| Box::new(folder.path().join(name));
    let (fifo, text) = (at("fifo"), at("notes.txt"));
    mkfifoat(CWD, &*fifo, Mode::RUSR | Mode::WUSR).unwrap();
    std::fs::write(&*text, "Dear diary\n").unwrap();
    vec![
        ("nothing", at("none.so"), 65, &["no such file"]),
        ("folder", at(""), 65, &["is not a crate", "holds no `Cargo.toml`"]),
        ("FIFO", fifo, 65, &["is a FIFO"]),
        ("device", Box::new("/dev/zero"), 65, &["is a device"]),
        ("text", text, 65, &["not a shared library", "a text file"]),
    ]
}

/// Files that are refused before anything of them runs.
fn no_libraries(good: &Path) -> Vec<Case> {
    let truncated = own_copy(good);
    std::fs::write(&truncated, &std::fs::read(good).unwrap()[..100_000]).unwrap();
    let elsewhere = changed(good, 18, &[if cfg!(target_arch = "x86_64") { 183 } else { 62 }]);
    let [_, layout] = versions(&fault_app("two"), b"reserved", b"Reserved");
    let plain = c_library("seven", "int seven(void) { return 7; }", &[]);
    vec![
        ("truncated", Box::new(truncated), 65, &["is cut short", "100000 bytes"]),
        ("other architecture", Box::new(elsewhere), 65, &["is built for"]),
        ("layout", Box::new(layout), 65, &["its layout differs from this host's"]),
        ("no plugin", Box::new(plain), 65, &["not a DSGI library", "exports no `dsgi_app_v1`"]),
    ]
}

fn faults() -> Vec<Case> {
    fn case(what: &'static str, fault: &[&str], code: i32, says: &'static [&'static str]) -> Case {
        (what, Box::new(c_app(fault)), code, says)
    }
    let request = "PROBE DSGI_PROBE_REQUEST";
    let panics: Case =
        ("constructor panics", Box::new(fault_app("constructor")), 65, &["ran it was ended by"]);
    vec![
        panics,
        case("ABI", &["NOTE_ABI 7"], 65, &["built for ABI 7", "this host needs ABI 0"]),
        case("ABI of the table", &["TABLE_ABI 7"], 65, &["built for ABI 7", "speaks ABI 0"]),
        case("layer", &["KIND DSGI_KIND_LAYER"], 65, &["is a layer, not an application"]),
        case("panic=abort", &["PANIC DSGI_PANIC_MODE_ABORT"], 65, &["built with panic=abort"]),
        case("undefined symbol", &["UNDEFINED", "-Wl,-z,lazy"], 65, &["nobody_defines_this"]),
        case("constructor aborts", &["CONSTRUCTOR ABORT"], 65, &["constructors ran", "SIGABRT"]),
        case("constructor crashes", &["CONSTRUCTOR CRASH"], 65, &["constructors ran", "SIGSEGV"]),
        case("constructor exits", &["CONSTRUCTOR EXIT"], 65, &["constructors ran", "exit code 3"]),
        case("constructor hangs", &["CONSTRUCTOR HANG"], 4, &["constructors ran", "within 2s"]),
        case("init aborts", &["INIT ABORT"], 65, &["in init it was ended by SIGABRT"]),
        case("init crashes", &["INIT CRASH"], 65, &["in init it was ended by SIGSEGV"]),
        case("init exits", &["INIT EXIT"], 65, &["in init it ended the process with exit code 3"]),
        case("init hangs", &["INIT HANG"], 4, &["in init it did not come back within 2s"]),
        case("init errors", &["FAULT \"no index\""], 65, &["init failed: no index"]),
        case("answer crashes", &["CALL CRASH", request], 65, &["the request of the probe"]),
        case("answer fails", &["STATUS 503", request], 65, &["it answered 503"]),
    ]
}

/// What no check finds: the first calls, and those after two seconds, panic.
fn panics_are_taken_back(host: &Operated) {
    let panics = versions(&fault_app("panics"), b"until it panics:0", b"until it panics:2");
    let [at_once, late] = &panics;
    for (app, mount, panics) in [("two", "/two", at_once), ("late", "/late", late)] {
        let before = host.app(app)["current"]["digest"].clone();
        let loader = Loader::start(host.address(), [(mount, CLIENTS)]);
        loader.wait_for("the old version at work", |seen| seen.answered() > 4);
        let output = host.verb(&["deploy", "--wait", app, path(panics)]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let why = format!("error: `{app}` was rolled back: it panicked 5 times within 10s");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(&why), "{output:?}");
        assert_eq!(host.app(app)["current"]["digest"], before);
        let failed = loader.wrong();
        // What was given to it before the swap back may still be on its way; no client asks twice.
        let answered = loader.answered();
        loader.wait_for("the old version again", |seen| seen.answered() > answered + 64);
        let seen = loader.stop();
        assert!(seen.wrong.len() <= failed + 2 * CLIENTS.len(), "{app}: {seen:?}");
        // A panic is one 500; until then the late one gives answers of its own.
        let panicked = |found: &Wrong, text: &str| *found == Wrong::Failed && text.contains("500");
        let of_its_own = |text: &str| app == "late" && text.contains("8 bytes of");
        assert!(seen.wrong.iter().all(|(found, text)| panicked(found, text) || of_its_own(text)));
        assert!(seen.wrong.iter().filter(|(found, text)| panicked(found, text)).count() >= 5);
    }
}

/// A copy with other bytes at a place.
fn changed(library: &Path, at: usize, with: &[u8]) -> TemporaryLibrary {
    let copy = own_copy(library);
    let mut bytes = std::fs::read(&copy).unwrap();
    bytes[at..at + with.len()].copy_from_slice(with);
    std::fs::write(&copy, bytes).unwrap();
    copy
}

const SERVES: &str = "given->purpose == DSGI_PURPOSE_SERVE";

/// Its probe has passed, so it was opened here: it does not stay.
#[test]
fn what_is_refused_after_it_was_opened_is_unmapped() {
    let host = shop(&says("first"));
    host.deploy("shop", &says("second"));
    let none = |app: &Value| app["retained"] == Value::from([(); 0]);
    host.wait_for_app("shop", "the end of the first", none);
    let before = host.possessions();
    let fails = "static const dsgi_bytes why = DSGI_BYTES(\"the index is locked\"); \
                 instance->fault.message = why; return DSGI_ANSWER_ERROR;";
    let fails = c_app(&[&format!("INIT if ({SERVES}) {{ {fails} }}")]);
    for _ in 0..3 {
        let refusal = refused(&host.verb(&["deploy", "shop", path(&fails)]), 65);
        refusal.says(["did not start: init failed: the index is locked"]);
    }
    host.wait_for_app("shop", "the end of all that was refused", none);
    host.wait_for_no_more_than(&before);
    assert_says(&host, "second");
}

/// What cannot be unmapped is shown with its reason.
#[test]
fn what_is_refused_and_stays_is_listed() {
    let host = shop(&says("first"));
    let handler = "static void handler(int signal) { (void)signal; }";
    let library = include_str!("../libraries/app.c").replacen(
        "#include \"fixture.h\"",
        &format!("#include \"fixture.h\"\n{handler}"),
        1,
    );
    let init = format!("-DINIT=if ({SERVES}) {{ signal(SIGUSR2, handler); return 7; }}");
    let fails = c_library("one", &library, &[&init]);
    refused(&host.verb(&["deploy", "shop", path(&fails)]), 65).says(["did not start"]);
    let pinned = |app: &Value| app["retained"][0]["state"] == "pinned";
    let app = host.wait_for_app("shop", "that it is pinned", pinned);
    let reason = app["retained"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("USR2"), "{reason}");
    assert_says(&host, "first");
}

#[test]
fn an_init_that_hangs_where_it_is_to_serve_is_listed() {
    let gate = Gate::new();
    let host = numbered_with(&says("first"), ["--init-timeout", "500ms"]);
    let hangs = gate.library(SERVES, "late");
    let refusal = refused(&host.verb(&["deploy", "shop", path(&hangs)]), 4);
    refusal.says(["did not start: init did not return within 500ms"]);
    let held = &host.app("shop")["retained"][0];
    assert_eq!(
        (&held["state"], &held["reason"], &held["generation"]),
        (&"pinned".into(), &"its init has not returned".into(), &2.into())
    );
    assert!(host.said(&["ps"]).contains("its init has not returned"));
    for kind in ["pinned", "refused"] {
        assert_eq!(host.kinds_until("shop", kind)[..2], ["deployed", "deploy_started"]);
    }
    assert_says(&host, "first");
    // One that comes back after all is ended like any other.
    gate.open();
    let none = |app: &Value| app["retained"] == Value::from([(); 0]);
    host.wait_for_app("shop", "its end", none);
    assert_says(&host, "first");
}
