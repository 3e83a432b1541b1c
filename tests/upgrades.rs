//! Connections that applications take over: what they read and write, and how they end.

// What becomes of them when their version or the host goes.
mod leaving;

use crate::harness::DEADLINE;
use crate::harness::client::{Connection, Response};
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::{fault_app, sample};
use crate::harness::linked::Linked;
use crate::harness::operated::Operated;
use dsgi::{Body, Environ, Outcome, StartResponse};
use dsgi_host::Limits;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, mpsc};
use std::time::Duration;

/// A host with `tests/apps/switches` at `/`, in two layers: one of the sync form and one of the
/// async form, both passing everything on. A validator stands around all of it.
fn start() -> Operated {
    start_as(Launch::new())
}

fn start_as(launch: Launch) -> Operated {
    let layer = |name: &str, form: &str| format!("{name}={}", fault_app(form).display());
    Operated::start(
        launch
            .args(["--load".into(), format!("app={}", fault_app("switches").display())])
            .args(["--enable".into(), format!("validator={}", sample("validator").display())])
            .args(["--enable".into(), layer("outer", "acts-async")])
            .args(["--enable".into(), layer("inner", "acts-inline")])
            .args(["--set", "outer.name=outer", "--set", "inner.name=inner"])
            .env("RUST_BACKTRACE", "0"),
    )
}

/// The same without layers, in which nothing waits on a pool.
fn start_bare() -> Host {
    Host::start(["--load".into(), format!("app={}", fault_app("switches").display())])
}

/// Asks for another protocol; what follows the answer is the connection's.
fn ask(address: SocketAddr, path: &str, protocol: &str) -> (Connection, Response) {
    let mut connection = Connection::open(address);
    connection.send(format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: {protocol}\r\n\r\n"
    ));
    let response = connection.response().expect("an answer");
    (connection, response)
}

fn switch(address: SocketAddr, path: &str, protocol: &str) -> Connection {
    let (connection, response) = ask(address, path, protocol);
    assert_eq!(response.status, 101, "{path}: {response:?}");
    connection
}

#[test]
fn a_connection_is_taken_over_and_ends_in_both_directions() {
    let host = start();
    for path in ["/echo", "/thread"] {
        let (mut client, response) = ask(host.address(), path, "shout");
        assert_eq!(response.status, 101);
        assert_eq!(response.header("x-asked"), Some("shout keep-alive, Upgrade"));
        assert_eq!(response.headers_named("upgrade").collect::<Vec<_>>(), ["shout"]);
        let connection: Vec<_> = response.headers_named("connection").collect();
        assert_eq!(connection, ["upgrade"]);
        assert_eq!(response.header("content-length"), None);
        assert_eq!(response.header("transfer-encoding"), None);
        for word in ["one", "two"] {
            client.send(word);
            assert_eq!(client.exactly(3).unwrap(), word.to_uppercase().as_bytes(), "{path}");
        }
        // The client's direction ends first, and is answered.
        client.send("end");
        client.finish_sending();
        assert_eq!(client.read_to_end().unwrap(), b"ENDover", "{path}");
        host.wait_for_log(&format!("{path} closed Completed 13"));
    }
    let log = host.log();
    assert!(!log.contains("validator: "), "{log}");
}

/// The application's direction ends first, and the client's goes on.
#[test]
fn an_application_may_end_its_direction_and_listen_on() {
    let host = start();
    let mut client = switch(host.address(), "/last-words", "x");
    assert_eq!(client.read_to_end().unwrap(), b"last words");
    client.send("still here");
    client.finish_sending();
    host.wait_for_log("app: has heard 10 bytes behind its end");
    host.wait_for_log("/last-words closed Completed 10");
}

#[test]
fn what_follows_the_request_at_once_is_not_lost() {
    let host = start_bare();
    let mut client = Connection::open(host.address());
    client.send(
        "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly bird",
    );
    assert_eq!(client.response().unwrap().status, 101);
    assert_eq!(client.exactly(10).unwrap(), b"EARLY BIRD");
}

/// Whoever has not asked is refused, in one line; and what is answered wrongly.
#[test]
fn what_cannot_be_taken_over_is_a_bad_gateway() {
    // Its own validator tells of it.
    let host = start_as(Launch::new().bare());
    let get = |path: &str, fields: &str, version: &str| {
        let mut client = Connection::open(host.address());
        client.send(format!("GET {path} HTTP/{version}\r\nHost: a\r\n{fields}\r\n"));
        client.response().expect("an answer")
    };
    let asks = "Connection: upgrade\r\nUpgrade: x\r\n";
    let posts = "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\nx";
    let unasked = "takes the connection over, and the request has not asked for that";
    let mut seen = 0;
    for (path, fields, version, line) in [
        ("/echo", "", "1.1", unasked),
        ("/echo", "Upgrade: x\r\n", "1.1", unasked),
        ("/echo", "Connection: upgrade\r\n", "1.1", unasked),
        ("/echo", posts, "1.1", unasked),
        ("/echo", asks, "1.0", unasked),
        ("/early", asks, "1.1", "an upgrade comes with the status 101, not 200"),
        ("/bare", asks, "1.1", "the status 101 comes without an upgrade"),
    ] {
        let response = get(path, fields, version);
        assert_eq!(response.status, 502, "{path} {fields:?} {version}");
        let lines = host.wait_for_logs(line, if line == unasked { seen + 1 } else { 1 });
        seen += usize::from(line == unasked);
        assert!(lines.last().unwrap().contains("ERROR"), "{lines:?}");
    }
    let mut http2 = Http2::open(host.address());
    let sent = http2.get("/echo");
    assert_eq!(http2.response(sent).unwrap().status, 502);
    host.wait_for_logs(unasked, seen + 1);
    host.wait_for_log("validator: upgrade-asked broken by");
    host.wait_for_logs("validator: upgrade-status broken by", 2);
    // None of them was started, and each was told so.
    host.wait_for_logs("/echo closed Failed 0", 6);
}

/// Nothing is kept for a client that does not read: the application waits.
#[test]
fn a_client_that_does_not_read_holds_the_application_back() {
    let host = start_bare();
    let mut client = switch(host.address(), "/push", "x");
    let line = host.wait_for_log("app: waits after");
    let sent = line.split(' ').rev().nth(1).and_then(|sent| sent.parse::<usize>().ok()).unwrap();
    // What the kernel holds for both sides is some megabytes.
    assert!(sent < 64 << 20, "{line}");
    // And it goes on once the client reads.
    assert!(client.exactly(sent + 1).unwrap().iter().all(|byte| *byte == b'x'));
    host.wait_for_logs("app: waits after", 2);
    drop(client);
    host.wait_for_log("/push closed Failed");
    host.wait_for_log("took over: the connection is gone");
}

#[test]
fn a_client_that_leaves_ends_what_is_done_for_it() {
    let host = start_bare();
    drop(switch(host.address(), "/echo", "x"));
    let line = host.wait_for_log("/echo closed");
    // It may see the end, or find nobody to write to.
    assert!(["Completed 4", "Completed 0", "Failed 0"].iter().any(|end| line.ends_with(end)));
    assert_eq!(crate::harness::client::get(host.address(), "/version").text(), "version one");
}

#[test]
fn what_fails_or_panics_is_told_and_counted() {
    let host = start();
    let mut client = switch(host.address(), "/panics", "x");
    client.send("go");
    assert_eq!(client.rest().unwrap(), b"");
    host.wait_for_log("failed within a connection it took over: panicked: within a connection");
    host.wait_for_log("/panics closed Failed 0");
    assert_eq!(host.app("app")["panics"], 1, "{}", host.app("app"));
    assert_eq!(host.app("outer")["panics"], 0);
    let mut client = switch(host.address(), "/fails", "x");
    assert_eq!(client.rest().unwrap(), b"");
    host.wait_for_log("failed within a connection it took over: it does not like to");
    assert_eq!(host.app("app")["panics"], 1);
}

/// Takes connections over in this process: sends back what comes, and then all that is taken.
async fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let push = environ.get("PATH_INFO") == Some("/push");
    start_response("101 Switching Protocols", &[("Upgrade", "x")])?;
    let body = Body::upgrade(async move |mut duplex| {
        if push {
            loop {
                duplex.write([b'x'; 64 * 1024]).await?;
            }
        }
        while let Some(block) = duplex.read().await? {
            duplex.write(block.bytes()).await?;
        }
        Ok(())
    });
    let sender = ENDED.0.clone();
    Ok(body.on_close(move |outcome, sent| sender.send((outcome, sent)).expect("a static listens")))
}

type Ended = (mpsc::Sender<(Outcome, u64)>, Mutex<mpsc::Receiver<(Outcome, u64)>>);

static ENDED: LazyLock<Ended> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel();
    (sender, Mutex::new(receiver))
});

/// Limits of requests are no limits of what is no request any more; but who takes nothing is left.
#[test]
fn a_connection_may_rest_and_must_be_read() {
    let short = Duration::from_millis(250);
    let mut limits = Limits::default();
    (limits.header_timeout, limits.keep_alive_timeout) = (short, short);
    (limits.write_timeout, limits.request_timeout) = (short, short);
    let server = Linked::start(limits, app);
    let mut client = switch(server.address(), "/", "x");
    client.send("first");
    assert_eq!(client.exactly(5).unwrap(), b"first");
    // Connections that owe a head are ended meanwhile, so as much time has passed for this one.
    for _ in 0..3 {
        let mut slow = Connection::open(server.address());
        slow.send("GET / HTTP/1.1\r\n");
        assert_eq!(slow.rest().unwrap(), b"");
    }
    client.send("still");
    assert_eq!(client.exactly(5).unwrap(), b"still");
    client.finish_sending();
    let ended = || ENDED.1.lock().unwrap().recv_timeout(DEADLINE).expect("it is told the end");
    assert_eq!(ended(), (Outcome::Completed, 10));
    let unread = switch(server.address(), "/push", "x");
    let (outcome, sent) = ended();
    assert_eq!(outcome, Outcome::ClientGone);
    assert!(sent > 0);
    drop(unread);
}

/// The read of a connection that has been reset is an error that a test can tell from a hang.
fn is_over(client: &mut Connection) -> bool {
    match client.exactly(1) {
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
