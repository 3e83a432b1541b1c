//! Two libraries of one process, with a copy of SQLite each, write to one file.

use super::{ask, host, in_a_file, layers, raw, run};
use crate::harness::client::Connection;
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample};
use crate::harness::operated::Operated;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const ADD: &str = "UPDATE counted SET number = number + 1";
const CLIENTS: usize = 4;

fn prepare(host: &Operated, path: &str) {
    for statement in ["CREATE TABLE counted (number INTEGER)", "INSERT INTO counted VALUES (0)"] {
        assert_eq!(ask(host, path, statement).status, 200);
    }
}

/// All that was said to be written is there, and the file is whole.
#[track_caller]
fn check(host: &Operated, path: &str, written: usize) {
    let number = ask(host, path, "SELECT number FROM counted");
    assert_eq!((number.status, number.text()), (200, &*format!("[[{written}]]")));
    let whole = ask(host, path, "SELECT * FROM pragma_integrity_check");
    assert_eq!((whole.status, whole.text()), (200, "[[\"ok\"]]"));
}

/// The locks that SQLite takes on a file are the process's, so that a copy does not see another
/// one's: without more than these, one undoes what the other one has written.
#[test]
fn they_lose_nothing_of_each_other() {
    const TIMES: usize = 30;
    let folder = TempDir::new().unwrap();
    let database = in_a_file(&folder);
    let mut text = format!("[apps.borrower]\npath = {:?}\n", fault_app("borrower"));
    for name in ["one", "two"] {
        text += &format!(
            "[layers.{name}]\npath = {:?}\n[layers.{name}.config]\ndatabase = {database:?}\n\
             wait = 60000\n[[mount]]\npath = \"/{name}\"\nstack = [{name:?}]\napp = \"borrower\"\n",
            sample("connection-pool")
        );
    }
    let config = folder.path().join("host.toml");
    std::fs::write(&config, text).unwrap();
    let host = Operated::start(Launch::new().arg("--config").arg(&config));
    prepare(&host, "/one/run");
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let host = &host;
            scope.spawn(move || {
                let (at, other) = [("/one", "/two"), ("/two", "/one")][client % 2];
                for _ in 0..TIMES {
                    let added = ask(host, &format!("{at}/run"), ADD);
                    assert_eq!((added.status, added.text()), (200, "1"), "{at}");
                    let read = ask(host, &format!("{other}/run"), "SELECT number FROM counted");
                    assert_eq!(read.status, 200, "{other}: {read:?}");
                }
            });
        }
    });
    check(&host, "/one/run", CLIENTS * TIMES);
    check(&host, "/two/run", CLIENTS * TIMES);
}

#[test]
fn a_swap_loses_nothing_that_was_written() {
    const SWAPS: usize = 6;
    let folder = TempDir::new().unwrap();
    let host = host(&in_a_file(&folder), &["wait=60000"]);
    prepare(&host, "/run");
    let (versions, over) = (layers(), AtomicBool::new(false));
    let versions: [&Path; 2] = [&versions[1], &versions[0]];
    let write = || {
        let mut written = 0;
        while !over.load(Ordering::Relaxed) {
            assert_eq!(run(&host, ADD), "1");
            written += 1;
        }
        written
    };
    let written = std::thread::scope(|scope| {
        let clients = [(); CLIENTS].map(|()| scope.spawn(write));
        let swap = |number: usize| host.deploy("connection-pool", versions[number % 2]);
        let swapped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..SWAPS).for_each(|number| drop(swap(number)));
        }));
        over.store(true, Ordering::Relaxed);
        let written: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        swapped.unwrap();
        written
    });
    assert!(written > SWAPS, "{written} were written meanwhile");
    check(&host, "/run", written);
}

#[test]
fn a_transaction_of_the_version_before_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let host = host(&in_a_file(&folder), &["wait=10"]);
    prepare(&host, "/run");
    let mut holds = Connection::open(host.address());
    let head = "X-Statement: BEGIN IMMEDIATE\r\nContent-Length: 1\r\nExpect: 100-continue";
    holds.send(raw("/hold", "").replace("GET", "POST").replace("X-Statement: ", head));
    assert_eq!(holds.response().unwrap().status, 100);
    host.deploy("connection-pool", &layers()[1]);
    let busy = ask(&host, "/run", ADD);
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    host.wait_for_log("others work with it for 10ms now");
    holds.send("x");
    assert_eq!(holds.response().unwrap().status, 200);
    assert_eq!(run(&host, ADD), "1");
    check(&host, "/run", 1);
}
