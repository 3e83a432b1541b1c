//! A sample as it is, under `axum::serve` and as the library that it becomes: with what it keeps
//! between requests, both answer alike.

use super::alike::{
    Asked, FORM, JSON, MOUNT, beside, by, compare, get, over_http1, over_http2, post, put,
};
use super::native::Native;
use crate::harness::client::Connection;
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;

#[path = "../../sample-plugins/axum-app/src/app.rs"]
mod app;

/// In this order: what comes later is told of what came before.
const VISIT: &[Asked] = &[
    get("/"),
    by("HEAD", "/"),
    get("/guests"),
    post("/guests", FORM, "name=ada&table=1"),
    post("/guests", FORM, "name=ada&table=many"),
    by("PUT", "/guests"),
    put("/guests", JSON, r#"{"name":"bob","table":2}"#),
    put("/guests", JSON, r#"{"name":"bob","table":-2}"#),
    get("/guests"),
    get("/guests?table=1"),
    get("/guests?table=one"),
    get("/guests/bob"),
    get("/guests/eve"),
    get("/later"),
    by("DELETE", "/guests"),
    get("/nowhere"),
];

fn both(mount: &str) -> (Native, Host) {
    beside(mount, app::router(), &sample("axum-app"), Launch::new())
}

#[test]
fn a_guest_list_is_kept_alike() {
    for mount in ["", MOUNT] {
        let (native, host) = both(mount);
        let servers = [native.address, host.address()];
        compare(&format!("HTTP/1.1 at {mount:?}"), VISIT, |asked| {
            servers.map(|server| over_http1(server, mount, asked))
        });
        let list = over_http1(host.address(), mount, get("/guests")).unwrap();
        assert_eq!(list.text(), r#"[{"name":"ada","table":1},{"name":"bob","table":2}]"#);

        let (native, host) = both(mount);
        let mut servers = [Http2::open(native.address), Http2::open(host.address())];
        compare(&format!("HTTP/2 at {mount:?}"), VISIT, |asked| {
            servers.each_mut().map(|server| over_http2(server, mount, asked))
        });
    }
}

/// Each event arrives by itself, and the head before them.
#[test]
fn the_clock_ticks_alike() {
    let (native, host) = both("");
    let told = [native.address, host.address()].map(|server| {
        let mut connection = Connection::open(server);
        connection.send("GET /clock HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut head = connection.head().unwrap();
        head.headers.retain(|(name, _)| name != "date");
        head.headers.sort();
        let ticks = [(); 3].map(|()| connection.chunk().unwrap().unwrap());
        (head, ticks.map(|tick| String::from_utf8(tick).unwrap()))
    });
    let [native, plugin] = &told;
    assert_eq!(native, plugin);
    assert_eq!(plugin.1, ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]);
}
