//! An application with a database and a pool of its own, tasks, timers, threads that may wait and
//! a socket that stays, replaced again and again while clients use all of it: nothing is lost,
//! nothing is cut but by its own goodbye, and nothing of a version stays.

use super::Seen;
use super::sockets::Socket;
use crate::harness::client::{Connection, Response, get, request};
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample, versions};
use crate::harness::operated::Operated;
use crate::harness::skip::long_tests_run;
use crate::harness::weight::Weight;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

const VERSIONS: [&str; 2] = ["Things to do today", "Things to do again"];

/// What a client does, again and again.
type Ask = Box<dyn FnMut(&Counts) -> Result<(), String> + Send>;

/// Beside what all clients have seen.
#[derive(Debug, Default)]
struct Counts {
    /// Entries that were taken.
    entered: AtomicU64,
    /// Sockets that were opened, and those that were told to come back.
    opened: AtomicU64,
    closed: AtomicU64,
}

fn answered(response: std::io::Result<Response>, status: u16) -> Result<Response, String> {
    match response {
        Ok(response) if response.status == status => Ok(response),
        Ok(response) => Err(format!("not {status}: {response:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn post(path: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_default()
}

/// Enters something, sees it in the list, and has it done: all on one connection.
fn works(connection: &mut Connection, counts: &Counts) -> Result<(), String> {
    let mut ask = |raw: String, status| {
        connection.try_send(raw).map_err(|error| error.to_string())?;
        answered(connection.response(), status)
    };
    let added = ask(post("/items", "application/json", r#"{"title":"work"}"#), 201)?;
    counts.entered.fetch_add(1, Ordering::Relaxed);
    let item = json(&added);
    let list = json(&ask("GET /items HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200)?);
    if !list.as_array().is_some_and(|list| list.contains(&item)) {
        return Err(format!("no {item} in {list}"));
    }
    ask(post(&format!("/items/{}/done", item["id"]), "text/plain", ""), 204).map(drop)
}

/// A form and a page, each on a connection of its own.
fn visits(address: SocketAddr, counts: &Counts) -> Result<(), String> {
    let form = post("/", "application/x-www-form-urlencoded", "title=form");
    answered(Ok(request(address, form)), 303)?;
    counts.entered.fetch_add(1, Ordering::Relaxed);
    let page = answered(Ok(get(address, "/")), 200)?;
    let is_whole = VERSIONS.iter().any(|version| page.text().contains(version));
    if is_whole && page.text().contains("</html>") { Ok(()) } else { Err(format!("{page:?}")) }
}

/// Listens for changes until it is told to come back for another version, and does.
fn listens(
    socket: &mut Option<Socket>,
    address: SocketAddr,
    counts: &Counts,
) -> Result<(), String> {
    let open = || {
        let socket = Socket::open_at(address, "/changes");
        counts.opened.fetch_add(1, Ordering::Relaxed);
        socket
    };
    match socket.get_or_insert_with(open).next() {
        change if change.starts_with("text ") => Ok(()),
        goodbye if goodbye.contains("Restart") => {
            *socket = None;
            counts.closed.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        other => {
            *socket = None;
            Err(format!("a socket: {other}"))
        }
    }
}

#[test]
fn a_database_tasks_and_a_socket_outlive_their_versions() {
    let swaps = if long_tests_run() { 1_000 } else { 30 };
    let folder = tempfile::tempdir().unwrap();
    let [here, there] = VERSIONS.map(str::as_bytes);
    let libraries = versions(&sample("todo"), here, there);
    let db = format!("todo.db={}", folder.path().join("todo.db").display());
    let log = "warn,dsgi_host::plugin::retire=debug";
    let launch = Launch::new().env("DSGI_LOG", log).args(["--set", &db]).arg("--load");
    let host = Operated::start(launch.arg(&*libraries[0]));
    let address = host.address();
    // Once there and back: what a first swap makes for good is there then.
    for version in [1, 0] {
        host.deploy("todo", &libraries[version]);
    }
    at_rest(&host, 2);
    let before = host.possessions();
    let (seen, counts) = (Arc::new(Seen::default()), Arc::new(Counts::default()));
    let client = |mut ask: Ask| {
        let (seen, counts) = (Arc::clone(&seen), Arc::clone(&counts));
        std::thread::spawn(move || seen.ask(|| ask(&counts)))
    };
    let (mut connection, mut socket) = (Connection::open(address), None);
    let clients = [
        client(Box::new(move |counts| works(&mut connection, counts))),
        client(Box::new(move |counts| visits(address, counts))),
        client(Box::new(move |counts| listens(&mut socket, address, counts))),
    ];
    let mut half = None;
    for swap in 0..swaps {
        let open = swap + 1;
        eventually("an open socket", || {
            (counts.opened.load(Ordering::Relaxed) == open).then_some(())
        });
        let served = usize::try_from(open).unwrap() % 2;
        host.deploy("todo", &libraries[served]);
        let so_far = seen.whole();
        eventually("responses after a swap", || (seen.whole() > so_far + 2).then_some(()));
        assert!(get(address, "/").text().contains(VERSIONS[served]), "after swap {swap}");
        assert_eq!(seen.first_wrong(), None, "after swap {swap}");
        // The first make what stays for good, such as arenas of the heap.
        if swap == swaps / 2 {
            at_rest(&host, swap + 3);
            half = Some(Weight::of(host.pid()));
        }
    }
    seen.over.store(true, Ordering::Relaxed);
    // Who listens ends with a change, and the others make none any more.
    eventually("the end of all clients", || {
        visits(address, &counts).unwrap();
        clients.iter().all(JoinHandle::is_finished).then_some(())
    });
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(seen.first_wrong(), None, "beside {} whole ones", seen.whole());
    assert_eq!(counts.closed.load(Ordering::Relaxed), swaps, "goodbyes");
    // Each entry that was taken is there, and once: the newest has the number of all.
    let list = json(&get(address, "/items"));
    assert_eq!(list[0]["id"], counts.entered.load(Ordering::Relaxed));
    // The last one has done something; the next has not, as the first had not.
    host.deploy("todo", &libraries[1]);
    at_rest(&host, swaps + 3);
    host.wait_for_no_more_than(&before);
    let weight = half.expect("half of the swaps");
    let after = weight.wait_for_no_more(host.pid(), swaps / 2);
    println!("{swaps} swaps, {} rounds, {counts:?}: {weight:?} -> {after:?}", seen.whole());
}

/// Swaps an application whose responses hold what needs a runtime when it is dropped, while one
/// client reads them and another leaves; and gives what the host has said.
fn dropped(name: &str) -> String {
    let libraries = versions(&fault_app(name), b"short and stout", b"stout and short");
    let host = Operated::start(Launch::new().bare().arg("--load").arg(&*libraries[0]));
    let (seen, address) = (Arc::new(Seen::default()), host.address());
    let client = |ask: fn(SocketAddr) -> Result<(), String>| {
        let seen = Arc::clone(&seen);
        std::thread::spawn(move || seen.ask(|| ask(address)))
    };
    let clients = [
        client(|address| answered(Ok(get(address, "/pieces")), 200).map(drop)),
        client(|address| {
            let mut connection = Connection::open(address);
            connection.send("GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n");
            Ok(())
        }),
    ];
    for swap in 0..10 {
        host.deploy(name, &libraries[(swap + 1) % 2]);
        let so_far = seen.whole();
        eventually("responses after a swap", || (seen.whole() > so_far + 8).then_some(()));
    }
    seen.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    host.log()
}

/// How often something was dropped where its runtime was not entered.
fn outside(log: &str) -> usize {
    let complaint = |line: &&str| {
        line.contains("there is no reactor running") || line.contains("outside of the runtime")
    };
    log.lines().filter(complaint).count()
}

#[test]
fn a_runtime_is_entered_for_what_is_dropped() {
    assert_eq!(outside(&dropped("waits")), 0);
    // The control: one whose author has written it by hand, and has not thought of that.
    assert!(outside(&dropped("outside")) >= 8);
}

/// Waits until each version that was replaced is unmapped.
fn at_rest(host: &Operated, replaced: u64) {
    host.wait_for_logs("unmapped", usize::try_from(replaced).unwrap());
    host.wait_for_app("todo", "the end of every version that was replaced", |app| {
        app["retained"].as_array().is_some_and(Vec::is_empty)
    });
}
