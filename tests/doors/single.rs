//! SCGI and uwsgi: one request for each connection, over TCP and Unix sockets.

use crate::harness::doors::{Protocol, Wire, get, post, set};
use crate::harness::fastcgi::{Front, request};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use std::io::Read;

/// A host with an application, listening for everything; where it listens, in the same order.
fn host(app: &str, protocol: Protocol) -> Host {
    let listen = format!("{}://127.0.0.1:0", protocol.name());
    Launch::new().arg("--load").arg(sample(app)).args(["--listen", &listen]).start()
}

#[test]
fn a_request_goes_the_way_of_http() {
    let folder = tempfile::tempdir().unwrap();
    for protocol in Protocol::ALL {
        let (name, path) = (protocol.name(), folder.path().join(protocol.name()));
        let host = Launch::new()
            .args(["--mount".into(), format!("/app={}", sample("environ").display())])
            .args(["--listen", &format!("{name}://127.0.0.1:0")])
            .args(["--listen", &format!("{name}://unix:{}", path.display())])
            .start();
        assert_eq!(host.addresses()[1], format!("{name}://unix:{}", path.display()));
        for address in host.addresses() {
            let mut wire = Wire::open(address);
            let mut variables = get("/app/a%2Fb?x=1");
            variables.push((String::from("HTTP_COOKIE"), String::from("a=1")));
            variables.push((String::from("HTTP_COOKIE"), String::from("b=2")));
            wire.send(&protocol.head(&variables));
            let answer = wire.answer();
            assert_eq!(answer.first, format!("{}200 OK", protocol.opening()));
            assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
            let environ = answer.environ();
            for (key, value) in [
                ("SCRIPT_NAME", "/app"),
                ("PATH_INFO", "/a/b"),
                ("REQUEST_URI", "/app/a%2Fb?x=1"),
                ("HTTP_COOKIE", "a=1; b=2"),
                ("SERVER_NAME", "a.test"),
                ("SERVER_PORT", "8081"),
                ("REMOTE_ADDR", "192.0.2.7"),
                ("dsgi.gateway", name),
                ("dsgi.run_once", "false"),
            ] {
                assert_eq!(environ.get(key).map(String::as_str), Some(value), "{key}");
            }
            assert_eq!(environ.get("HTTP_PROXY"), None);
            let mut wire = Wire::open(address);
            wire.send(&protocol.head(&get("/elsewhere")));
            assert_eq!(wire.answer().status, 404);
        }
    }
}

#[test]
fn a_body_of_any_size_comes_as_it_is_read() {
    let body: Vec<u8> = (0..10_000_000_u32).map(|number| (number % 251) as u8).collect();
    for protocol in Protocol::ALL {
        let host = host("upload", protocol);
        for length in [0, 1, body.len()] {
            let mut wire = Wire::open(&host.addresses()[0]);
            // What is more than the host keeps is taken only as the answer is.
            let sent = protocol.head(&post("/", length));
            let (mut write, body) = (Wire::open_again(&wire), body[..length].to_vec());
            let sending = std::thread::spawn(move || {
                write.send(&sent);
                write.send(&body);
                body
            });
            let answer = wire.answer();
            assert!(answer.body == sending.join().unwrap(), "{protocol:?}, {length} bytes");
        }
    }
}

#[test]
fn a_byte_at_a_time_is_the_same_request() {
    for protocol in Protocol::ALL {
        let host = host("upload", protocol);
        let mut wire = Wire::open(&host.addresses()[0]);
        let mut bytes = protocol.head(&post("/", 5));
        bytes.extend(b"hello");
        bytes.chunks(1).for_each(|byte| wire.send(byte));
        assert_eq!(wire.answer().text(), "hello");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for (protocol, bytes, status, why) in [
        (Protocol::Scgi, b"x".to_vec(), 400, "does not begin with the length"),
        (Protocol::Scgi, b"3:abc,".to_vec(), 400, "string without its end"),
        (Protocol::Scgi, b"999999999:".to_vec(), 431, "bytes of variables"),
        (Protocol::Uwsgi, vec![5, 0, 0, 0], 501, "modifiers 5 and 0"),
        (Protocol::Uwsgi, vec![0, 3, 0, 0, 9, 9, 9], 400, "longer than all"),
    ] {
        let host = host("hello", protocol);
        let mut wire = Wire::open(&host.addresses()[0]);
        wire.send(&bytes);
        let answer = wire.answer();
        assert_eq!(answer.status, status, "{}", answer.text());
        host.wait_for_log(why);
        let mut wire = Wire::open(&host.addresses()[0]);
        let mut variables = get("/");
        set(&mut variables, "HTTP_HOST", "a/b");
        wire.send(&protocol.head(&variables));
        let answer = wire.answer();
        assert_eq!((answer.status, answer.header("connection")), (400, None));
    }
}

#[test]
fn what_must_not_be_sent_is_not() {
    for (protocol, flavour) in Protocol::ALL
        .into_iter()
        .flat_map(|one| [Flavour::Pool, Flavour::Async].map(|flavour| (one, flavour)))
    {
        let launch = Launch::new().breaking(&["body-length", "content-type-missing"]);
        let listen = format!("{}://127.0.0.1:0", protocol.name());
        let host = Misbehaving::launched(flavour, launch.args(["--listen", &listen]));
        let ask = |method: &str, target: &str| {
            let mut wire = Wire::open(&host.addresses()[0]);
            let mut variables = get(target);
            set(&mut variables, "REQUEST_METHOD", method);
            wire.send(&protocol.head(&variables));
            wire.rest()
        };
        let answer = |method, target| {
            let (bytes, end) = ask(method, target);
            end.unwrap();
            crate::harness::doors::Answer::read(&bytes)
        };
        let excess = answer("GET", "/answer?header=Content-Length:4&block=abc&block=def");
        assert_eq!((excess.header("content-length"), &*excess.text()), (Some("4"), "abcd"));
        for (method, target) in [
            ("HEAD", "/answer?block=abc"),
            ("GET", "/answer?status=204&block=abc"),
            ("GET", "/answer?status=304&block=abc"),
        ] {
            assert_eq!(answer(method, target).body, b"", "{method} {target}");
        }
        // A response that ends too early does not end in order.
        for target in ["/answer?header=Content-Length:7&block=abc", "/error/middle"] {
            let (bytes, end) = ask("GET", target);
            assert!(end.is_err(), "{target} looks whole: {}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn a_client_that_leaves_ends_its_request() {
    for protocol in Protocol::ALL {
        let listen = format!("{}://127.0.0.1:0", protocol.name());
        let host = Misbehaving::start_with(Flavour::Async, ["--listen", &listen]);
        let mut wire = Wire::open(&host.addresses()[0]);
        wire.send(&protocol.head(&get("/endless")));
        let mut first = [0; 1];
        wire.read_exact(&mut first).unwrap();
        drop(wire);
        host.wait_for_log("app: closed ClientGone");
    }
}

#[test]
fn all_doors_lead_to_one_application() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("http.sock").display());
    let host = Launch::new()
        .arg("--load")
        .arg(sample("hello"))
        .args(["--listen", "scgi://127.0.0.1:0", "--listen", "uwsgi://127.0.0.1:0"])
        .args(["--listen", "127.0.0.1:0", "--listen", &path])
        .start();
    let fronts = host.addresses().iter().zip(Protocol::ALL).map(|(address, protocol)| {
        let mut wire = Wire::open(address);
        wire.send(&protocol.head(&get("/")));
        wire.answer()
    });
    let clients = host.addresses()[2..].iter().map(|address| {
        assert!(address.starts_with("http://"), "{address}");
        let mut wire = Wire::open(address);
        wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        wire.answer()
    });
    let answers: Vec<_> = fronts.chain(clients).collect();
    assert_eq!(answers.len(), 4);
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body));
    }
}

#[test]
fn a_file_goes_out_as_it_is() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..400_000_u32).map(|number| (number % 251) as u8).collect();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let target = format!("/file?path={}&offset=7&length=399000", file.path().display());
    let launch = Launch::new().breaking(&["content-type-missing"]);
    let launch = launch.args(["--listen", "scgi://127.0.0.1:0", "--listen", "uwsgi://127.0.0.1:0"]);
    let launch = launch.args(["--listen", "fastcgi://127.0.0.1:0"]);
    let host = Misbehaving::launched(Flavour::Async, launch);
    for (address, protocol) in host.addresses().iter().zip(Protocol::ALL) {
        let mut wire = Wire::open(address);
        wire.send(&protocol.head(&get(&target)));
        assert!(wire.answer().body == bytes[7..399_007], "{protocol:?}");
    }
    let mut front = Front::open(&host.addresses()[2]);
    front.send(&request(1, 0, &get(&target), b""));
    assert!(front.answer(1).body == bytes[7..399_007]);
}

#[test]
fn an_answer_that_came_early_is_not_taken_back() {
    for protocol in Protocol::ALL {
        let host = host("hello", protocol);
        let early = protocol.head(&post("/", 300_000));
        let refused = match protocol {
            Protocol::Scgi => b"999999999:".to_vec(),
            Protocol::Uwsgi => vec![5, 0, 0, 0],
        };
        let mut unmappable = post("/", 300_000);
        set(&mut unmappable, "HTTP_HOST", "a/b");
        for head in [early, refused, protocol.head(&unmappable)] {
            let mut wire = Wire::open(&host.addresses()[0]);
            wire.send(&head);
            let mut first = [0; 1];
            wire.read_exact(&mut first).unwrap();
            // Whoever has closed its socket answers this with a reset, which takes back what was
            // not read yet.
            for _ in 0..3 {
                wire.send(&[b'x'; 1000]);
            }
            let (rest, end) = wire.rest();
            end.unwrap();
            assert!(rest.ends_with(b"\n"), "{protocol:?}: {}", String::from_utf8_lossy(&rest));
        }
    }
}
