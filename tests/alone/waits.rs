//! What becomes of requests while one version ends and the next one starts.

use super::{Place, answered, exit_of, held, is_holding, letter, path};
use crate::harness::client::{Connection, get};
use crate::harness::http2::Http2;
use crate::harness::operated::Operated;
use serde_json::Value;
use std::fs;
use std::thread::{Scope, ScopedJoinHandle};

/// A deploy whose new version starts when `init-b` is gone.
fn slow<'scope>(
    scope: &'scope Scope<'scope, '_>,
    place: &'scope Place,
    host: &'scope Operated,
) -> ScopedJoinHandle<'scope, std::process::Output> {
    place.ask("init-b", "wait");
    let deploy = scope.spawn(|| host.verb(&["deploy", "shop", path(&place.b)]));
    host.wait_for_app("shop", "that requests wait", is_holding);
    place.wait_for("end a");
    deploy
}

fn wait_for_held(host: &Operated, count: u64) {
    let waits = |app: &Value| app["in_flight"] == count;
    host.wait_for_app("shop", "so many requests that wait", waits);
}

#[test]
fn requests_wait_for_the_next_version() {
    let place = Place::new();
    // One that nobody calls would wait for longer than this test.
    place.write("exclusive_hold = \"1h\"");
    let host = place.start();
    let mut h2 = Http2::open(host.address());
    std::thread::scope(|scope| {
        let deploy = slow(scope, &place, &host);
        let shown = host.said(&["ps"]);
        assert!(shown.contains("holding"), "{shown}");
        let first = held(&host);
        let stream = h2.get("/");
        h2.until("two that wait", || host.app("shop")["in_flight"] == 2);
        // More than the sockets hold: as long as nobody reads, it cannot be sent.
        let mut upload = Connection::open(host.address());
        let mut sending = upload.second();
        let length = 15 * 1024 * 1024;
        let sent = scope.spawn(move || {
            let head =
                format!("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
            sending.send(head);
            sending.send("u".repeat(length));
        });
        wait_for_held(&host, 3);
        assert!(!sent.is_finished());
        place.ask_no_more("init-b");
        assert_eq!(answered(first), 'b');
        assert_eq!(h2.response(stream).unwrap().body[0], b'b');
        let response = upload.response().unwrap();
        assert_eq!(response.header("x-received"), Some(&*length.to_string()));
        sent.join().unwrap();
        assert_eq!(exit_of(deploy).0, 0);
    });
    assert_eq!(host.app("shop")["in_flight"], 0);
}

#[test]
fn a_client_that_leaves_costs_nothing() {
    let place = Place::new();
    let host = place.start();
    std::thread::scope(|scope| {
        let deploy = slow(scope, &place, &host);
        let leaves = held(&host);
        let stays = held(&host);
        let mut h2 = Http2::open(host.address());
        let sent = h2.get("/");
        h2.until("three that wait", || host.app("shop")["in_flight"] == 3);
        drop((leaves, sent, h2));
        wait_for_held(&host, 1);
        place.ask_no_more("init-b");
        assert_eq!(answered(stays), 'b');
        assert_eq!(exit_of(deploy).0, 0);
    });
    assert_eq!(host.app("shop")["requests"], 1);
}

#[test]
fn who_waited_long_enough_is_told_and_the_deploy_goes_on() {
    let place = Place::new();
    place.write("exclusive_hold = \"1s\"");
    let host = place.start();
    std::thread::scope(|scope| {
        let deploy = slow(scope, &place, &host);
        let mut waits = held(&host);
        let refused = waits.response().unwrap();
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert!(refused.text().contains("takes too long"), "{}", refused.text());
        wait_for_held(&host, 0);
        // One whose body did not come cannot go on, and says so.
        let mut unread = Connection::open(host.address());
        unread.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
        let refused = unread.response().unwrap();
        assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
        assert_eq!(unread.rest().unwrap(), b"");
        // The connection stays, and the next request may be in time.
        waits.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_for_held(&host, 1);
        place.ask_no_more("init-b");
        assert_eq!(answered(waits), 'b');
        assert_eq!(exit_of(deploy).0, 0);
    });
}

#[test]
fn no_more_wait_than_may() {
    let place = Place::new();
    let config = place.path("host.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(config, format!("server.limits.pool_queue = 4\n{text}")).unwrap();
    let host = place.start();
    std::thread::scope(|scope| {
        let deploy = slow(scope, &place, &host);
        let waiting = [held(&host), held(&host), held(&host), held(&host)];
        let refused = get(host.address(), "/");
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert!(refused.text().contains("too many requests wait"), "{}", refused.text());
        place.ask_no_more("init-b");
        assert_eq!(waiting.map(answered), ['b'; 4]);
        assert_eq!(exit_of(deploy).0, 0);
    });
    assert_eq!(letter(&host), 'b');
}
