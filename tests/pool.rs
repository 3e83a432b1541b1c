//! The threads of blocking applications: clients that never read hold none of them, and those that
//! are held answer for no other application.

use crate::harness::DEADLINE;
use crate::harness::client::{Connection, get};
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use crate::harness::linked::Linked;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use dsgi::{Environ, StartResponse};
use dsgi_host::Limits;
use std::sync::{Mutex, mpsc};

/// As many as `Limits` gives to one application.
const THREADS: usize = 16;

fn beside_hello(flavour: Flavour) -> Misbehaving {
    let hello = format!("/hello={}", sample("hello").display());
    Misbehaving::start_with(flavour, ["--mount", &hello])
}

#[test]
fn the_host_has_as_many_threads_as_the_tests_believe() {
    assert_eq!(Limits::default().pool_threads, THREADS);
}

#[test]
fn clients_that_never_read_hold_no_thread() {
    for flavour in Flavour::ALL {
        let host = beside_hello(flavour);
        let mut never_read: Vec<_> =
            (0..=THREADS).map(|_| Connection::open(host.address())).collect();
        for connection in &mut never_read {
            connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        host.wait_for_logs("app: called /endless", THREADS + 1);
        for _ in 0..3 {
            assert_eq!(get(host.address(), "/hello").text(), "I'm a DSGI application.\n");
            assert_eq!(get(host.address(), "/fine").text(), "fine\n", "{flavour:?}");
        }
        // Nobody was sent away for it.
        assert!(!host.log().contains("app: closed ClientGone"), "{flavour:?}");
        for connection in &mut never_read {
            assert_eq!(connection.head().unwrap().status, 200);
            assert!(connection.chunk().unwrap().is_some());
        }
    }
}

#[test]
fn streams_that_are_never_read_hold_no_thread() {
    let host = beside_hello(Flavour::Pool);
    let mut client = Http2::open(host.address());
    let mut never_read = Vec::new();
    for _ in 0..=THREADS {
        let sent = client.get("/endless");
        never_read.push(client.head(sent).unwrap());
    }
    for path in ["/hello", "/fine"] {
        assert_eq!(get(host.address(), path).status, 200);
        // On the same connection, too: a stream has a window of its own.
        let sent = client.get(path);
        assert_eq!(client.head(sent).unwrap().status(), 200, "{path}");
    }
}

#[test]
fn an_application_whose_threads_are_all_held_holds_no_other_one() {
    let host = beside_hello(Flavour::Pool);
    let mut held: Vec<_> = (0..=THREADS).map(|_| Connection::open(host.address())).collect();
    for connection in &mut held {
        connection.send("GET /wait/call HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    host.wait_for_logs("app: waits in its call", THREADS);
    assert_eq!(get(host.address(), "/hello").text(), "I'm a DSGI application.\n");
    // The one more waits, and is answered in its turn.
    host.release();
    for connection in &mut held {
        assert_eq!(connection.response().unwrap().text(), "fine\n");
    }
}

#[test]
fn a_full_queue_is_503_and_when_to_come_again() {
    let mut limits = Limits::default();
    (limits.pool_threads, limits.pool_queue) = (1, 2);
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (tell, called) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let app = move |_: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        tell.send(())?;
        may_go_on.lock().map_err(|_| dsgi::Error::new("another call panicked"))?.recv()?;
        start_response("200 OK", &[])?;
        Ok(["done\n"])
    };
    let server = Linked::start(limits, app);
    let send = || {
        let mut connection = Connection::open(server.address());
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        connection
    };
    let mut first = send();
    called.recv_timeout(DEADLINE).expect("the only thread is taken");
    // Two of these find a place in the queue, whichever they are.
    let (answers, answered) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..5 {
            let (mut connection, answers) = (send(), answers.clone());
            scope.spawn(move || answers.send(connection.response().unwrap()).unwrap());
        }
        for _ in 0..3 {
            let refused = answered.recv_timeout(DEADLINE).expect("a refusal");
            assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        }
        (0..3).for_each(|_| go_on.send(()).unwrap());
        assert_eq!(first.response().unwrap().text(), "done\n");
        for _ in 0..2 {
            assert_eq!(answered.recv_timeout(DEADLINE).unwrap().text(), "done\n");
        }
    });
}

#[test]
fn a_body_that_says_not_yet_gives_its_thread_back_when_its_client_leaves() {
    let mut limits = Limits::default();
    limits.pool_threads = 1;
    let app = |environ: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        start_response("200 OK", &[])?;
        let mut first = Some(dsgi::Chunk::from("first\n"));
        let more = &environ["PATH_INFO"] == "/more";
        Ok(dsgi::Body::poll_blocks(move |_| match first.take() {
            None if more => std::task::Poll::Pending,
            block => std::task::Poll::Ready(block),
        }))
    };
    let server = Linked::start(limits, app);
    let mut connection = Connection::open(server.address());
    connection.send("GET /more HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(connection.head().unwrap().status, 200);
    assert_eq!(connection.chunk().unwrap().unwrap(), b"first\n");
    drop(connection);
    assert_eq!(get(server.address(), "/").text(), "first\n");
}

/// Answers at once, but for `/hold`, which tells and then waits.
fn holding(
    called: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
) -> impl Fn(Environ, StartResponse) -> dsgi::Result<[&'static str; 1]> + Send + Sync + 'static {
    let go_on = Mutex::new(go_on);
    move |environ: Environ, start_response: StartResponse| {
        if &environ["PATH_INFO"] == "/hold" {
            called.send(())?;
            // They wait for the lock or for this: it ends with the sender.
            let _ = go_on.lock().map(|go_on| go_on.recv());
        }
        start_response("200 OK", &[])?;
        Ok(["done\n"])
    }
}

#[test]
fn requests_that_are_held_delay_none_that_came_with_them() {
    let mut limits = Limits::default();
    limits.pool_threads = 4;
    let (tell, called) = mpsc::channel();
    let (release, go_on) = mpsc::channel();
    let server = Linked::start(limits, holding(tell, go_on));
    // On one connection, so that one core finds them all at once.
    let mut client = Http2::open(server.address());
    let held: Vec<_> = (1..4).map(|_| client.get("/hold")).collect();
    let quick = client.get("/quick");
    assert_eq!(client.response(quick).unwrap().text(), "done\n");
    (1..4).for_each(|_| called.recv_timeout(DEADLINE).expect("each has a thread"));
    drop(release);
    for sent in held {
        assert_eq!(client.response(sent).unwrap().text(), "done\n");
    }
}

#[test]
fn an_answer_is_not_kept_by_the_next_call_of_its_thread() {
    let mut limits = Limits::default();
    limits.pool_threads = 1;
    let (tell, called) = mpsc::channel();
    let (release, go_on) = mpsc::channel();
    let server = Linked::start(limits, holding(tell, go_on));
    let mut client = Http2::open(server.address());
    // On one connection, so that they wait for the only thread together, in this order.
    let quick: Vec<_> = (0..8).map(|_| client.get("/quick")).collect();
    let last = client.get("/hold");
    for sent in quick {
        assert_eq!(client.response(sent).unwrap().text(), "done\n");
    }
    called.recv_timeout(DEADLINE).expect("the only thread is taken");
    drop(release);
    assert_eq!(client.response(last).unwrap().text(), "done\n");
}
