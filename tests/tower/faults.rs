//! Services that fail, and destructors that look for their runtime.

use crate::harness::client::{Connection, get};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{c_app, fault_app};
use crate::harness::operated::Operated;
use serde_json::Value;
use tempfile::TempDir;

/// A service that panics when it is asked to, and says of no body what it is: nobody looks at that.
fn waits(settings: &[&str]) -> Launch {
    // One line for each panic.
    let launch = Launch::new().bare().env("RUST_BACKTRACE", "0");
    launch.arg("--load").arg(fault_app("waits")).args(settings)
}

fn asked(host: &Host, path: &str) -> (u16, String) {
    let response = get(host.address(), path);
    (response.status, response.text().to_owned())
}

#[test]
fn a_service_of_a_function_answers_and_its_errors_are_told() {
    let host = waits(&[]).start();
    assert_eq!(asked(&host, "/"), (200, "whole".to_owned()));
    assert_eq!(asked(&host, "/pieces"), (200, "onetwo".to_owned()));
    assert_eq!(asked(&host, "/mount"), (200, " 1".to_owned()));
    for (path, status, told) in [
        ("/teapot", 418, "short and stout"),
        ("/nowhere", 404, "no /nowhere"),
        ("/panic", 500, "the service panics"),
        ("/panic-later", 500, "the service panics later"),
        ("/panic-task", 500, "the task panics"),
    ] {
        let (said, text) = asked(&host, path);
        assert_eq!(said, status, "{path}");
        assert!(!text.contains(told), "{path} tells the client {text}");
        let line = host.wait_for_log(told);
        assert!(line.contains(r#"app="waits""#), "{line}");
    }
    assert_eq!(asked(&host, "/").0, 200, "after panics");
}

#[test]
fn a_panic_within_a_body_breaks_the_response_off() {
    let host = waits(&[]).start();
    let mut connection = Connection::open(host.address());
    connection.send("GET /panic-body HTTP/1.1\r\nHost: a\r\n\r\n");
    let seen = String::from_utf8(connection.rest().unwrap()).unwrap();
    assert!(!seen.contains("0\r\n\r\n"), "complete as {seen:?}");
    let line = host.wait_for_log("panicked at tests/apps/waits/src/lib.rs:");
    assert!(line.contains(r#"app="waits""#), "{line}");
    assert_eq!(asked(&host, "/").0, 200, "after a panic");
}

#[test]
fn a_handler_that_holds_a_core_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let host = waits(&["--set", &release(&folder)]).start();
    let mut holding = Connection::open(host.address());
    holding.send("GET /block HTTP/1.1\r\nHost: a\r\n\r\n");
    let line = host.wait_for_log("holds a core");
    assert!(line.contains(r#"app="waits""#), "{line}");
    std::fs::write(folder.path().join("release"), "").unwrap();
    assert_eq!(holding.response().unwrap().text(), "whole");
}

fn release(folder: &TempDir) -> String {
    format!("waits.release={}", folder.path().join("release").display())
}

fn wait_for_retained(host: &Operated, reason: Option<&str>) {
    host.wait_for_app("waits", reason.unwrap_or("the end of the version before"), |app| {
        let retained = app["retained"].as_array().unwrap();
        let named = |one: &Value| one["reason"].as_str().map(ToOwned::to_owned);
        let first = retained.first().and_then(named);
        reason.map_or(retained.is_empty(), |reason| first.is_some_and(|it| it.contains(reason)))
    });
}

/// The runtime ends without what does not, and the version stays as long as that.
#[test]
fn a_runtime_that_does_not_end_keeps_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let host = Operated::start(waits(&["--set", &release(&folder)]));
    assert_eq!(asked(&host, "/stay"), (200, "whole".to_owned()));
    host.deploy("waits", &c_app(&["TEXT \"next\\n\""]));
    wait_for_retained(&host, Some("its thread \"dsgi-waits\" (tid "));
    let table = host.said(&["ps"]);
    assert!(table.contains("its thread \"dsgi-waits\" (tid "), "{table}");
    assert_eq!(asked(&host, "/").1, "next\n");
    std::fs::write(folder.path().join("release"), "").unwrap();
    wait_for_retained(&host, None);
}

#[test]
fn state_that_panics_when_it_is_dropped_is_told_and_goes() {
    let host = Operated::start(waits(&["--set", "waits.end=panic"]));
    assert_eq!(asked(&host, "/").0, 200);
    host.deploy("waits", &c_app(&["TEXT \"next\\n\""]));
    let line = host.wait_for_log("the state panics");
    assert!(line.contains(r#"app="waits""#), "{line}");
    wait_for_retained(&host, None);
    assert_eq!(asked(&host, "/").1, "next\n");
}

/// A service that has enough says so by 503, and not by waiting.
#[test]
fn a_service_that_has_enough_answers_503() {
    let host = waits(&["--set", "waits.at_once=1"]).start();
    let mut waiting = Connection::open(host.address());
    waiting.send("GET /for-ever HTTP/1.1\r\nHost: a\r\n\r\n");
    // Another request before this one has its place would be what takes the place.
    host.wait_for_log("the call waits");
    assert_eq!(get(host.address(), "/").status, 503);
    drop(waiting);
    host.wait_for_log("the call was dropped inside of the runtime");
    crate::harness::eventually("room again", || {
        (get(host.address(), "/").status == 200).then_some(())
    });
}

/// State, bodies and calls are dropped where they find their runtime, up to the very end.
#[test]
fn destructors_find_the_runtime() {
    let mut host = waits(&[]).start();
    for path in ["/", "/pieces", "/teapot", "/panic"] {
        asked(&host, path);
    }
    host.terminate();
    assert!(host.wait().success(), "{}", host.log());
    host.wait_for_log("the service was dropped inside of the runtime");
    assert!(!host.log().contains("outside of the runtime"), "{}", host.log());
}

#[test]
fn a_constructor_that_fails_is_told() {
    for (fails, told) in [("no database", "no database"), ("panic", "the constructor panics")] {
        let output = waits(&["--strict", "--set", &format!("waits.fails={fails}")]).run();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
    let hangs = waits(&["--strict", "--init-timeout", "500ms", "--set", "waits.fails=hang"]).run();
    let said = String::from_utf8_lossy(&hangs.stderr);
    assert!(!hangs.status.success() && said.contains("within 500ms"), "{said}");
    let output = waits(&["--strict", "--set", "waits.at_once=many"]).run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("config: invalid type"), "{said}");
}
