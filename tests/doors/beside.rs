//! What a front tells beside the request line and the fields: it reaches applications by every
//! door, and a client cannot say it.

use super::peer::{Door, LISTEN};
use crate::harness::doors::{Answer, Wire, get, variables};
use crate::harness::host::Launch;
use crate::harness::libraries::sample;
use std::collections::BTreeMap;

/// What the front says, and what its client has sent as fields.
const SAID: &[(&str, &str)] = &[
    ("REMOTE_USER", "ada"),
    ("AUTH_TYPE", "Basic"),
    ("SSL_PROTOCOL", "TLSv1.3"),
    ("shop.currency", "EUR"),
    ("REMOTE_HOST", ""),
    ("DOCUMENT_ROOT", "/srv/one"),
    ("DOCUMENT_ROOT", "/srv/two"),
    ("dsgi.url_scheme", "gopher"),
    ("SERVER_ADMIN", "root"),
    ("HTTP_REMOTE_USER", "evil"),
    ("HTTP_AUTH_TYPE", "None"),
];

/// What comes of it.
const SEEN: &[(&str, Option<&str>)] = &[
    ("REMOTE_USER", Some("ada")),
    ("AUTH_TYPE", Some("Basic")),
    ("SSL_PROTOCOL", Some("TLSv1.3")),
    ("shop.currency", Some("EUR")),
    ("REMOTE_HOST", None),
    ("DOCUMENT_ROOT", Some("/srv/two")),
    ("dsgi.url_scheme", Some("http")),
    ("SERVER_ADMIN", None),
    ("HTTP_REMOTE_USER", Some("evil")),
    ("HTTP_AUTH_TYPE", Some("None")),
];

fn said() -> Vec<(String, String)> {
    [get("/"), variables(SAID)].concat()
}

fn look(door: &str, environ: &BTreeMap<String, String>) {
    for (name, value) in SEEN {
        assert_eq!(environ.get(*name).map(String::as_str), *value, "{door}: {name}");
    }
}

#[test]
fn it_is_in_the_environ_by_every_door() {
    let host = Launch::new().arg("--load").arg(sample("environ")).args(LISTEN).start();
    for door in Door::ALL {
        look(&format!("{door:?}"), &door.ask(&host, &said(), b"").environ());
    }
    // A process has each variable once.
    let launch = Launch::new().env("GATEWAY_INTERFACE", "CGI/1.1");
    let launch = said().iter().fold(launch, |launch, (name, value)| launch.env(name, value));
    let output = launch.arg("cgi").arg(sample("environ")).run();
    look("cgi", &Answer::read(&output.stdout).environ());
    // By HTTP there is nobody to say any of it, whatever a client calls its fields.
    let mut wire = Wire::open(&host.addresses()[Door::ALL.len()]);
    wire.send(
        b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nRemote-User: evil\r\n\
          REMOTE_USER: evil\r\nshop.currency: 0\r\n\r\n",
    );
    let environ = wire.answer().environ();
    assert_eq!(environ.get("HTTP_REMOTE_USER").map(String::as_str), Some("evil"));
    for name in ["REMOTE_USER", "AUTH_TYPE", "shop.currency"] {
        assert_eq!(environ.get(name), None, "{name}");
    }
}

/// A layer that sets a variable has the front's beside it, and in place of one of the same name.
#[test]
fn layers_add_to_what_a_front_tells() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, format!("grace:{}\n", crate::shipped::ENGINE)).unwrap();
    let host = Launch::new()
        .arg("--load")
        .arg(sample("environ"))
        .args(["--enable", "basic-auth", "--set"])
        .arg(format!("basic-auth.users={}", users.display()))
        .args(LISTEN)
        .start();
    for door in Door::ALL {
        let mut said = said();
        said.extend(variables(&[("HTTP_AUTHORIZATION", "Basic Z3JhY2U6ZW5naW5l")]));
        let environ = door.ask(&host, &said, b"").environ();
        for (name, value) in [("REMOTE_USER", "grace"), ("shop.currency", "EUR")] {
            assert_eq!(environ.get(name).map(String::as_str), Some(value), "{door:?}: {name}");
        }
    }
}
