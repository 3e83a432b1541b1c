//! Versions that do not end, or do not start: what served before serves again.

use super::{Place, answered, exit_of, held, in_hand, is_holding, letter, path};
use crate::harness::client::{Connection, get};
use crate::harness::eventually;
use crate::harness::refusal::refused;
use crate::swap::loader::{Loader, Shape};
use serde_json::Value;

/// Nothing fails while a version comes that is no good.
#[test]
fn a_version_that_does_not_start_leaves_the_one_before() {
    let place = Place::new();
    let host = place.start_with(["--init-timeout", "1s"]);
    let shapes = &[Shape::KeepAlive, Shape::Streams, Shape::Upload][..];
    let loader = Loader::start(host.address(), [("", shapes)]);
    for (fault, exit, text) in [
        ("error", 65, "init failed: the index is locked"),
        ("panic", 65, "no index"),
        ("hang", 4, "init did not return within 1s"),
    ] {
        place.ask("init-b", fault);
        let refusal = refused(&host.verb(&["deploy", "shop", path(&place.b)]), exit);
        refusal.says([text, "; version 0.1.0 serves again"]);
        place.ask_no_more("init-b");
        let app = host.app("shop");
        assert_eq!((&app["state"], &app["previous"]), (&"serving".into(), &Value::Null), "{app}");
        assert_eq!(place.journal().last().unwrap(), "begin a");
        let answered = loader.answered();
        loader.wait_for("responses after it", |seen| seen.answered() > answered + 10);
    }
    let kinds = host.kinds_until("shop", "refused");
    assert_eq!(kinds[kinds.len() - 2..], ["rolled_back", "refused"], "{kinds:?}");
    // A rollback likewise.
    host.deploy("shop", &place.b);
    place.ask("init-a", "error");
    let refusal = refused(&host.verb(&["rollback", "shop"]), 65);
    refusal.says(["the index is locked", "; version 0.1.0 serves again"]);
    place.ask_no_more("init-a");
    assert_eq!(host.app("shop")["previous"]["kept"], "file");
    host.said(&["rollback", "shop"]);
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "after {:?}", seen.whole);
    assert_eq!(place.journal().last().unwrap(), "begin a");
    assert!(!place.journal().iter().any(|line| line.starts_with("second")));
}

#[test]
fn a_version_that_is_not_quiet_in_time_serves_on() {
    let place = Place::new();
    place.write("exclusive_hold = \"1s\"");
    let host = place.start();
    let busy = in_hand(&place, &host);
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.verb(&["deploy", "shop", path(&place.b)]));
        host.wait_for_app("shop", "that requests wait", is_holding);
        let reason = host.app("shop")["retained"][0]["reason"].clone();
        // It may have been put back meanwhile.
        assert!(reason.is_null() || reason == "1 request in hand", "{reason}");
        assert_eq!(answered(held_or_served(&host)), 'a');
        let refusal = refused(&deploy.join().unwrap(), 4);
        let why = ["only one version of `shop`", "1 request in hand", "; version 0.1.0 serves on"];
        refusal.says(why).helps(["exclusive_hold"]);
    });
    let app = host.app("shop");
    assert_eq!((&app["state"], &app["retained"]), (&"serving".into(), &Value::from([(); 0])));
    place.ask_no_more("call-a");
    assert_eq!(answered(busy), 'a');
    assert_eq!(place.journal(), ["begin a", "waits a", "drain a", "resume a"]);
    host.deploy("shop", &place.b);
    assert_eq!(letter(&host), 'b');
}

/// A request that the first version answers, whether it waited or not.
fn held_or_served(host: &crate::harness::operated::Operated) -> Connection {
    let mut connection = Connection::open(host.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    connection
}

#[test]
fn where_neither_starts_the_mount_says_so() {
    let place = Place::new();
    let host = place.start();
    place.ask("init-a", "error");
    place.ask("init-b", "wait");
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.verb(&["deploy", "shop", path(&place.b)]));
        host.wait_for_app("shop", "that requests wait", is_holding);
        place.wait_for("end a");
        let mut waits = held(&host);
        place.ask("lock-b", "");
        place.ask_no_more("init-b");
        let response = waits.response().unwrap();
        assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
        let (exit, said) = exit_of(deploy);
        assert_eq!(exit, 65, "{said}");
        for text in ["no lock", "; version 0.1.0 did not start again: ", "the index is locked"] {
            assert!(said.contains(text), "{said}");
        }
    });
    let app = host.app("shop");
    assert_eq!(app["state"], "failed", "{app}");
    assert_eq!(get(host.address(), "/").status, 503);
    place.ask_no_more("init-a");
    host.said(&["rollback", "shop"]);
    assert_eq!(letter(&host), 'a');
}

/// The one that panics serves on where the one before does not start, and is not taken back again.
#[test]
fn a_version_that_cannot_be_taken_back_serves_again() {
    let place = Place::new();
    place.ask("panic-b", "");
    let host = place.start_panicking();
    host.deploy("shop", &place.b);
    place.ask("init-a", "error");
    for _ in 0..5 {
        assert_eq!(get(host.address(), "/").status, 500);
    }
    let line = host.wait_for_log("was not put back");
    let why = ["panicked 5 times", "the index is locked", "; version 0.1.0 serves again"];
    assert!(why.iter().all(|why| line.contains(why)), "{line}");
    // As many as would take it back several times over.
    for _ in 0..50 {
        assert_eq!(get(host.address(), "/").status, 500);
    }
    place.ask_no_more("panic-b");
    assert_eq!(letter(&host), 'b');
    let begun = place.journal().iter().filter(|line| *line == "begin b").count();
    assert_eq!(begun, 2, "{:?}", place.journal());
}

/// A thread that goes on may do what only one version may do.
#[test]
fn a_thread_that_stays_is_a_version_that_runs() {
    let place = Place::new();
    place.write("exclusive_hold = \"1s\"");
    place.ask("stay-a", "");
    let host = place.start();
    let refusal = refused(&host.verb(&["deploy", "shop", path(&place.b)]), 4);
    refusal.says(["the thread \"stays\" (tid ", "did not start again"]);
    assert_eq!(host.app("shop")["state"], "failed");
    assert_eq!(place.journal(), ["begin a", "drain a", "end a"]);
    place.ask_no_more("stay-a");
    eventually("the end of the thread", || {
        host.verb(&["deploy", "shop", path(&place.b)]).status.success().then_some(())
    });
    assert_eq!(letter(&host), 'b');
}

/// One that does not come back from its end cannot serve again, and nothing starts beside it.
#[test]
fn nothing_starts_beside_a_shutdown_that_hangs() {
    let place = Place::new();
    place.write("exclusive_hold = \"1s\"");
    place.ask("shutdown-a", "");
    let host = place.start();
    let refusal = refused(&host.verb(&["deploy", "shop", path(&place.b)]), 4);
    refusal.says(["generation 1 has not ended", "did not start again"]);
    assert_eq!(get(host.address(), "/").status, 503);
    refused(&host.verb(&["deploy", "shop", path(&place.b)]), 4).says(["has not ended"]);
    place.ask_no_more("shutdown-a");
    place.wait_for("end a");
    host.deploy("shop", &place.b);
    assert_eq!(letter(&host), 'b');
}

/// It is told that requests come again after it was told that none will come, never before.
#[test]
fn a_drain_that_hangs_is_waited_for_and_resumed() {
    let place = Place::new();
    place.write("exclusive_hold = \"1s\"");
    place.ask("drain-a", "");
    let host = place.start();
    let refusal = refused(&host.verb(&["deploy", "shop", path(&place.b)]), 4);
    refusal.says(["its drain has not returned", "serves on"]);
    assert_eq!(letter(&host), 'a');
    assert_eq!(place.journal(), ["begin a", "drain a"]);
    place.ask_no_more("drain-a");
    place.wait_for("resume a");
}
