//! Forwarders that a listener trusts say who the client is; nobody else does.

use crate::harness::doors::{Answer, Protocol, Wire, get, set};
use crate::harness::fastcgi::{Front, request};
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use http::Request;
use std::path::Path;

/// A host with these listeners; `PATH` is a folder for sockets.
fn host(folder: &Path, listeners: &[&str]) -> Host {
    let mut text = format!(
        "apps.environ.path = \"{}\"\nmount = [{{ path = \"/\", app = \"environ\" }}]\n",
        sample("environ").display()
    );
    for listener in listeners {
        let keys = listener.replace("PATH", &folder.display().to_string());
        text.push_str(&format!("[[listen]]\n{}\n", keys.replace("; ", "\n")));
    }
    let file = folder.join("host.toml");
    std::fs::write(&file, text).unwrap();
    Launch::new().arg("--config").arg(file).start_with_its_own_listeners(listeners.len())
}

const FIELDS: &str = "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
                      Forwarded: for=\"203.0.113.10:4712\";proto=https\r\n";

fn over_http(address: &str, before: &[u8], fields: &str) -> Answer {
    let mut wire = Wire::open(address);
    let get = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}Connection: close\r\n\r\n");
    wire.send(&[before, get.as_bytes()].concat());
    wire.answer()
}

/// Address, port and scheme.
fn client(answer: &Answer) -> String {
    let environ = answer.environ();
    let of = |key: &str| environ.get(key).map_or("-", String::as_str).to_owned();
    format!("{} {} {}", of("REMOTE_ADDR"), of("REMOTE_PORT"), of("dsgi.url_scheme"))
}

#[test]
fn a_trusted_peer_names_the_client_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(
        folder.path(),
        &[
            "bind = \"127.0.0.1:0\"; trusted = [\"127.0.0.0/8\"]",
            "bind = \"127.0.0.1:0\"; trusted = [\"127.0.0.1\"]; forwarded = \"forwarded\"",
            "bind = \"unix:PATH/a.sock\"; trusted = [\"unix\"]",
            "bind = \"127.0.0.1:0\"; trusted = [\"192.0.2.7\"]; proxy_protocol = true",
        ],
    );
    let [x, forwarded, unix, proxied] = host.addresses() else { panic!("{host:?}") };
    for address in [x, unix] {
        assert_eq!(client(&over_http(address, b"", FIELDS)), "203.0.113.9 - https");
    }
    assert_eq!(client(&over_http(forwarded, b"", FIELDS)), "203.0.113.10 4712 https");
    let balancer = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n";
    assert_eq!(client(&over_http(proxied, balancer, FIELDS)), "203.0.113.9 - https");
    let other = b"PROXY TCP4 192.0.2.8 192.0.2.1 4711 80\r\n";
    assert_eq!(client(&over_http(proxied, other, FIELDS)), "192.0.2.8 4711 http");
    // The fields themselves stay what they are.
    let environ = over_http(x, b"", FIELDS).environ();
    assert_eq!(environ["HTTP_X_FORWARDED_FOR"], "198.51.100.1, 203.0.113.9");
    // Each request of a connection names its own.
    let mut client = Http2::open(host.address());
    for address in ["203.0.113.1", "203.0.113.2"] {
        let request = Request::get("http://a.test/").header("x-forwarded-for", address);
        let sent = client.send(request.header("x-forwarded-proto", "https").body(String::new()));
        let text = client.response(sent).unwrap().text().to_owned();
        assert!(text.contains(&format!("REMOTE_ADDR={address}\n")), "{text}");
        assert!(text.contains("dsgi.url_scheme=https\n"), "{text}");
    }
}

#[test]
fn nobody_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(
        folder.path(),
        &[
            "bind = \"127.0.0.1:0\"",
            "bind = \"127.0.0.1:0\"; trusted = [\"10.0.0.0/8\", \"unix\"]",
            "bind = \"127.0.0.1:0\"; trusted = [\"127.0.0.1\"]",
            "bind = \"unix:PATH/a.sock\"; trusted = [\"127.0.0.1\"]",
        ],
    );
    let [plain, others, ours, unix] = host.addresses() else { panic!("{host:?}") };
    for address in [plain, others] {
        let seen = client(&over_http(address, b"", FIELDS));
        assert!(seen.starts_with("127.0.0.1 ") && seen.ends_with(" http"), "{seen}");
    }
    let environ = over_http(unix, b"", FIELDS).environ();
    assert_eq!(environ["dsgi.url_scheme"], "http");
    assert_eq!(environ.get("REMOTE_ADDR").map_or("", String::as_str), "");
    // What cannot be read changes nothing.
    for fields in
        ["X-Forwarded-For: unknown\r\nX-Forwarded-Proto: https\r\n", "Forwarded: for=1.1.1.1\r\n"]
    {
        let seen = client(&over_http(ours, b"", fields));
        assert!(seen.starts_with("127.0.0.1 ") && seen.ends_with(" http"), "{seen}");
    }
}

/// A front says who its own client is, and that may be a forwarder.
#[test]
fn the_client_of_a_front_may_be_a_forwarder() {
    let folder = tempfile::tempdir().unwrap();
    let listeners = ["fastcgi", "scgi", "uwsgi"].map(|protocol| {
        format!("bind = \"127.0.0.1:0\"; protocol = \"{protocol}\"; trusted = [\"192.0.2.0/24\"]")
    });
    let listeners: Vec<&str> = listeners.iter().map(String::as_str).collect();
    let host = host(folder.path(), &listeners);
    let mut variables = get("/");
    set(&mut variables, "HTTP_X_FORWARDED_FOR", "203.0.113.9:4712");
    set(&mut variables, "HTTP_X_FORWARDED_PROTO", "https");
    for (remote, expected) in
        [("192.0.2.7", "203.0.113.9 4712 https"), ("198.51.100.1", "198.51.100.1 4711 http")]
    {
        set(&mut variables, "REMOTE_ADDR", remote);
        for (address, protocol) in host.addresses()[1..].iter().zip(Protocol::ALL) {
            let mut wire = Wire::open(address);
            wire.send(&protocol.head(&variables));
            assert_eq!(client(&wire.answer()), expected, "{address}");
        }
        let mut front = Front::open(&host.addresses()[0]);
        front.send(&request(1, 0, &variables, b""));
        assert_eq!(client(&front.answer(1)), expected);
    }
}
