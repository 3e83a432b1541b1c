//! Services that fail, and destructors that look for their runtime.

use crate::harness::client::{Connection, get};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::fault_app;

/// A service that panics when it is asked to, and says of no body what it is: nobody looks at that.
fn waits(settings: &[&str]) -> Launch {
    Launch::new().bare().arg("--load").arg(fault_app("waits")).args(settings)
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
    ] {
        let (said, text) = asked(&host, path);
        assert_eq!(said, status, "{path}");
        assert!(!text.contains(told), "{path} tells the client {text}");
        host.wait_for_log(told);
    }
    assert_eq!(asked(&host, "/").0, 200, "after panics");
}

/// A service that has enough says so by 503, and not by waiting.
#[test]
fn a_service_that_has_enough_answers_503() {
    let host = waits(&["--set", "waits.at_once=1"]).start();
    let mut waiting = Connection::open(host.address());
    waiting.send("GET /for-ever HTTP/1.1\r\nHost: a\r\n\r\n");
    let busy = crate::harness::eventually("a service that has enough", || {
        let response = get(host.address(), "/");
        (response.status != 200).then_some(response.status)
    });
    assert_eq!(busy, 503);
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
    let output = waits(&["--strict", "--set", "waits.at_once=many"]).run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("config: invalid type"), "{said}");
}
