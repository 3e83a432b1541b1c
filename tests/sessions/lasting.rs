//! What stays of sessions when the layer is swapped, when the host is started again, and when the
//! store is away; and what stays of a layer that was replaced: nothing.

use super::{KEY, Visitor, host, launch};
use crate::harness::client::Connection;
use crate::harness::libraries::{TemporaryLibrary, sample, versions};
use crate::harness::operated::Operated;
use crate::harness::redis::Redis;
use crate::harness::skip::skip;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

const NO_REDIS: &str = "redis-server is not installed";

/// Two versions of the layer.
pub(super) fn layers() -> [TemporaryLibrary; 2] {
    versions(&sample("session"), b"are not available right now", b"are not available just now!")
}

fn keys(keys: &[&str]) -> String {
    format!("keys={keys:?}")
}

fn in_a_file(folder: &TempDir) -> String {
    format!("store=sqlite:{}", folder.path().join("sessions.db").display())
}

pub(super) fn wait_for_the_end_of_all_others(host: &Operated) {
    host.wait_for_app("session", "the end of all others", |layer| {
        layer["retained"] == Value::from([(); 0])
    });
}

#[test]
fn sessions_in_memory_go_from_version_to_version() {
    let host = host(&[]);
    let mut ada = Visitor::with(&host, "ada");
    for layer in &layers() {
        let mut bob = Visitor::with(&host, "bob");
        host.deploy("session", layer);
        assert_eq!([ada.has(&host), bob.has(&host)], ["ada", "bob"]);
        wait_for_the_end_of_all_others(&host);
        assert_eq!([ada.has(&host), bob.has(&host)], ["ada", "bob"]);
    }
    host.said(&["rollback", "session"]);
    assert_eq!(ada.has(&host), "ada");
}

#[test]
fn a_logout_after_a_swap_is_not_undone_by_the_last_word_of_the_version_before() {
    let [_, other] = layers();
    let host = host(&[]);
    let mut visitor = Visitor::with(&host, "a");
    let mut copy = visitor.clone();
    host.deploy("session", &other);
    visitor.ask(&host, "/destroy");
    wait_for_the_end_of_all_others(&host);
    assert_eq!(copy.has(&host), "nothing");
}

/// A request of a stranger that is in hand, and sets something once the rest of it is sent.
struct InHand(Connection);

impl InHand {
    fn begin(host: &Operated, value: &str) -> Self {
        let mut connection = Connection::open(host.address());
        connection.send(format!(
            "POST /set?{value} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
             Expect: 100-continue\r\n\r\n"
        ));
        assert_eq!(connection.response().unwrap().status, 100);
        Self(connection)
    }

    fn end(mut self) -> Visitor {
        self.0.send("x");
        let mut visitor = Visitor::default();
        visitor.take(&self.0.response().unwrap());
        visitor
    }
}

#[test]
fn a_session_that_the_version_before_begins_after_the_swap_is_not_lost() {
    let [_, other] = layers();
    let host = host(&[]);
    let [late, last] = ["late", "last"].map(|value| InHand::begin(&host, value));
    host.deploy("session", &other);
    let mut visitor = late.end();
    // Not yet heard of: the version before has still a request in hand.
    assert_eq!(visitor.has(&host), "nothing");
    let mut last = last.end();
    wait_for_the_end_of_all_others(&host);
    assert_eq!([visitor.has(&host), last.has(&host)], ["late", "last"]);
}

#[test]
fn sessions_in_a_file_outlive_the_host() {
    let folder = TempDir::new().unwrap();
    let host = || host(&[&in_a_file(&folder), &keys(&[KEY])]);
    let mut visitor = Visitor::with(&host(), "a");
    let next = host();
    assert_eq!(visitor.has(&next), "a");
    visitor.ask(&next, "/set?b");
    drop(next);
    assert_eq!(visitor.has(&host()), "b");
}

#[test]
fn sessions_in_redis_outlive_the_host() {
    let Some(redis) = Redis::start() else {
        return skip("sessions::lasting::sessions_in_redis_outlive_the_host", NO_REDIS);
    };
    let host = || host(&[&format!("store={}", redis.address()), &keys(&[KEY])]);
    let mut visitor = Visitor::with(&host(), "a");
    assert_eq!(visitor.has(&host()), "a");
}

#[test]
fn sessions_in_memory_end_with_the_host() {
    let mut visitor = Visitor::with(&host(&[]), "a");
    assert_eq!(visitor.has(&host(&[])), "nothing");
}

#[test]
fn a_key_is_replaced_without_a_logout() {
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    let folder = TempDir::new().unwrap();
    let host = |of: &[&str]| host(&[&in_a_file(&folder), &keys(of)]);
    let mut visitor = Visitor::with(&host(&[KEY]), "a");
    let mut stays_away = visitor.clone();
    assert_eq!(visitor.has(&host(&[NEW, KEY])), "a");
    assert_ne!(visitor.cookie, stays_away.cookie, "it was marked anew");
    let last = host(&[NEW]);
    assert_eq!([visitor.has(&last), stays_away.has(&last)], ["a", "nothing"]);
}

#[test]
fn a_store_that_is_away_is_a_503_until_it_is_back() {
    let Some(mut redis) = Redis::start() else {
        let name = "sessions::lasting::a_store_that_is_away_is_a_503_until_it_is_back";
        return skip(name, NO_REDIS);
    };
    let host = host(&[&format!("store={}", redis.address()), &keys(&[KEY])]);
    let mut visitor = Visitor::with(&host, "a");
    redis.stop();
    for target in ["/get", "/set?b"] {
        for visitor in [&mut visitor.clone(), &mut Visitor::default()] {
            let response = visitor.ask(&host, target);
            // A stranger of whom nothing is kept needs no store to be told so.
            if target == "/get" && visitor.cookie.is_none() {
                assert_eq!((response.status, response.text()), (200, "nothing"));
                continue;
            }
            assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
            assert_eq!(response.header("set-cookie"), None);
        }
    }
    host.wait_for_log("the store of sessions: redis: ");
    assert_eq!(visitor.ask(&host, "/nothing").status, 200);
    redis.start_again();
    assert_eq!(visitor.has(&host), "nothing", "this server keeps nothing on disk");
    visitor.ask(&host, "/set?c");
    assert_eq!(visitor.has(&host), "c");
}

#[test]
fn a_store_that_is_away_at_the_start_is_no_reason_not_to_start() {
    let host = host(&["store=redis+unix:///nowhere/redis.sock", &keys(&[KEY])]);
    assert_eq!(Visitor::default().ask(&host, "/nothing").status, 200);
    assert_eq!(Visitor::default().ask(&host, "/set?a").status, 503);
}

/// Serves, swaps, and looks at what is left each time.
fn goes(host: &Operated, set: &str) {
    let layers = layers();
    let layers: [&Path; 2] = [&layers[0], &layers[1]];
    let mut visitor = Visitor::with(host, "a");
    let mut swap = |layer| {
        host.deploy("session", layer);
        wait_for_the_end_of_all_others(host);
        assert_eq!(visitor.has(host), "a", "{set}");
        host.possessions()
    };
    // The first swaps make what stays for good, such as threads that have never waited before.
    for layer in layers {
        swap(layer);
    }
    let before = swap(layers[0]);
    for layer in [layers[1], layers[0], layers[1], layers[0]] {
        swap(layer);
    }
    host.wait_for_no_more_than(&before);
}

#[test]
fn nothing_of_a_layer_stays_that_was_replaced() {
    goes(&host(&[]), "memory");
    let folder = TempDir::new().unwrap();
    goes(&host(&[&in_a_file(&folder), &keys(&[KEY])]), "sqlite");
}

#[test]
fn nothing_of_a_layer_stays_that_has_spoken_to_redis() {
    let Some(redis) = Redis::start() else {
        let name = "sessions::lasting::nothing_of_a_layer_stays_that_has_spoken_to_redis";
        return skip(name, NO_REDIS);
    };
    goes(&host(&[&format!("store={}", redis.address()), &keys(&[KEY])]), "redis");
}

#[test]
fn a_probe_makes_no_file() {
    let folder = TempDir::new().unwrap();
    let host = Operated::start(launch(&[&in_a_file(&folder), &keys(&[KEY])]));
    host.deploy("session", &layers()[1]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    Visitor::with(&host, "a");
    assert!(folder.path().join("sessions.db").exists());
}
