//! Databases, lent by a layer to the application further in: every connection comes back, whatever
//! the end of a request is, and none stays behind a layer that was replaced.

// Copies of SQLite in one process.
mod copies;

use crate::harness::client::{Connection, Response, request};
use crate::harness::host::Launch;
use crate::harness::libraries::{TemporaryLibrary, fault_app, sample, versions};
use crate::harness::operated::Operated;
use crate::harness::postgres::Postgres;
use crate::harness::skip::skip;
use crate::harness::{DEADLINE, eventually};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

const NO_POSTGRES: &str = "postgresql is not installed";

/// A host with the layer around an application that runs the statement in a field.
fn host(database: &str, set: &[&str]) -> Operated {
    launched(Launch::new(), database, set)
}

/// One whose application panics.
fn panicking_host(database: &str) -> Operated {
    launched(Launch::new().breaking(&["call-no-panic"]), database, &["connections=1"])
}

fn launched(launch: Launch, database: &str, set: &[&str]) -> Operated {
    let app = format!("borrower={}", fault_app("borrower").display());
    let layer = format!("connection-pool={}", sample("connection-pool").display());
    let database = format!("database={database}");
    let launch = launch.args(["--load", &app, "--enable", &layer]);
    let set = set.iter().copied().chain([database.as_str()]);
    Operated::start(
        set.fold(launch, |launch, set| launch.args(["--set", &format!("connection-pool.{set}")])),
    )
}

fn in_a_file(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("a.db").display())
}

/// Two versions of the layer.
fn layers() -> [TemporaryLibrary; 2] {
    let (here, there) = (b"is not available right now", b"is not available just now!");
    versions(&sample("connection-pool"), here, there)
}

fn raw(path: &str, statement: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Statement: {statement}\r\n\r\n")
}

fn ask(host: &Operated, path: &str, statement: &str) -> Response {
    request(host.address(), raw(path, statement))
}

#[track_caller]
fn run(host: &Operated, statement: &str) -> String {
    let response = ask(host, "/run", statement);
    assert_eq!(response.status, 200, "{statement}: {response:?}");
    response.text().to_owned()
}

/// A request that has a connection until it ends.
struct Holder(Connection);

impl Holder {
    /// Returns once the application has run its statement.
    fn begin(host: &Operated) -> Self {
        let mut connection = Connection::open(host.address());
        connection.send(
            "POST /hold HTTP/1.1\r\nHost: a\r\nX-Statement: SELECT 1\r\nContent-Length: 1\r\n\
             Expect: 100-continue\r\n\r\n",
        );
        assert_eq!(connection.response().unwrap().status, 100);
        Self(connection)
    }

    fn end(mut self) {
        self.0.send("x");
        assert_eq!(self.0.response().unwrap().text(), "[[1]]");
    }
}

/// Ends requests in every way, where there is one connection: each time the next one has it.
fn comes_back(host: &Operated) {
    run(host, "CREATE TABLE a (b INTEGER)");
    assert_eq!(run(host, "INSERT INTO a VALUES (1), (2)"), "2");
    let rows = || assert_eq!(run(host, "SELECT b FROM a ORDER BY b"), "[[1],[2]]");
    rows();
    assert_eq!(ask(host, "/run", "SELECT c FROM a").status, 500);
    rows();
    assert_eq!(ask(host, "/panic", "SELECT b FROM a").status, 500);
    rows();
    assert_eq!(ask(host, "/fail", "SELECT b FROM a").status, 500);
    rows();
    // The client leaves in the midst of a body that uses it.
    let mut leaves = Connection::open(host.address());
    leaves.send(raw("/endless", "SELECT b FROM a"));
    assert!(leaves.chunk_after_head().unwrap().is_some());
    drop(leaves);
    rows();
    // A transaction ends with its request.
    ask(host, "/run", "BEGIN");
    rows();
    ask(host, "/run", "BEGIN");
    rows();
    // The application keeps what the connection was lent by.
    assert_eq!(ask(host, "/forget", "SELECT b FROM a").text(), "[[1],[2]]");
    rows();
    let said = ask(host, "/remember", "").text().to_owned();
    assert!(said.contains("the request is over"), "{said}");
    rows();
}

#[test]
fn a_connection_comes_back_from_every_end_sqlite() {
    let folder = TempDir::new().unwrap();
    comes_back(&panicking_host(&in_a_file(&folder)));
}

#[test]
fn a_connection_comes_back_from_every_end_postgres() {
    let Some(postgres) = Postgres::start() else {
        let name = "databases::a_connection_comes_back_from_every_end_postgres";
        return skip(name, NO_POSTGRES);
    };
    let host = panicking_host(&postgres.address());
    assert_eq!(ask(&host, "/nothing", "").text(), "nothing");
    assert_eq!(postgres.clients(), 0, "neither a start nor such a request opens one");
    comes_back(&host);
    assert_eq!(postgres.clients(), 1);
}

#[test]
fn who_waits_in_vain_is_told_when_to_come_again() {
    let folder = TempDir::new().unwrap();
    let host = host(&in_a_file(&folder), &["connections=1", "wait=1"]);
    let holder = Holder::begin(&host);
    let busy = ask(&host, "/run", "SELECT 2");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    host.wait_for_log("all 1 connections to the database are in use");
    assert_eq!(ask(&host, "/nothing", "").status, 200);
    holder.end();
    assert_eq!(run(&host, "SELECT 2"), "[[2]]");
}

#[test]
fn who_waits_has_the_connection_that_comes_back() {
    let folder = TempDir::new().unwrap();
    let wait = format!("wait={}", DEADLINE.as_millis());
    let host = host(&in_a_file(&folder), &["connections=1", &wait]);
    let holder = Holder::begin(&host);
    let mut waits = Connection::open(host.address());
    waits.send(raw("/run", "SELECT 2"));
    holder.end();
    assert_eq!(waits.response().unwrap().text(), "[[2]]");
}

#[test]
fn a_database_that_is_away_is_a_503_until_it_is_back() {
    let Some(mut postgres) = Postgres::start() else {
        let name = "databases::a_database_that_is_away_is_a_503_until_it_is_back";
        return skip(name, NO_POSTGRES);
    };
    let host = host(&postgres.address(), &[]);
    run(&host, "CREATE TABLE a (b INTEGER)");
    let holder = Holder::begin(&host);
    postgres.stop();
    let away = ask(&host, "/run", "SELECT 1");
    assert_eq!((away.status, away.header("retry-after")), (503, Some("1")));
    host.wait_for_log("no connection to the database: ");
    holder.end();
    postgres.start_again();
    assert_eq!(run(&host, "SELECT count(*) FROM a"), "[[0]]");
    assert_eq!(postgres.clients(), 1, "the broken ones are not counted any more");
    // The server ends one that lies idle: nobody notices.
    assert_eq!(postgres.disconnect(), 1);
    assert_eq!(run(&host, "SELECT count(*) FROM a"), "[[0]]");
}

#[test]
fn a_database_that_is_away_at_the_start_is_no_reason_not_to_start() {
    let host = host("postgres://dsgi@localhost:1/none", &[]);
    assert_eq!(ask(&host, "/nothing", "").status, 200);
    assert_eq!(ask(&host, "/run", "SELECT 1").status, 503);
}

#[test]
fn a_probe_leaves_a_database_as_it_was() {
    let folder = TempDir::new().unwrap();
    let host = host(&in_a_file(&folder), &[]);
    host.deploy("connection-pool", &layers()[1]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    run(&host, "SELECT 1");
    assert!(folder.path().join("a.db").exists());
}

/// Swaps the layer while requests run, and looks at what is left of each version: nothing.
fn goes(host: &Operated, swaps: usize) {
    let layers = layers();
    let layers: [&Path; 2] = [&layers[0], &layers[1]];
    let swap = |number: usize| {
        let holder = Holder::begin(host);
        host.deploy("connection-pool", layers[number % 2]);
        assert_eq!(run(host, "SELECT 1"), "[[1]]");
        holder.end();
        host.wait_for_app("connection-pool", "the end of all others", |layer| {
            layer["retained"] == Value::from([(); 0])
        });
    };
    // The first swaps make what stays for good, such as threads that have never waited before.
    (0..3).for_each(swap);
    let before = host.possessions();
    (3..swaps).for_each(swap);
    host.wait_for_no_more_than(&before);
}

#[test]
fn nothing_stays_of_a_layer_that_has_opened_files() {
    let folder = TempDir::new().unwrap();
    goes(&host(&in_a_file(&folder), &[]), 8);
}

#[test]
fn a_hundred_swaps_leave_one_connection() {
    let Some(postgres) = Postgres::start() else {
        return skip("databases::a_hundred_swaps_leave_one_connection", NO_POSTGRES);
    };
    let host = host(&postgres.address(), &[]);
    goes(&host, 103);
    eventually("one connection", || (postgres.clients() == 1).then_some(()));
    drop(host);
    eventually("no connection", || (postgres.clients() == 0).then_some(()));
}
