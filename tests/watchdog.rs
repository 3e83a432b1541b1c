//! An application that holds a core is named in the log, while the other cores go on.

use crate::harness::client::{Connection, get};
use crate::harness::libraries::fault_app;
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

/// In a stack it is the member that is at work: the application, although the layers before it have
/// passed the request on and wait for nothing, and then again the layer that it has answered to.
#[test]
fn which_member_of_a_stack_holds_a_core_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let release = folder.path().join("release");
    let arguments = [
        String::from("--enable"),
        format!("outer={}", fault_app("holds").display()),
        String::from("--enable"),
        format!("passed={}", fault_app("passes").display()),
        String::from("--set"),
        format!("outer.release={}", release.display()),
    ];
    let start = || Misbehaving::start_with(Flavour::Inline, &arguments);
    let named = |host: &Misbehaving, member: &str| {
        let line = host.wait_for_log(HOLDS);
        assert!(line.contains(&format!(r#"app="{member}""#)), "not {member}: {line}");
    };

    let host = start();
    let mut inside = asking(&host, "/spin/call");
    named(&host, "bad");
    host.release();
    assert_eq!(inside.response().unwrap().text(), "fine\n");

    let host = start();
    let mut around = asking(&host, "/held");
    named(&host, "outer");
    std::fs::write(&release, "").expect("a file in a folder of our own");
    assert_eq!(around.response().unwrap().text(), "fine\n");
}
