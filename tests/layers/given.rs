//! What a layer's file and name may be.

use super::{around, assert_met, says, served, through};
use crate::harness::client::get;
use crate::harness::host::Launch;
use crate::harness::operated::Operated;
use crate::harness::refusal::{load, refused, refuses};
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in ASCII")
}

#[test]
fn a_layer_and_an_application_do_not_stand_for_each_other() {
    let (app, layer) = (says("shop", "shop"), through(&["NAME \"log\""]));
    let refusal = refuses(load(&app).arg("--enable").arg(&app), 65);
    refusal.says([text(&app), "is an application, not a layer"]).helps(["--load", text(&app)]);
    refuses(load(&layer), 65).says(["is a layer, not an application"]).helps(["--enable"]);
    let host = Operated::start(served(&[("/", &app)], &[&layer]));
    let refusal = refused(&host.verb(&["deploy", "log", text(&app)]), 65);
    refusal.says(["is an application, not a layer"]).helps(["--load"]);
    let refusal = refused(&host.verb(&["deploy", "shop", text(&layer)]), 65);
    refusal.says(["is a layer, not an application"]).helps(["--enable"]);
    assert_eq!(get(host.address(), "/").text(), "shop\n");
}

#[test]
fn a_name_that_was_given_twice_is_refused_and_one_that_nobody_gave_makes_room() {
    let (app, layer) = (says("log", "shop"), through(&["NAME \"log\""]));
    let named = format!("log={}", layer.display());
    let refusal = refuses(load(&app).args(["--enable", &named]), 78);
    refusal.says(["are named `log`", text(&app), text(&layer)]).helps(["--enable log-2="]);
    let host = Operated::start(served(&[("/", &app)], &[&layer]).args(["--set", "log-2.key=1"]));
    assert_eq!(host.app("log-2")["kind"], "layer");
    assert_eq!(host.app("log")["kind"], "application");
    assert!(host.log().contains("the name `log` is taken: a layer of that name is `log-2`"));
    let refusal = refuses(load(&app).args(["--set", "nobody.key=1"]), 78);
    refusal.says(["no application is named `nobody`"]);
}

#[test]
fn what_is_neither_a_kind_nor_a_file_is_a_usage_error() {
    let app = says("shop", "shop");
    let refusal = refuses(load(&app).args(["--enable", "no-such-kind"]), 2);
    refusal.says(["`no-such-kind` is neither a kind of layer nor a file"]);
    refusal.helps(["the kinds are: ", "./no-such-kind"]);
    refuses(load(&app).args(["--enable", "log="]), 2).says(["`--enable log=` names no layer"]);
    let launch = load(&app).env("DSGI_LOG", "error").args(["--enable", "./nothing.so"]);
    refuses(launch, 65).says(["./nothing.so"]);
}

/// Where it stands around some mounts only, those answer 503: it may be what asks for a password.
#[test]
fn a_layer_that_does_not_start_lets_nobody_by() {
    let (app, bad) = (says("shop", "shop"), through(&["FAULT \"no key\""]));
    let launch = served(&[("/", &app)], &[&bad]).args(["--listen", "127.0.0.1:0"]);
    refuses(launch.env("DSGI_LOG", "error"), 65).says(["init failed: no key"]);
}

/// The probe asks a layer for what it does around an application of the host's own.
#[test]
fn a_probe_may_ask_a_layer() {
    let app = says("shop", "shop");
    let asked = through(&["NAME \"log\"", "PROBE DSGI_PROBE_REQUEST"]);
    let host = Operated::start(served(&[("/", &app)], &[&asked]));
    assert_eq!(get(host.address(), "/").text(), "shop\n");
    let bad = through(&["NAME \"log\"", "PROBE DSGI_PROBE_REQUEST", "INIT if (0) ", "STATUS 500"]);
    host.deploy("log", &bad);
    let crashes = through(&["NAME \"log\"", "PROBE DSGI_PROBE_REQUEST", "CALL CRASH"]);
    let refusal = refused(&host.verb(&["deploy", "log", text(&crashes)]), 65);
    refusal.says(["while it answered the request of the probe", "SIGSEGV"]);
    assert_eq!(get(host.address(), "/").text(), "shop\n");
}

#[test]
fn layers_stand_in_the_order_in_which_they_were_given() {
    let app = says("shop", "shop");
    let [a, b] = around('b');
    let started = |outer: &Path, inner: &Path| {
        let inner = format!("inner={}", inner.display());
        Operated::start(served(&[("/", &app)], &[outer, Path::new(&inner)]))
    };
    // The outermost says its own last.
    assert_met(&started(&a, &b), "/", "a", "shop");
    assert_met(&started(&b, &a), "/", "b", "shop");
}

#[test]
fn a_file_of_a_layer_can_be_checked() {
    let layer = through(&["NAME \"log\""]);
    let output = Launch::new().arg("check").arg(&layer).run();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("`log` passed its probe"), "{said}");
}
