//! FastCGI: requests that share a connection, and all that its records can say.

use crate::harness::doors::{get, post, set};
use crate::harness::fastcgi::{
    ABORT, Front, GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN, UNKNOWN_TYPE, begin, pairs, record,
    request,
};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use std::io::{Read, Write};

const LISTEN: [&str; 2] = ["--listen", "fastcgi://127.0.0.1:0"];

fn host(app: &str) -> Host {
    Launch::new().arg("--load").arg(sample(app)).args(LISTEN).start()
}

fn misbehaving(flavour: Flavour, rules: &'static [&'static str]) -> Misbehaving {
    Misbehaving::launched(flavour, Launch::new().breaking(rules).args(LISTEN))
}

fn front(host: &Host) -> Front {
    Front::open(&host.addresses()[0])
}

#[test]
fn a_request_goes_the_way_of_http() {
    let host = host("environ");
    let mut front = front(&host);
    let mut variables = get("/a%2Fb?x=1");
    // A front repeats what its client has repeated.
    variables.push((String::from("HTTP_X_LONG"), "l".repeat(300)));
    variables.push((String::from("HTTP_X_LONG"), String::from("2")));
    front.send(&request(1, 1, &variables, b""));
    let environ = front.answer(1).environ();
    for (key, value) in [
        ("PATH_INFO", "/a/b"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("dsgi.gateway", "fastcgi"),
        ("HTTP_X_LONG", &*format!("{}, 2", "l".repeat(300))),
    ] {
        assert_eq!(environ.get(key).map(String::as_str), Some(value), "{key}");
    }
    // The connection goes on, and the number may be used again; without the flag it ends.
    front.send(&request(1, 1, &get("/"), b""));
    assert_eq!(front.answer(1).status, 200);
    front.send(&request(7, 0, &get("/"), b""));
    assert_eq!(front.answer(7).status, 200);
    assert!(front.is_over());
}

#[test]
fn bodies_of_any_size_go_through_in_any_pieces() {
    let host = host("upload");
    let body: Vec<u8> = (0..10_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut front = front(&host);
    let mut write = crate::harness::doors::Wire::open_again(&front.wire);
    let sent = request(1, 1, &post("/", body.len()), &body);
    let sending = std::thread::spawn(move || write.write_all(&sent).expect("the host reads"));
    let answer = front.answer(1);
    sending.join().unwrap();
    assert!(answer.body == body, "{} bytes", answer.body.len());
    request(2, 1, &post("/", 5), b"hello").chunks(1).for_each(|byte| front.send(byte));
    assert_eq!(front.answer(2).text(), "hello");
    // A length that nobody knows is the end of the stream.
    let mut chunked = post("/", 0);
    set(&mut chunked, "CONTENT_LENGTH", "-1");
    front.send(&request(3, 1, &chunked, b"until here"));
    assert_eq!(front.answer(3).text(), "until here");
    // What is beyond the length is not read.
    front.send(&request(4, 1, &post("/", 5), b"hello, you"));
    assert_eq!(front.answer(4).text(), "hello");
}

#[test]
fn a_slow_request_keeps_nobody_waiting() {
    let host = misbehaving(Flavour::Pool, &[]);
    let mut front = front(&host);
    // Its application waits and reads nothing of a long body.
    front.send(&request(1, 1, &post("/wait/call", 1_000_000), &vec![b'x'; 1_000_000]));
    host.wait_for_log("waits in its call");
    for id in [2, 3, 4] {
        front.send(&request(id, 1, &get("/"), b""));
        assert_eq!(front.answer(id).text(), "fine\n");
    }
    // Three that are begun before any is whole.
    for id in [5, 6, 7] {
        front.send(&begin(id, 1, 1));
    }
    for id in [7, 5, 6] {
        front.send(&record(PARAMS, id, &pairs(&get("/"))));
    }
    for id in [6, 7, 5] {
        front.send(&record(PARAMS, id, b""));
        front.send(&record(STDIN, id, b""));
        assert_eq!(front.answer(id).text(), "fine\n");
    }
    host.release();
    assert_eq!(front.answer(1).text(), "fine\n");
}

#[test]
fn a_request_that_is_aborted_ends_at_once() {
    for flavour in [Flavour::Pool, Flavour::Async] {
        let host = misbehaving(flavour, &[]);
        let mut front = front(&host);
        front.send(&request(1, 1, &get("/cancel/call"), b""));
        host.wait_for_log("waits in its call");
        if flavour == Flavour::Async {
            continue;
        }
        front.send(&record(ABORT, 1, b""));
        assert_eq!(front.come(1).status, Some(0));
        host.wait_for_log("waits no more in its call");
        front.send(&request(1, 1, &get("/"), b""));
        assert_eq!(front.answer(1).text(), "fine\n", "the connection goes on");
    }
    let host = misbehaving(Flavour::Async, &[]);
    let mut front = front(&host);
    front.send(&request(9, 1, &get("/endless"), b""));
    front.wire.read_exact(&mut [0; 1000]).unwrap();
    front.send(&record(ABORT, 9, b""));
    host.wait_for_log("app: closed ClientGone");
    drop(front);
    let mut front = Front::open(&host.addresses()[0]);
    front.send(&request(9, 1, &get("/endless"), b""));
    front.wire.read_exact(&mut [0; 1000]).unwrap();
    drop(front);
    host.wait_for_logs("app: closed ClientGone", 2);
}

#[test]
fn a_front_may_ask_what_it_may_do() {
    let host = host("hello");
    let mut front = front(&host);
    let asked = ["FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "FCGI_OTHER"];
    let asked: Vec<_> = asked.map(|name| (name.to_owned(), String::new())).into();
    front.send(&record(GET_VALUES, 0, &pairs(&asked)));
    let told = front.next().unwrap();
    let expected = [("FCGI_MAX_REQS", "128"), ("FCGI_MPXS_CONNS", "1")];
    let expected = pairs(&expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((told.kind, told.id, told.content), (GET_VALUES_RESULT, 0, expected));
    front.send(&record(77, 0, b"what"));
    let told = front.next().unwrap();
    assert_eq!((told.kind, told.content[0]), (UNKNOWN_TYPE, 77));
    // An authorizer is something else, and a request that is not one is told so.
    front.send(&begin(1, 2, 1));
    assert_eq!(front.come(1).status, Some(3));
    front.send(&request(1, 1, &get("/"), b""));
    assert_eq!(front.answer(1).status, 200);
    let mut large = get("/");
    large.push((String::from("HTTP_X"), "x".repeat(70_000)));
    front.send(&request(2, 1, &large, b""));
    assert_eq!(front.answer(2).status, 431);
    // What cannot be understood ends the connection.
    front.send(&[9; 8]);
    assert!(front.is_over());
    host.wait_for_log("version 9 of a record");
}

#[test]
fn a_connection_has_so_many_requests_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.toml");
    std::fs::write(
        &file,
        "server.limits.streams = 2\n[[mount]]\npath = \"/none\"\nstatic = \".\"\n",
    )
    .unwrap();
    let launch = Launch::new().arg("--config").arg(&file).args(LISTEN);
    let host = Misbehaving::launched(Flavour::Pool, launch);
    let mut front = front(&host);
    for id in [1, 2] {
        front.send(&request(id, 1, &get("/wait/call"), b""));
    }
    host.wait_for_logs("waits in its call", 2);
    front.send(&request(3, 1, &get("/"), b""));
    assert_eq!(front.come(3).status, Some(2), "overloaded");
    host.release();
    for id in [1, 2] {
        assert_eq!(front.answer(id).text(), "fine\n");
    }
    front.send(&request(3, 1, &get("/"), b""));
    assert_eq!(front.answer(3).text(), "fine\n");
}

#[test]
fn errors_go_to_the_log_of_the_front() {
    let host = misbehaving(Flavour::Async, &["content-type-missing"]);
    let mut front = front(&host);
    front.send(&request(1, 1, &get("/answer?block=abc"), b""));
    let come = front.come(1);
    let errors = String::from_utf8(come.errors).unwrap();
    assert!(errors.contains("validator: content-type-missing"), "{errors}");
    assert!(String::from_utf8_lossy(&come.output).ends_with("\r\n\r\nabc"));
    front.send(&request(1, 1, &get("/"), b""));
    assert_eq!(front.come(1).errors, b"");
}

#[test]
fn a_response_that_fails_has_no_last_record() {
    for flavour in [Flavour::Pool, Flavour::Async] {
        let host = misbehaving(flavour, &["body-length", "content-type-missing"]);
        for target in ["/error/middle", "/answer?header=Content-Length:7&block=abc"] {
            let mut front = front(&host);
            front.send(&request(1, 1, &get(target), b""));
            let come = front.come(1);
            assert_eq!(come.status, None, "{}", String::from_utf8_lossy(&come.output));
            assert!(!come.output.is_empty(), "{target}");
        }
        for (target, status) in [
            ("/answer?status=204&block=abc", 204),
            ("/answer?status=304&block=abc", 304),
            ("/error/first", 503),
        ] {
            let mut front = front(&host);
            front.send(&request(1, 0, &get(target), b""));
            let answer = front.answer(1);
            assert_eq!(answer.status, status, "{target}");
            assert!(status == 503 || answer.body.is_empty(), "{target}");
        }
    }
}

#[test]
fn a_shutdown_finishes_what_is_in_hand() {
    let mut host = misbehaving(Flavour::Pool, &[]);
    let (mut busy, mut idle) = (front(&host), front(&host));
    idle.send(&request(1, 1, &get("/"), b""));
    assert_eq!(idle.answer(1).text(), "fine\n");
    busy.send(&request(1, 1, &get("/wait/call"), b""));
    host.wait_for_log("waits in its call");
    host.terminate();
    assert!(idle.is_over(), "one with nothing in hand ends");
    busy.send(&request(2, 1, &get("/"), b""));
    assert_eq!(busy.come(2).status, Some(2), "nothing new is taken");
    host.release();
    assert_eq!(busy.answer(1).text(), "fine\n");
    assert!(busy.is_over());
    assert!(host.wait().success());
}

#[test]
fn an_answer_that_came_early_is_not_taken_back() {
    let host = host("hello");
    let mut front = front(&host);
    front.send(&begin(1, 1, 0));
    front.send(&record(PARAMS, 1, &pairs(&post("/", 9000))));
    front.send(&record(PARAMS, 1, b""));
    let mut first = [0; 1];
    front.wire.read_exact(&mut first).unwrap();
    // Whoever has closed its socket answers this with a reset.
    for _ in 0..9 {
        front.send(&record(STDIN, 1, &[b'x'; 1000]));
    }
    front.send(&record(STDIN, 1, b""));
    let (rest, end) = front.wire.rest();
    end.unwrap();
    let is_said = |said: &[u8]| rest.windows(said.len()).any(|bytes| bytes == said);
    assert!(is_said(b"I'm a DSGI application."), "{}", String::from_utf8_lossy(&rest));
}
