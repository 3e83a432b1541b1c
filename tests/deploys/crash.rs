//! Versions that pass every check and panic once they serve.

use super::{assert_says, numbered, path, says};
use crate::harness::client::get;
use crate::harness::host::Launch;
use crate::harness::libraries::{c_app, fault_app, own_copy};
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use serde_json::Value;
use std::path::Path;

/// As many panics take a version back.
const BUDGET: usize = 5;

/// Waits until a version serves.
fn wait_for_generation(host: &Operated, generation: u64) {
    let serves = |app: &Value| app["current"]["generation"] == generation;
    host.wait_for_app("shop", "that it serves", serves);
}

/// Waits until a version serves, and makes it panic.
fn panic(host: &Operated, generation: u64, times: usize) {
    wait_for_generation(host, generation);
    for _ in 0..times {
        assert_eq!(get(host.address(), "/").status, 500);
    }
}

#[test]
fn a_version_that_keeps_panicking_is_taken_back() {
    let (first, panics) = (says("first"), fault_app("panics"));
    let host = numbered(&first);
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.verb(&["deploy", "--wait", "shop", path(&panics)]));
        panic(&host, 2, BUDGET);
        let output = deploy.join().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let why = "error: `shop` was rolled back: it panicked 5 times within 10s of its swap\n";
        assert_eq!(said, why);
    });
    assert_says(&host, "first");
    let mut kinds = host.kinds_until("shop", "rolled_back");
    kinds.retain(|kind| kind != "draining" && kind != "retired");
    assert_eq!(kinds[kinds.len() - 3..], ["deployed", "quarantined", "rolled_back"]);

    // Its digest is known now, under whatever name.
    let refusal = refused(&host.verb(&["deploy", "shop", path(&panics)]), 65);
    refusal.says(["is in quarantine: it panicked 5 times"]).helps(["--force"]);
    let copy = own_copy(&panics);
    refused(&host.verb(&["deploy", "shop", path(&copy)]), 65).says(["is in quarantine"]);
    assert_says(&host, "first");

    host.said(&["deploy", "--force", "shop", path(&panics)]);
    assert_eq!(get(host.address(), "/").status, 500);
    host.said(&["rollback", "shop"]);
    assert_says(&host, "first");
    host.said(&["deploy", "shop", path(&panics)]);
    assert_eq!(host.app("shop")["panics"], 0);
}

#[test]
fn fewer_panics_than_are_allowed_are_only_counted() {
    let (first, panics) = (says("first"), fault_app("panics"));
    let host = numbered(&first);
    let words = ["deploy", "--wait", "--json", "shop", path(&panics)];
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.said(&words));
        panic(&host, 2, BUDGET - 1);
        let said = deploy.join().unwrap();
        assert!(said.contains(r#""verdict":"stayed""#), "{said}");
    });
    assert_eq!(host.app("shop")["panics"], BUDGET - 1);
    // The window is over: this is one panic more, and no verdict.
    assert_eq!(get(host.address(), "/").status, 500);
    assert_eq!(host.app("shop")["current"]["generation"], 2);
}

/// An application that did not start has no version to go back to.
#[test]
fn a_deploy_mends_an_application_that_did_not_start() {
    let (first, panics) = (says("first"), fault_app("panics"));
    let bad = c_app(&["FAULT \"the index is locked\""]);
    let other = format!("/other=other={}", first.display());
    let bad = format!("shop={}", bad.display());
    let launch = Launch::new().args(["--load", &bad, "--mount", &other]);
    let host = Operated::start(launch.breaking(&["call-no-panic"]));
    assert_eq!(
        (host.app("shop")["state"].as_str(), get(host.address(), "/").status),
        (Some("failed"), 503)
    );
    let said = host.deploy("shop", &panics);
    assert_eq!(said["old"], Value::Null);
    let generation = said["new"]["generation"].as_u64().unwrap();
    panic(&host, generation, BUDGET);
    assert!(host.kinds_until("shop", "quarantined").contains(&"deployed".to_owned()));
    // There is nothing better.
    assert_eq!(host.app("shop")["current"]["generation"], generation);
    host.deploy("shop", &first);
    assert_says(&host, "first");
    // Nor does anybody go back to it unawares.
    let refusal = refused(&host.verb(&["rollback", "shop"]), 65);
    refusal.says(["is in quarantine"]).helps(["--force"]);
    assert_says(&host, "first");
    assert_eq!(get(host.address(), "/other").text(), "first\n");
}

/// Whatever else takes a version out of service ends its window, without a verdict.
#[test]
fn another_deploy_or_a_drain_ends_the_window() {
    let (first, second, third) = (says("first"), says("second"), says("third"));
    let host = numbered(&first);
    let ends = |file: &Path, generation: u64, end: &dyn Fn()| {
        let output = std::thread::scope(|scope| {
            let deploy = scope.spawn(|| host.verb(&["deploy", "--wait", "shop", path(file)]));
            wait_for_generation(&host, generation);
            end();
            deploy.join().unwrap()
        });
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(said.contains("`shop` is live, but its crash window had no end"), "{said}");
        assert!(said.contains("it was taken out of service"), "{said}");
    };
    ends(&second, 2, &|| drop(host.deploy("shop", &third)));
    assert_says(&host, "third");
    ends(&second, 4, &|| drop(host.said(&["drain", "shop"])));
}
