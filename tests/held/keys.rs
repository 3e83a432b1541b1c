//! A process has 1,024 thread keys, and no library may be the one that finds none.

use super::{SERVES, keeps, serving, wait_for_none, wait_for_reason};
use crate::harness::client::get;
use crate::harness::gate::Gate;
use crate::harness::libraries::{TemporaryLibrary, c_app};
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use serde_json::Value;

/// As many keys as a big application might have.
const TAKES: usize = 150;

/// Takes its keys when it is to serve, and a thread if it is told to.
fn takes(gate: &Gate, count: usize, and: &str) -> TemporaryLibrary {
    let take = "pthread_key_t key; pthread_key_create(&key, free);";
    keeps(
        gate,
        &[&format!(
            "INIT if ({SERVES}) {{ for (int n = 0; n < {count}; n++) {{ {take} }} {and} }}"
        )],
    )
}

fn out_of_keys(text: &str, holder: &str) {
    assert!(text.contains("of 1024 thread keys of this process are free, 64 are kept"), "{text}");
    assert!(text.contains(&format!("most are held by {holder}")), "{text}");
}

/// Applications side by side, until there is no room for one more.
#[test]
fn applications_until_the_keys_run_out() {
    let gate = Gate::new();
    let library = takes(&gate, TAKES, "");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let host = serving(names.map(|name| (name, &*library)));
    let status = |name: &str| get(host.address(), &format!("/{name}")).status;
    let seen = names.map(status);
    // Six leave fewer than are kept of 1,023.
    assert_eq!(seen, [200, 200, 200, 200, 200, 200, 200, 503]);
    let shown = host.app("h");
    assert_eq!(shown["state"], "failed");
    out_of_keys(shown["why"].as_str().unwrap(), "a (150)");
    let next = c_app(&["TEXT \"next\\n\""]);
    let refusal = refused(&host.verb(&["deploy", "h", next.to_str().unwrap()]), 1);
    out_of_keys(&refusal.error, "a (150)");
    refusal.helps(["host drain", "start the host anew"]);
    let answer = host.try_deploy("b", &next);
    assert_eq!((answer.status, &answer.json["type"]), (507, &"/problems/no-room".into()));
    assert_eq!(names.map(status), seen);
    // One that goes makes room.
    host.said(&["drain", "a"]);
    wait_for_none(&host, "a");
    host.deploy("h", &next);
    assert_eq!([status("h"), status("b"), status("a")], [200, 200, 503]);
}

/// One is kept for each library that has none yet: std ends the process where there is none.
#[test]
fn applications_that_have_taken_no_key_yet_are_counted() {
    let gate = Gate::new();
    let (big, small) = (takes(&gate, 954, ""), c_app(&["TEXT \"small\\n\""]));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let host = serving(names.map(|name| (name, if name == "a" { &*big } else { &*small })));
    // The host has one: of 1,022, 68 are free beside the first, and 64 beside the fifth.
    let seen = names.map(|name| get(host.address(), &format!("/{name}")).status);
    assert_eq!(seen, [200, 200, 200, 200, 200, 200, 503, 503]);
    out_of_keys(host.app("g")["why"].as_str().unwrap(), "a (954), b (1), c (1)");
}

/// Versions that cannot go, each with its keys.
#[test]
fn versions_until_the_keys_run_out() {
    let gate = Gate::new();
    let library = takes(&gate, 4 * TAKES, "keep_thread(NULL);");
    let host = serving([("shop", &*library)]);
    let thread = "its thread \"keeper\" (tid ";
    let other = takes(&gate, 4 * TAKES, "");
    let second = &host.deploy("shop", &other)["new"]["generation"];
    wait_for_reason(&host, "shop", "draining", thread);
    let answer = host.try_deploy("shop", &c_app(&["TEXT \"next\\n\""]));
    assert_eq!(answer.status, 507, "{answer:?}");
    out_of_keys(answer.json["detail"].as_str().unwrap(), "shop (1");
    assert_eq!(get(host.address(), "/shop").text(), "in C\n");
    assert_eq!(&host.app("shop")["current"]["generation"], second);
    gate.open();
    wait_for_none(&host, "shop");
    deploys(&host, second, "next");
}

fn deploys(host: &Operated, old: &Value, text: &str) {
    let said = host.deploy("shop", &c_app(&[&format!("TEXT \"{text}\\n\"")]));
    assert_eq!(&said["old"]["generation"], old, "{said}");
    assert_eq!(get(host.address(), "/shop").text(), format!("{text}\n"));
    let none = |app: &Value| app["retained"] == Value::from([(); 0]);
    host.wait_for_app("shop", "the end of the one before", none);
}
