//! An application that holds a core is named in the log, while the other cores go on.

use crate::harness::client::{Connection, get};
use crate::harness::misbehaving::{Flavour, Misbehaving};
use crate::harness::skip::skip;

const HOLDS: &str = "holds a core";

fn asking(host: &Misbehaving, path: &str) -> Connection {
    let mut connection = Connection::open(host.address());
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    connection
}

#[test]
fn who_holds_a_core_is_named() {
    for flavour in [Flavour::Inline, Flavour::Async] {
        for path in ["/spin/call", "/spin/body", "/spin/close", "/wait/call"] {
            let host = Misbehaving::start(flavour);
            let mut holding = asking(&host, path);
            let line = host.wait_for_log(HOLDS);
            assert!(line.contains(r#"app="bad""#), "{flavour:?} {path}: {line}");
            // It is not done: it was named while it held the core.
            assert!(!host.log().contains("app: waits no more"), "{flavour:?} {path}");
            host.release();
            assert_eq!(holding.response().unwrap().status, 200, "{flavour:?} {path}");
        }
    }
}

#[test]
fn the_other_core_answers_meanwhile() {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return skip("watchdog::the_other_core_answers_meanwhile", "there is only one core");
    }
    let host = Misbehaving::start(Flavour::Inline);
    let mut holding = asking(&host, "/spin/call");
    host.wait_for_log(HOLDS);
    // The core with the fewest connections is another one.
    assert_eq!(get(host.address(), "/fine").text(), "fine\n");
    assert!(!host.log().contains("app: waits no more"), "it did not hold the core");
    host.release();
    assert_eq!(holding.response().unwrap().text(), "fine\n");
}

#[test]
fn who_holds_a_thread_of_its_pool_is_not_named() {
    let inline = format!("/inline=inline={}", Flavour::Inline.library().display());
    let host = Misbehaving::start_with(Flavour::Pool, ["--mount", &inline]);
    let mut first = asking(&host, "/spin/call");
    host.wait_for_log("app: waits in its call");
    // Without a file of its own this one is never released: its turn comes later, so that the
    // watchdog has looked at both by then.
    let _second = asking(&host, "/inline/spin/call");
    let line = host.wait_for_log(HOLDS);
    assert!(line.contains(r#"app="inline""#), "{line}");
    assert!(!host.log().contains("app: waits no more"), "the first one was released");
    host.release();
    assert_eq!(first.response().unwrap().text(), "fine\n");
    assert!(host.log().lines().all(|line| !line.contains(HOLDS) || line.contains("inline")));
}
