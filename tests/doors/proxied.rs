//! Listeners behind a load balancer that says who is there: the PROXY protocol, versions 1 and 2.

use crate::harness::DEADLINE;
use crate::harness::doors::{Answer, Protocol, Wire, get};
use crate::harness::fastcgi::{Front, request};
use crate::harness::fronts::printed::Places;
use crate::harness::fronts::{Front as Server, Kind, installed};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use crate::harness::skip::skip;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

const V1: &[u8] = b"PROXY TCP4 203.0.113.9 198.51.100.1 4712 8443\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn version_2(command: u8, kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x20 | command, kind], &length, content].concat()
}

/// The same ends in version 2, with something behind them.
fn v2() -> Vec<u8> {
    let ends = [203, 0, 113, 9, 198, 51, 100, 1, 0x12, 0x68, 0x20, 0xfb, 0x04, 0, 2, 0, 0];
    version_2(1, 0x11, &ends)
}

/// A host that listens at a port and at a Unix socket for each of these, behind the header.
fn host(folder: &Path, protocols: &[&str], more: &str) -> Host {
    let mut text = format!(
        "apps.environ.path = \"{}\"\nmount = [{{ path = \"/\", app = \"environ\" }}]\n{more}\n",
        sample("environ").display()
    );
    for protocol in protocols {
        let unix = format!("unix:{}", folder.join(protocol).display());
        for bind in ["127.0.0.1:0", &unix] {
            let _ = write!(
                text,
                "[[listen]]\nbind = \"{bind}\"\nprotocol = \"{protocol}\"\nproxy_protocol = true\n"
            );
        }
    }
    let file = folder.join("host.toml");
    std::fs::write(&file, text).unwrap();
    Launch::new().arg("--config").arg(file).start_with_its_own_listeners(2 * protocols.len())
}

/// What an application sees of a request over HTTP/1.1 behind this header.
fn over_http(address: &str, header: &[u8]) -> Answer {
    let mut wire = Wire::open(address);
    let get = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    wire.send(&[header, get].concat());
    wire.answer()
}

fn has(answer: &Answer, rows: &[(&str, &str)]) {
    let environ = answer.environ();
    for (key, value) in rows {
        assert_eq!(environ.get(*key).map(String::as_str), Some(*value), "{key}: {environ:?}");
    }
}

const SAID: &[(&str, &str)] = &[
    ("REMOTE_ADDR", "203.0.113.9"),
    ("REMOTE_PORT", "4712"),
    ("SERVER_PORT", "8443"),
    ("SERVER_NAME", "a.test"),
];

#[test]
fn the_environ_has_whom_the_header_names() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &["http"], "");
    let [tcp, unix] = host.addresses() else { panic!("{:?}", host.addresses()) };
    for address in [tcp, unix] {
        for header in [V1, &v2()] {
            has(&over_http(address, header), SAID);
        }
        let of_local = over_http(address, &version_2(1, 0x31, &[b'/'; 216])).environ();
        assert_eq!(of_local.get("REMOTE_ADDR").map_or("", String::as_str), "");
    }
    // Who speaks for itself is who it is.
    for header in [&b"PROXY UNKNOWN\r\n"[..], &version_2(0, 0, b""), &version_2(1, 0, b"x")] {
        has(&over_http(tcp, header), &[("REMOTE_ADDR", "127.0.0.1")]);
    }
    let v6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n";
    has(&over_http(tcp, v6), &[("REMOTE_ADDR", "2001:db8::7"), ("SERVER_PORT", "2")]);
}

/// A header a connection, whatever comes later; and nothing of what follows is lost, however the
/// bytes come.
#[test]
fn a_header_stands_once_before_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &["http"], "");
    let get = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let mut wire = Wire::open(&host.addresses()[0]);
    wire.send(&[V1, get, &get[..get.len() - 2], b"Connection: close\r\n\r\n"].concat());
    let (bytes, end) = wire.rest();
    end.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("REMOTE_ADDR=203.0.113.9\n").count(), 2, "{text}");
    for header in [V1, &v2()] {
        let mut wire = Wire::open(&host.addresses()[0]);
        for byte in
            [header, b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"].concat()
        {
            wire.send(&[byte]);
        }
        has(&wire.answer(), SAID);
    }
    // A second one is no request.
    assert_eq!(over_http(&host.addresses()[0], &[V1, V1].concat()).status, 400);
}

#[test]
fn fronts_say_themselves_who_their_client_is() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &["fastcgi", "scgi", "uwsgi"], "");
    for (index, address) in host.addresses().iter().enumerate() {
        for header in [V1, &v2()] {
            let answer = match index / 2 {
                0 => {
                    let mut front = Front::open(address);
                    front.send(&[header, &request(1, 0, &get("/"), b"")].concat());
                    front.answer(1)
                }
                other => {
                    let mut wire = Wire::open(address);
                    wire.send(&[header, &Protocol::ALL[other - 1].head(&get("/"))].concat());
                    wire.answer()
                }
            };
            has(&answer, &[("REMOTE_ADDR", "192.0.2.7"), ("SERVER_PORT", "8081")]);
        }
    }
}

#[test]
fn who_says_nothing_or_something_else_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &["http", "fastcgi", "scgi", "uwsgi"], "");
    let get = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let bad: [&[u8]; 5] = [
        get,
        &[b"PROXY TCP4 203.0.113.9 198.51.100.1 4712\r\n", &get[..]].concat(),
        &[b"PROXY TCP4 203.0.113.9 198.51.100.1 4712 8443\n", &get[..]].concat(),
        &[&version_2(1, 0x11, &[1; 11]), &get[..]].concat(),
        &[SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat(),
    ];
    let mut refused = 0;
    for address in host.addresses() {
        for bytes in bad {
            let mut wire = Wire::open(address);
            // It may be closed before it has taken all of that.
            let _ = wire.write_all(bytes);
            let (answer, _) = wire.rest();
            assert!(answer.is_empty(), "{address}: {}", String::from_utf8_lossy(&answer));
            refused += 1;
        }
    }
    assert_eq!(host.wait_for_logs("is not served over", refused).len(), refused);
    let line = host.wait_for_log("is not served over http");
    assert!(line.contains("it does not begin with a header of the PROXY protocol"), "{line}");
    // Who only looks whether somebody listens is no news.
    drop(Wire::open(&host.addresses()[0]));
    has(&over_http(&host.addresses()[0], V1), SAID);
    assert_eq!(host.log().matches("is not served over").count(), refused);
}

#[test]
fn a_header_has_as_long_as_any_other_head() {
    let folder = tempfile::tempdir().unwrap();
    let host =
        host(folder.path(), &["http", "scgi"], "[server.limits]\nheader_timeout = \"300ms\"");
    // All at once, for each takes its time.
    let parts = [b"".to_vec(), V1[..20].to_vec(), v2()[..20].to_vec()];
    let begun = host.addresses().iter().flat_map(|address| {
        parts.each_ref().map(|part| {
            let mut wire = Wire::open(address);
            wire.send(part);
            (address, wire)
        })
    });
    for (address, mut wire) in begun.collect::<Vec<_>>() {
        assert!(wire.rest().0.is_empty(), "{address}");
    }
    // Nothing of it is left when the host is told to end.
    let mut wire = Wire::open(&host.addresses()[0]);
    wire.send(&V1[..20]);
    host.terminate();
    let (answer, _) = wire.rest();
    assert!(answer.is_empty());
}

#[test]
fn curl_says_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &["http"], "");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "60", "--haproxy-protocol", version])
            .args(["-w", "\nREMOTE_PORT=%{local_port}\n"])
            .arg(format!("http://{}/", host.address()))
            .output()
            .expect("curl is installed: see tests/install-tools");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("REMOTE_ADDR=127.0.0.1\n"), "{text}{output:?}");
        let ports: Vec<&str> =
            text.lines().filter(|line| line.starts_with("REMOTE_PORT=")).collect();
        assert!(ports.len() == 2 && ports[0] == ports[1], "{text}");
    }
}

const HAPROXY: Kind = Kind {
    program: "haproxy",
    around: "defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
PRINTED
",
    arguments: &["-db", "-f", "FILE"],
};

/// HAProxy before the host, as the document has it: it says who its own client is.
#[test]
fn haproxy_says_who_its_client_is() {
    let name = "doors::proxied::haproxy_says_who_its_client_is";
    if installed(HAPROXY.program).is_none() {
        return skip(name, "haproxy is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), &["http"], "");
    for send in ["send-proxy", "send-proxy-v2"] {
        let text = format!(
            "frontend all\n    mode tcp\n    bind 127.0.0.1:8000\n    default_backend host\n\
             backend host\n    mode tcp\n    server host 127.0.0.1:8080 {send}\n"
        );
        let places = Places::default().with("127.0.0.1:8080", host.address());
        let server = Server::with(&HAPROXY, &text, &places);
        let stream = TcpStream::connect(server.address()).unwrap();
        let port = stream.local_addr().unwrap().port().to_string();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut wire = Wire::Tcp(stream);
        wire.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        let front = server.address().port().to_string();
        has(
            &wire.answer(),
            &[("REMOTE_ADDR", "127.0.0.1"), ("REMOTE_PORT", &port), ("SERVER_PORT", &front)],
        );
    }
}
