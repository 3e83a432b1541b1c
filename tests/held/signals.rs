//! Applications that meddle with signals: the host is still told to read its files again and to
//! end.

use super::{SERVES, wait_for_reason};
use crate::harness::client::{Connection, get};
use crate::harness::host::{Launch, run};
use crate::harness::libraries::{c_app, fault_app, own_copy, sample};
use crate::harness::misbehaving::Flavour;
use crate::harness::operated::Operated;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A host that has each of these libraries in turn at one path, and is told so by HUP.
fn reloads(libraries: &[&Path]) -> (Operated, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.so");
    let put = |library: &Path| {
        fs::copy(library, folder.path().join("beside")).unwrap();
        fs::rename(folder.path().join("beside"), &file).unwrap();
    };
    put(libraries[0]);
    let (shop, wait) = (format!("/={}={}", "shop", file.display()), Flavour::Pool.library());
    let wait = format!("/wait=wait={}", wait.display());
    let release = format!("wait.release={}", folder.path().join("release").display());
    let launch = Launch::new().args(["--mount", &shop, "--mount", &wait, "--set", &release]);
    let host = Operated::start(launch);
    for (count, library) in libraries.iter().enumerate().skip(1) {
        get(host.address(), "/");
        put(library);
        host.signal(Signal::HUP);
        host.wait_for_logs("read again: 1 deployed", count);
    }
    (host, folder)
}

/// Ends it with a request in hand, which is finished.
fn drains(mut host: Operated, folder: &TempDir, signal: Signal) {
    let mut in_hand = Connection::open(host.address());
    in_hand.send("GET /wait/wait/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    host.signal(signal);
    host.wait_for_log("received: finishing what is in hand");
    fs::write(folder.path().join("release"), "").unwrap();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn an_application_that_ignores_them_is_deployed_and_drained() {
    let ignore = |signal: Signal| format!("signal({}, SIG_IGN);", signal.as_raw());
    let all = [Signal::HUP, Signal::TERM, Signal::INT].map(ignore).concat();
    let version = |text: &str| {
        c_app(&[&format!("INIT if ({SERVES}) {{ {all} }}"), &format!("TEXT \"{text}\\n\"")])
    };
    let versions = ["one", "two", "three"].map(version);
    for signal in [Signal::TERM, Signal::INT] {
        let (host, folder) = reloads(&versions.each_ref().map(|it| &**it));
        assert_eq!(get(host.address(), "/").text(), "three\n");
        // What is no function keeps nobody.
        super::wait_for_none(&host, "shop");
        drains(host, &folder, signal);
    }
}

const WILL_STAY: &str = "will stay loaded: tokio signal driver";

/// The same library with its names and without them.
#[test]
fn one_that_waits_for_ctrl_c_is_known_by_its_file() {
    let waits = own_copy(&fault_app("ctrl-c"));
    let unloads = |library: &Path| {
        let facts = String::from_utf8(run(["inspect".as_ref(), library.as_os_str()]).stdout);
        facts.unwrap().lines().find(|line| line.starts_with("unload:")).unwrap().to_owned()
    };
    assert!(unloads(&waits).contains(WILL_STAY), "{}", unloads(&waits));
    assert!(Command::new("strip").arg("--strip-all").arg(&waits).status().unwrap().success());
    assert!(unloads(&waits).contains(WILL_STAY), "{}", unloads(&waits));
    for without in ["todo", "axum-app"] {
        assert_eq!(unloads(&sample(without)), "unload:      when nothing uses it", "{without}");
    }
}

/// tokio's handlers are never taken back.
#[test]
fn one_that_waits_for_ctrl_c_is_deployed_drained_and_pinned() {
    let (first, second) = (fault_app("ctrl-c"), c_app(&["TEXT \"second\\n\""]));
    for signal in [Signal::TERM, Signal::INT] {
        let (host, folder) = reloads(&[&first, &second, &first]);
        assert_eq!(get(host.address(), "/").text(), "waits for ctrl-c\n");
        // Each time that it is loaded, and not for the other one.
        let told = host.wait_for_logs(WILL_STAY, 2);
        assert!(told.iter().all(|line| line.contains(r#"app="shop""#)), "{told:?}");
        assert_eq!(host.log().matches("tokio signal driver").count(), 2);
        wait_for_reason(&host, "shop", "pinned", "it installed a handler for SIGINT");
        drains(host, &folder, signal);
    }
}
