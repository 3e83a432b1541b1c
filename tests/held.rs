//! What keeps a version in memory that was replaced: each is named by `host ps`, and what ends lets
//! its version go. Nothing of it is unmapped before that, and nothing else keeps one.

// A library in Go, which no linker unmaps.
mod in_go;
// Thread keys, of which a process has 1,024.
mod keys;
// A library that two applications need.
mod shared;
// What belongs to signals.
mod signals;

use crate::harness::client::{Connection, get};
use crate::harness::gate::Gate;
use crate::harness::host::Launch;
use crate::harness::http2::Http2;
use crate::harness::libraries::{TemporaryLibrary, c_app};
use crate::harness::misbehaving::Flavour;
use crate::harness::operated::Operated;
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;

/// An application that keeps something by the functions of `keeps.h`, until the gate is open.
fn keeps(gate: &Gate, options: &[&str]) -> TemporaryLibrary {
    let prelude = crate::harness::project().join("tests/libraries/keeps.h");
    let (prelude, gate) = (prelude.display(), gate.file().display());
    let own = [format!("-include{prelude}"), format!("GATE \"{gate}\"")];
    c_app(&[&own.each_ref().map(String::as_str), options].concat())
}

/// A host that serves each of these at a path of its name. An address of a library that is gone is
/// a crash.
fn serving<'a>(apps: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Operated {
    let mounts = apps.into_iter().map(|(name, file)| format!("/{name}={name}={}", file.display()));
    let launch = mounts.fold(Launch::new(), |launch, it| launch.args(["--mount", &it]));
    Operated::start(launch.env("DSGI_HOLD_UNMAPPED", "1"))
}

/// Waits until a generation of an application is retained for this reason, and checks that whoever
/// looks is told.
fn wait_for_reason(host: &Operated, app: &str, state: &str, reason: &str) {
    let named = |seen: &Value| {
        let held = &seen["retained"][0];
        held["state"] == state && held["reason"].as_str().is_some_and(|it| it.contains(reason))
    };
    host.wait_for_app(app, reason, named);
    let table = host.said(&["ps"]);
    assert!(table.lines().any(|line| line.contains(reason)), "no `{reason}` in:\n{table}");
}

fn wait_for_none(host: &Operated, app: &str) {
    let none = |seen: &Value| seen["retained"] == Value::from([(); 0]);
    host.wait_for_app(app, "the end of all that was replaced", none);
}

const SERVES: &str = "given->purpose == DSGI_PURPOSE_SERVE";

#[test]
fn what_is_held_on_purpose_waits_or_stays_with_its_reason() {
    let gate = Gate::new();
    let if_serves = |what: &str| format!("INIT if ({SERVES}) {what}");
    let (thread, handler) =
        (if_serves("keep_thread(NULL);"), if_serves("signal(SIGUSR2, keep_signal);"));
    let waker = ["CALL reply->future = &keeping_future; return DSGI_ANSWER_PENDING;"];
    let waker = [waker[0], "FLAVOUR DSGI_FLAVOUR_ASYNC"];
    let kept: [(&str, TemporaryLibrary, &str, &str); 6] = [
        ("exchange", keeps(&gate, &["TAKE keep_exchange(exchange);"]), "draining", "an exchange"),
        ("input", keeps(&gate, &["TAKE keep_input(exchange);"]), "draining", "an exchange"),
        ("thread", keeps(&gate, &[&thread]), "draining", "its thread \"keeper\" (tid "),
        ("handler", keeps(&gate, &[&handler]), "pinned", "it installed a handler for SIGUSR2"),
        ("unique", keeps(&gate, &["UNIQUE 1"]), "pinned", "GNU unique symbols, such as `one_of"),
        // What leads to the host only keeps nobody.
        ("waker", keeps(&gate, &waker), "gone", ""),
    ];
    let next = c_app(&["TEXT \"next\\n\""]);
    let host = serving(kept.iter().map(|(name, library, ..)| (*name, &**library)));
    let mut sender = Connection::open(host.address());
    for (name, ..) in &kept {
        if *name == "input" {
            sender.send("POST /input HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
            host.wait_for_log("app: waits for its input");
            assert_eq!(sender.response().unwrap().text(), "in C\n");
        } else {
            assert_eq!(get(host.address(), &format!("/{name}")).status, 200, "{name}");
        }
        host.deploy(name, &next);
    }
    for (name, _, state, reason) in kept.iter().filter(|kept| kept.2 != "gone") {
        wait_for_reason(&host, name, state, reason);
    }
    wait_for_none(&host, "waker");
    // The code behind what is kept is still there.
    host.signal(Signal::USR2);
    host.wait_for_log("app: signalled");
    drop(sender);
    host.wait_for_log("app: woken");
    gate.open();
    for (name, _, state, reason) in &kept {
        match *state {
            "pinned" => wait_for_reason(&host, name, state, reason),
            _ => wait_for_none(&host, name),
        }
        assert_eq!(get(host.address(), &format!("/{name}")).text(), "next\n");
    }
    ends_well(host);
}

fn ends_well(mut host: Operated) {
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}

/// Clients that read only the beginning of a body, over both protocols.
#[test]
fn a_body_that_is_not_read_holds_its_version() {
    let next = c_app(&["TEXT \"next\\n\""]);
    for flavour in [Flavour::Pool, Flavour::Inline] {
        let host = serving([("shop", &*flavour.library())]);
        let mut connection = Connection::open(host.address());
        connection.send("GET /shop/endless HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(connection.chunk_after_head().unwrap().is_some());
        let mut client = Http2::open(host.address());
        let sent = client.get("/shop/endless");
        let mut body = client.head(sent).unwrap().into_body();
        assert!(client.block(&mut body).is_some());
        host.deploy("shop", &next);
        wait_for_reason(&host, "shop", "draining", "2 requests in hand");
        // It goes on where it was read on, and by its own version.
        let chunk = connection.chunk().unwrap().unwrap();
        assert!(chunk.iter().all(|byte| *byte == b'x'), "{flavour:?}: not of the first version");
        drop(connection);
        wait_for_reason(&host, "shop", "draining", "1 request in hand");
        drop(body);
        // The connection was not given up with the stream.
        let sent = client.get("/shop");
        assert_eq!(client.response(sent).unwrap().text(), "next\n", "{flavour:?}");
        wait_for_none(&host, "shop");
    }
}

/// What a connection remembers of headers is the host's own memory.
#[test]
fn the_headers_of_a_connection_that_waits_hold_nothing() {
    let library = crate::harness::libraries::fault_app("two-inline");
    let host = serving([("shop", &*library)]);
    let mut client = Http2::open(host.address());
    let mut connection = Connection::open(host.address());
    let version = |client: &mut Http2| {
        let sent = client.get("/shop");
        let response = client.response(sent).unwrap();
        response.header("x-version").map(ToOwned::to_owned)
    };
    // Twice, so that the second is a number in the table that both ends keep (RFC 7541 2.3.2).
    for _ in 0..2 {
        assert_eq!(version(&mut client).as_deref(), Some("a"));
        connection.send("GET /shop HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.response().unwrap().header("x-version"), Some("a"));
    }
    host.deploy("shop", &c_app(&["TEXT \"next\\n\""]));
    wait_for_none(&host, "shop");
    assert_eq!(version(&mut client), None);
    connection.send("GET /shop HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.response().unwrap().text(), "next\n");
    // The table is still used, with what it holds of the version that is gone.
    host.deploy("shop", &library);
    assert_eq!(version(&mut client).as_deref(), Some("a"));
}
