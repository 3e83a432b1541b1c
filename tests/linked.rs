//! The same applications without a library: linked into a program of one's own.

use crate::harness::DEADLINE;
use crate::harness::client::{Connection, get, request};
use crate::harness::doors::{Protocol, Wire, post};
use crate::harness::fastcgi::{Front, request as records};
use crate::harness::http2::Http2;
use crate::harness::linked::Linked;
use dsgi::{Body, Environ, StartResponse};
use dsgi_host::{Incoming, Limits, ServeError, fastcgi, make_server, scgi, uwsgi};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use tokio::sync::oneshot;

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["linked in\n"])
}

async fn length(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    let mut length = 0;
    while let Some(block) = environ.input().next().await? {
        length += block.bytes().len();
    }
    start_response("200 OK", &[])?;
    Ok([format!("{length} bytes of {}\n", &environ["PATH_INFO"])])
}

#[test]
fn a_program_may_be_a_server() {
    let server = make_server("localhost", 0, app).unwrap();
    let addresses: Vec<SocketAddr> = server.addresses().collect();
    assert!(addresses[0].ip().is_loopback() && addresses[0].port() != 0, "{addresses:?}");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = std::thread::spawn(|| {
        server.serve_until(async { stopped.await.map_err(io::Error::other) })
    });
    let response = get(addresses[0], "/");
    assert_eq!((response.status, response.text()), (200, "linked in\n"));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    let mut client = Http2::open(addresses[0]);
    let sent = client.get("/");
    assert_eq!(client.response(sent).unwrap().text(), "linked in\n");
    drop(client);
    stop.send(()).unwrap();
    serving.join().unwrap().unwrap();
}

/// An application of a program, behind a front server that is at this socket.
fn answers_behind_a_front(protocol: &str, incoming: Incoming, address: &str) {
    let make = match protocol {
        "fastcgi" => fastcgi::make_server,
        "scgi" => scgi::make_server,
        _ => uwsgi::make_server,
    };
    let server = make(incoming, length).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = std::thread::spawn(|| {
        server.serve_until(async { stopped.await.map_err(io::Error::other) })
    });
    let variables = post("/x", 5);
    let answer = match protocol {
        "fastcgi" => {
            let mut front = Front::open(address);
            front.send(&records(1, 1, &variables, b"hello"));
            front.answer(1)
        }
        _ => {
            let mut wire = Wire::open(address);
            let known = Protocol::ALL.into_iter().find(|it| it.name() == protocol);
            wire.send(&[known.unwrap().head(&variables), b"hello".to_vec()].concat());
            wire.answer()
        }
    };
    assert_eq!((answer.status, &*answer.text()), (200, "5 bytes of /x\n"), "{protocol}");
    stop.send(()).unwrap();
    serving.join().unwrap().unwrap();
}

#[test]
fn a_program_may_stand_behind_a_front_server() {
    let folder = tempfile::tempdir().unwrap();
    for protocol in ["fastcgi", "scgi", "uwsgi"] {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap().to_string();
        answers_behind_a_front(protocol, tcp.into(), &address);
        let path = folder.path().join(protocol);
        let unix = UnixListener::bind(&path).unwrap();
        answers_behind_a_front(protocol, unix.into(), &format!("unix:{}", path.display()));
    }
}

#[test]
fn an_async_function_may_be_linked_in() {
    let server = Linked::start(Limits::default(), length);
    let post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(request(server.address(), post).text(), "5 bytes of /x\n");
}

#[test]
fn a_closure_may_be_linked_in_and_is_held_to_the_same_rules() {
    let (tell, told) = mpsc::channel();
    let app = move |environ: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        if &environ["PATH_INFO"] == "/panic" {
            panic!("on purpose");
        }
        start_response("200 OK", &[("Connection", "close"), ("Content-Length", "3")])?;
        let tell = tell.clone();
        Ok(Body::blocks(["abc", "def"]).on_close(move |outcome, sent| {
            // The test may be over.
            let _ = tell.send((outcome, sent));
        }))
    };
    let server = Linked::start(Limits::default(), app);
    let mut connection = Connection::open(server.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = connection.response().unwrap();
    assert_eq!((response.text(), response.header("connection")), ("abc", None));
    assert_eq!(told.recv_timeout(DEADLINE).unwrap(), (dsgi::Outcome::Completed, 3));
    assert_eq!(connection.response().unwrap().status, 500);
}

#[test]
fn a_server_finishes_what_is_in_hand_when_it_is_told_to_stop() {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (tell, called) = mpsc::channel();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let app = move |_: Environ, start_response: StartResponse| -> dsgi::Result<_> {
        tell.send(())?;
        may_go_on.lock().map_err(|_| dsgi::Error::new("another call panicked"))?.recv()?;
        start_response("200 OK", &[])?;
        Ok(["done\n"])
    };
    let mut server = Linked::start(Limits::default(), app);
    let mut connection = Connection::open(server.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    called.recv_timeout(DEADLINE).unwrap();
    server.stop();
    go_on.send(()).unwrap();
    assert_eq!(connection.response().unwrap().text(), "done\n");
    server.wait().unwrap();
}

#[test]
fn an_address_that_is_taken_is_an_error_with_a_cause() {
    let server = make_server("127.0.0.1", 0, app).unwrap();
    let port = server.addresses().next().unwrap().port();
    let error = make_server("127.0.0.1", port, app).expect_err("the port was given twice");
    assert!(matches!(error, ServeError::Listen(_)), "{error:?}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}
