//! A library in Go: its runtime has threads and signal handlers of its own, and the linker keeps
//! it.

use super::{ends_well, serving, wait_for_reason};
use crate::harness::client::{Connection, get};
use crate::harness::eventually;
use crate::harness::libraries::c_app;
use crate::harness::project;
use crate::harness::skip::skip;
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

#[test]
fn it_serves_and_stays_with_its_reason() {
    const NAME: &str = "held::in_go::it_serves_and_stays_with_its_reason";
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = build(&folder) else { return skip(NAME, "go is not installed") };
    let next = c_app(&["TEXT \"next\\n\""]);
    let host = serving([("go", &*library), ("other", &next)]);
    let asks = |count: usize| {
        let mut connection = Connection::open(host.address());
        for _ in 0..count {
            connection.send("GET /go HTTP/1.1\r\nHost: a\r\n\r\n");
            let response = connection.response().unwrap();
            assert!(response.text().starts_with("in Go, request "), "{response:?}");
            assert_eq!(get(host.address(), "/other").text(), "next\n");
        }
    };
    asks(100);
    // Once more beside itself: two of these runtimes live in one process.
    let copy = crate::harness::libraries::own_copy(&library);
    let mut bytes = std::fs::read(&copy).unwrap();
    bytes.push(0);
    std::fs::write(&copy, bytes).unwrap();
    host.deploy("go", &copy);
    asks(100);
    wait_for_reason(&host, "go", "pinned", "it is linked with -z nodelete");
    host.deploy("go", &next);
    let both = |app: &Value| app["retained"].as_array().is_some_and(|held| held.len() == 2);
    host.wait_for_app("go", "both", both);
    // Its threads run on, and take signals of the process.
    host.signal(Signal::HUP);
    host.wait_for_log("read again: ");
    for _ in 0..100 {
        // One that a thread of Go's may be given, by its own handler.
        host.signal(Signal::URG);
        assert_eq!(get(host.address(), "/go").text(), "next\n");
    }
    eventually("its threads", || (threads(host.pid()) > 4).then_some(()));
    ends_well(host);
}

fn threads(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/task")).unwrap().count()
}

fn build(folder: &TempDir) -> Option<PathBuf> {
    let is_there = Command::new("go").arg("version").stdout(Stdio::null()).status();
    if !is_there.is_ok_and(|status| status.success()) {
        return None;
    }
    let library = folder.path().join("libingo.so");
    let output = Command::new("go")
        .args(["build", "-buildmode=c-shared", "-buildvcs=false", "-o"])
        .arg(&library)
        .current_dir(project().join("tests/libraries/in-go"))
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
        .env("GOFLAGS", "")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "go cannot build it:\n{said}");
    Some(library)
}
