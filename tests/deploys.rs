//! What an operator can do to a running host, and what comes of it: deploy, roll back, drain.

// Versions that are no good.
mod broken;
// Versions that are no good only once they are asked.
mod asked;
// Versions that panic once they serve.
mod crash;
// A host that has no descriptors left.
mod descriptors;
// What a host has of memory after many.
mod memory;

use crate::harness::client::{Connection, get};
use crate::harness::gate::Gate;
use crate::harness::host::Launch;
use crate::harness::libraries::{TemporaryLibrary, c_app};
use crate::harness::misbehaving::Flavour;
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// A version of an application in C that says so.
fn says(text: &str) -> TemporaryLibrary {
    c_app(&["NAME \"shop\"", &format!("TEXT \"{text}\\n\"")])
}

/// A host that serves it as `shop`.
fn shop(first: &Path) -> Operated {
    shop_with(first, [""; 0])
}

fn shop_with<'a>(first: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Operated {
    let launch = Launch::new().arg("--load").arg(format!("shop={}", first.display()));
    Operated::start(launch.args(arguments))
}

/// The same without the validator, which has a number too: versions of `shop` are 1, 2, 3.
fn numbered(first: &Path) -> Operated {
    numbered_with(first, [""; 0])
}

fn numbered_with<'a>(first: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Operated {
    let launch = Launch::new().bare().arg("--load").arg(format!("shop={}", first.display()));
    Operated::start(launch.args(arguments))
}

fn path(library: &Path) -> &str {
    library.to_str().expect("a path in ASCII")
}

#[track_caller]
fn assert_says(host: &Operated, text: &str) {
    assert_eq!(get(host.address(), "/").text(), format!("{text}\n"));
}

/// Reads what is said of a deploy up to a line that holds this.
fn read_until(lines: &mut impl Iterator<Item = Value>, text: &str) {
    let found = lines.find(|line| line.to_string().contains(text));
    assert!(found.is_some(), "no line with `{text}`");
}

#[test]
fn a_deploy_says_what_it_did() {
    let (first, second) = (says("first"), says("second"));
    let host = numbered(&first);
    let old = host.app("shop")["current"].clone();
    let output = host.verb(&["deploy", "shop", path(&second)]);
    // Without a terminal there is no progress.
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{output:?}");
    let new = host.app("shop")["current"].clone();
    assert_ne!(old["digest"], new["digest"]);
    let build = |build: &Value, number: u32| {
        let digest = build["digest"].as_str().unwrap();
        assert_eq!((digest.len(), build["generation"].as_u64()), (64, Some(number.into())));
        format!("1.2.3 ({}, generation {number})", &digest[..12])
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("shop: {} -> {}", build(&old, 1), build(&new, 2)));
    let steps = lines[1..].iter().take_while(|line| line.ends_with(" ms"));
    let steps: Vec<&str> = steps.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(steps, ["read", "probe", "start", "swap"], "{text}");
    assert_eq!(lines[5..], ["  in flight on the old version: 0"]);
    assert_says(&host, "second");

    let other = c_app(&["NAME \"other\""]);
    let json = host.said(&["deploy", "--json", "shop", path(&other)]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["deployed"]["descriptor_name"], "other", "{json}");
    assert_eq!(json["deployed"]["old"], new, "{json}");
    // A file that is gone once it serves is not missed.
    drop(other);
    assert_eq!(get(host.address(), "/").text(), "in C\n");
}

/// One line, written over and over, and wiped before the answer.
#[test]
fn a_terminal_shows_how_far_a_deploy_is() {
    let (first, second) = (says("first"), says("second"));
    let host = shop(&first);
    let output = host.on_a_terminal(&format!("deploy shop {}", path(&second)));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    // What is written where the line was wiped; the answer is the first that goes on to another.
    let mut pieces = shown.split("\r\u{1b}[K");
    for step in ["read", "probe", "start", "swap"] {
        let found = pieces.by_ref().take_while(|piece| !piece.contains('\n'));
        let begun = format!("shop: {step} ...");
        assert!({ found }.any(|piece| piece == begun), "no `{begun}` in its place: {shown:?}");
    }
    let answer = pieces.find(|piece| piece.contains('\n'));
    assert!(answer.is_some_and(|answer| answer.starts_with("shop: 1.2.3 (")), "{shown:?}");
}

#[test]
fn a_deploy_of_nothing_known_is_refused() {
    let first = says("first");
    let host = shop(&first);
    let refusal = refused(&host.verb(&["deploy", "blog", path(&first)]), 1);
    refusal.says(["no application or layer is named `blog`"]).helps(["shop"]);
    refused(&host.verb(&["deploy", "shop", "/no/such.so"]), 65).says(["no such file"]);
    refused(&host.verb(&["rollback", "shop"]), 1).says(["`shop` has no previous version"]);
    assert_eq!(host.verb(&["deploy", "shop"]).status.code(), Some(2));
    assert_says(&host, "first");
}

#[test]
fn a_rollback_goes_back_and_forth() {
    let (first, second) = (says("first"), says("second"));
    let host = shop(&first);
    host.deploy("shop", &second);
    // What comes back is not read from where it was.
    drop((first, second));
    assert_eq!(host.app("shop")["previous"]["kept"], "file");
    for (text, generation) in [("first", 3), ("second", 4), ("first", 5)] {
        let said = host.said(&["rollback", "shop"]);
        assert!(said.contains(&format!("generation {generation})")), "{said}");
        assert_says(&host, text);
    }
    host.wait_for_app("shop", "the end of all others", |app| {
        app["retained"] == Value::from([(); 0])
    });
}

#[test]
fn events_tell_a_deploy_in_order() {
    let (first, second) = (says("first"), says("second"));
    let bad = c_app(&["FAULT \"the index is locked\""]);
    let host = shop(&first);
    // Its generation may have to wait for a thread that ends.
    let kinds = |last| {
        let mut kinds = host.kinds_until("shop", last);
        kinds.retain(|kind| kind != "draining");
        kinds
    };
    host.deploy("shop", &second);
    let deploy = ["deployed", "deploy_started", "probed", "deployed", "retired"];
    assert_eq!(kinds("retired"), deploy);
    assert_eq!(host.try_deploy("shop", &bad).status, 422);
    assert_eq!(kinds("refused"), [&deploy[..], &["deploy_started", "refused"]].concat());
    host.said(&["rollback", "shop"]);
    assert_eq!(kinds("rolled_back").last().unwrap(), "rolled_back");
}

#[test]
fn a_drained_application_finishes_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let set = format!("shop.release={}", release.display());
    let host = shop_with(&Flavour::Pool.library(), ["--set", &set]);
    let mut in_hand = Connection::open(host.address());
    in_hand.send("GET /wait/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    assert_eq!(host.said(&["drain", "shop"]), "shop: draining\n");
    host.wait_for_log("app: told to drain");
    let refused = get(host.address(), "/fine");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let app = host.app("shop");
    assert_eq!((&app["state"], &app["current"]), (&Value::from("draining"), &Value::Null));
    assert_eq!(app["retained"][0]["reason"], "1 request in hand", "{app}");
    std::fs::write(&release, "").unwrap();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    host.wait_for_app("shop", "that it is drained", |app| app["state"] == "drained");
    assert_eq!(host.said(&["drain", "shop"]), "shop: drained\n");

    // What was drained is what comes back.
    host.said(&["rollback", "shop"]);
    assert_eq!(get(host.address(), "/fine").text(), "fine\n");
    host.said(&["drain", "shop"]);
    let said = host.deploy("shop", &says("after the drain"));
    assert_eq!((said["old"].clone(), said["in_flight_on_old"].as_u64()), (Value::Null, Some(0)));
    assert_says(&host, "after the drain");
}

#[test]
fn a_deploy_that_waits_gives_way_to_a_later_one() {
    let (first, gate) = (says("first"), Gate::new());
    let (slow, third) = (gate.library("1", "slow"), says("third"));
    let host = numbered(&first);
    let mut at_work = host.follow_deploy("shop", &slow);
    read_until(&mut at_work, "probe");
    assert_eq!(host.app("shop")["state"], "deploying");
    let mut overtaken = host.follow_deploy("shop", &first);
    read_until(&mut overtaken, "another deploy of `shop` is at work");
    let mut newest = host.follow_deploy("shop", &third);
    read_until(&mut newest, "another deploy of `shop` is at work");
    let answer = overtaken.last().expect("an answer");
    assert_eq!(answer["refused"]["type"], "/problems/superseded", "{answer}");
    assert_eq!(
        (&answer["refused"]["status"], &answer["refused"]["exit"]),
        (&409.into(), &1.into())
    );
    assert_says(&host, "first");
    gate.open();
    assert!(at_work.last().expect("an answer")["deployed"].is_object());
    let answer = newest.last().expect("an answer");
    assert_eq!(answer["deployed"]["old"]["generation"], 2, "{answer}");
    assert_says(&host, "third");
    assert!(host.kinds_until("shop", "superseded").contains(&"deploy_started".to_owned()));
}

#[test]
fn applications_are_deployed_side_by_side() {
    let (first, gate) = (says("first"), Gate::new());
    let slow = gate.library("1", "slow");
    let other = format!("/other=other={}", first.display());
    let host = shop_with(&first, ["--mount", &other]);
    let mut at_work = host.follow_deploy("shop", &slow);
    read_until(&mut at_work, "probe");
    host.deploy("other", &says("second"));
    assert_eq!(get(host.address(), "/other").text(), "second\n");
    assert_says(&host, "first");
    gate.open();
    assert!(at_work.last().expect("an answer")["deployed"].is_object());
    assert_says(&host, "slow");
}

#[test]
fn a_host_that_ends_takes_nothing_new() {
    let (folder, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let release = folder.path().join("release");
    let set = format!("shop.release={}", release.display());
    let arguments = ["--set", &set, "--drain-timeout", "1h"];
    let mut host = shop_with(&Flavour::Pool.library(), arguments);
    let mut in_hand = Connection::open(host.address());
    in_hand.send("GET /wait/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    let slow = gate.library("1", "slow");
    let mut at_work = host.follow_deploy("shop", &slow);
    read_until(&mut at_work, "probe");
    host.terminate();
    assert!(host.events().any(|event| event["kind"] == "shutdown"));
    let refusal = refused(&host.verb(&["deploy", "shop", path(&says("late"))]), 1);
    refusal.says(["the host is shutting down"]);
    for verb in ["rollback", "drain"] {
        refused(&host.verb(&[verb, "shop"]), 1).says(["the host is shutting down"]);
    }
    gate.open();
    let answer = at_work.last().expect("an answer");
    assert_eq!(answer["refused"]["type"], "/problems/shutting-down", "{answer}");
    std::fs::write(&release, "").unwrap();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    assert_eq!(host.wait().code(), Some(0));
    host.wait_for_log("app: dropped");
}

#[test]
fn a_response_names_its_generation_where_that_is_wanted() {
    let (first, second) = (says("first"), says("second"));
    let header = |host: &Operated, path| {
        get(host.address(), path).header("x-dsgi-generation").map(ToOwned::to_owned)
    };
    let host = shop(&first);
    assert_eq!(header(&host, "/"), None);
    let bad = format!("/bad={}", Flavour::Pool.library().display());
    let host = numbered_with(&first, ["--debug-headers", "--mount", &bad]);
    assert_eq!(header(&host, "/").as_deref(), Some("1"));
    // An answer that the host gives for the application has it too.
    for path in ["/bad/fine", "/bad/panic/call", "/bad/answer?block=abc"] {
        assert_eq!(header(&host, path).as_deref(), Some("2"), "{path}");
    }
    host.deploy("shop", &second);
    assert_eq!(header(&host, "/").as_deref(), Some("3"));
    host.said(&["drain", "shop"]);
    assert_eq!(header(&host, "/"), None);
}

#[test]
fn all_mounts_of_an_application_change_at_once() {
    let libraries = [says("first"), says("second")];
    let mounts = ["/a", "/b"].map(|mount| format!("{mount}=shop={}", libraries[0].display()));
    let launch =
        Launch::new().args(["--debug-headers", "--mount", &mounts[0], "--mount", &mounts[1]]);
    let host = Operated::start(launch);
    let stopped = AtomicBool::new(false);
    let ask = || {
        let (mut connection, mut last, mut seen) = (Connection::open(host.address()), 0, 0);
        for mount in ["/a", "/b"].into_iter().cycle() {
            connection.send(format!("GET {mount} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let response = connection.response().unwrap();
            let generation = response.header("x-dsgi-generation").unwrap().parse().unwrap();
            assert!(generation >= last, "{mount}: {generation} after {last}");
            seen += u64::from(generation > last);
            last = generation;
            if stopped.load(Ordering::Relaxed) {
                return seen;
            }
        }
        unreachable!("the mounts never end")
    };
    std::thread::scope(|scope| {
        let asking = [scope.spawn(ask), scope.spawn(ask)];
        for turn in 1..=20 {
            let said = host.deploy("shop", &libraries[turn % 2]);
            for mount in ["/a", "/b"] {
                let generation = said["new"]["generation"].to_string();
                let response = get(host.address(), mount);
                assert_eq!(response.header("x-dsgi-generation"), Some(&*generation), "{mount}");
            }
        }
        stopped.store(true, Ordering::Relaxed);
        for asking in asking {
            assert!(asking.join().unwrap() > 1, "the swaps were not seen");
        }
    });
}

/// A call that nobody waits for any more, and a drain that takes its time, hold their version.
#[test]
fn what_holds_a_version_is_named() {
    let none = |app: &Value| app["retained"] == Value::from([(); 0]);
    for (more, path, status, reason) in [
        ("shop.drain=return", "/wait/call", 504, "a call of it has not returned"),
        ("shop.drain=wait", "/fine", 200, "its drain has not returned"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let release = folder.path().join("release");
        let set = format!("shop.release={}", release.display());
        let arguments = ["--request-timeout", "500ms", "--set", &set, "--set", more];
        let host = shop_with(&Flavour::Pool.library(), arguments);
        assert_eq!(get(host.address(), path).status, status);
        host.deploy("shop", &says("second"));
        let named = |app: &Value| app["retained"][0]["reason"] == reason;
        let app = host.wait_for_app("shop", reason, named);
        assert_eq!(app["retained"][0]["state"], "draining");
        assert_says(&host, "second");
        std::fs::write(&release, "").unwrap();
        host.wait_for_app("shop", "the end of the first", none);
    }
}

/// An application that holds a core keeps nobody from swapping it.
#[test]
fn a_core_that_is_held_swaps_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let set = format!("shop.release={}", release.display());
    let host = shop_with(&Flavour::Inline.library(), ["--set", &set]);
    let mut in_hand = Connection::open(host.address());
    in_hand.send("GET /spin/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    let output = host.verb(&["deploy", "shop", path(&says("second"))]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(note.contains("holds a core, which swaps when it is free"), "{note}");
    assert_eq!(host.app("shop")["retained"][0]["reason"], "1 request in hand");
    std::fs::write(&release, "").unwrap();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    in_hand.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(in_hand.response().unwrap().text(), "second\n");
    host.wait_for_app("shop", "the end of the first", |app| {
        app["retained"] == Value::from([(); 0])
    });
}
