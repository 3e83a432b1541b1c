//! Applications of one framework in two releases, with two releases of tokio: each takes the other
//! one's place in a host that has a third.

use crate::harness::client::get;
use crate::harness::crates::Target;
use crate::harness::host::Launch;
use crate::harness::libraries::sample;
use crate::harness::operated::Operated;
use crate::harness::project;
use crate::harness::skip::{long_tests_run, skip};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

const NAME: &str = "tower::releases::another_release_of_the_framework_takes_its_place";

/// Builds it, which needs the network where its crates have never been fetched.
fn other() -> PathBuf {
    let target = Target::Beside("other-axum".to_owned()).folder().unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--target-dir"])
        .arg(&target)
        .current_dir(project().join("tests/libraries/other-axum"))
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    target.join("debug/libother_axum.so")
}

#[test]
fn another_release_of_the_framework_takes_its_place() {
    if !long_tests_run() {
        return skip(NAME, "builds axum 0.7 and tokio 1.44: tests/run --long");
    }
    let (other, usual) = (other(), sample("axum-app"));
    let host = Operated::start(Launch::new().arg("--load").arg(format!("app={}", usual.display())));
    let mut before = None;
    for _ in 0..5 {
        host.deploy("app", &other);
        assert_eq!(get(host.address(), "/later/hello").text(), "axum 0.7 says hello\n");
        host.deploy("app", &usual);
        assert_eq!(get(host.address(), "/later").text(), "later\n");
        host.wait_for_app("app", "the end of every version that was replaced", |app| {
            app["retained"] == Value::from([(); 0])
        });
        let now = before.get_or_insert_with(|| host.possessions());
        host.wait_for_no_more_than(now);
    }
}
