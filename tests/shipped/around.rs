//! Layers that look at a request before it goes on: `request-id`, `basic-auth`, `cors`,
//! `rate-limit`.

use super::{ENGINE, Site, curl_text};
use crate::harness::client::{Response, request};
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample};
use std::fs;
use std::net::SocketAddr;

fn ask(address: SocketAddr, method: &str, fields: &[(&str, &str)]) -> Response {
    let fields = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let fields: String = fields.collect();
    request(address, format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

/// What the sample `environ` says of one key.
fn told<'a>(response: &'a Response, key: &str) -> Option<&'a str> {
    let lines = response.text().lines();
    lines.filter_map(|line| line.split_once('=')).find(|(name, _)| *name == key).map(|(_, it)| it)
}

#[test]
fn a_request_has_one_name_inside_and_outside() {
    for layer in ["request-id", sample("request-id").to_str().unwrap()] {
        let site = Site::start("environ", layer, &[]);
        let mut names = Vec::new();
        for sent in [&[][..], &[("X-Request-Id", "mine")]] {
            let response = ask(site.address(), "GET", sent);
            let outside = response.header("x-request-id").unwrap().to_owned();
            assert_eq!(told(&response, "HTTP_X_REQUEST_ID"), Some(&*outside));
            assert_eq!(response.headers_named("x-request-id").count(), 1);
            names.push(outside);
        }
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() == 32), "{names:?}");
    }
    let site = Site::start("environ", "request-id", &["request-id.incoming=keep"]);
    let kept = ask(site.address(), "GET", &[("X-Request-Id", "mine")]);
    assert_eq!(kept.header("x-request-id"), Some("mine"));
    assert_eq!(told(&kept, "HTTP_X_REQUEST_ID"), Some("mine"));
    let replaced = ask(site.address(), "GET", &[("X-Request-Id", "no name")]);
    assert_eq!(replaced.header("x-request-id").unwrap().len(), 32);
}

#[test]
fn only_who_has_a_password_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, format!("ada:{ENGINE}\n")).unwrap();
    let setting = format!("basic-auth.users={}", users.display());
    for layer in ["basic-auth", sample("basic-auth").to_str().unwrap()] {
        let site = Site::start("environ", layer, &[&setting, "basic-auth.realm=the office"]);
        let none = ask(site.address(), "GET", &[]);
        assert_eq!((none.status, none.text()), (401, "name and password, please\n"));
        let challenge = "Basic realm=\"the office\", charset=\"UTF-8\"";
        assert_eq!(none.header("www-authenticate"), Some(challenge));
        for (user, status) in [("ada:engine", "200"), ("ada:Engine", "401"), ("bob:engine", "401")]
        {
            let options = ["--user", user, "--write-out", "%{http_code}", "--output", "/dev/null"];
            assert_eq!(curl_text(site.address(), "/", &options), status, "{user}");
        }
        let said = curl_text(site.address(), "/", &["--user", "ada:engine"]);
        assert!(said.contains("REMOTE_USER=ada\n") && said.contains("AUTH_TYPE=Basic\n"), "{said}");
        assert!(!said.contains("AUTHORIZATION"), "the password went on: {said}");
    }
    let site = Site::start("environ", "basic-auth", &[&setting]);
    fs::write(&users, format!("grace:{ENGINE}\n")).unwrap();
    eventually("the new user", || {
        let options = ["--user", "grace:engine", "--write-out", "%{http_code}"];
        curl_text(site.address(), "/", &options).ends_with("200").then_some(())
    });
}

/// Linked in and as libraries: the crate's name is the same.
#[test]
fn what_layers_know_is_read_typed() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    fs::write(&users, format!("ada:{ENGINE}\n")).unwrap();
    let users = format!("basic-auth.users={}", users.display());
    let named = |kind: &str| format!("{kind}={}", sample(kind).display());
    for [id, auth] in
        [["request-id", "basic-auth"].map(String::from), [named("request-id"), named("basic-auth")]]
    {
        let launch = Launch::new().arg("--load").arg(fault_app("visitor"));
        let host = launch.args(["--enable", &id, "--enable", &auth, "--set", &users]).start();
        let response = request(
            host.address(),
            "GET /who HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWRhOmVuZ2luZQ==\r\n\r\n",
        );
        let id = response.header("x-request-id").unwrap();
        assert_eq!(response.text(), format!("ada in {id}"), "{}", host.log());
    }
}

#[test]
fn pages_of_named_origins_are_let_in() {
    let settings = ["cors.origins=[\"https://a.example\"]", "cors.expose=[\"X-Total\"]"];
    for layer in ["cors", sample("cors").to_str().unwrap()] {
        let site = Site::start("hello", layer, &settings);
        let fields = |response: &Response| {
            let names = ["access-control-allow-origin", "access-control-expose-headers", "vary"];
            names.map(|name| response.header(name).unwrap_or("-").to_owned())
        };
        let own = ask(site.address(), "GET", &[("Origin", "https://a.example")]);
        assert_eq!(own.text(), "I'm a DSGI application.\n");
        assert_eq!(fields(&own), ["https://a.example", "X-Total", "Origin"]);
        for others in [&[][..], &[("Origin", "https://b.example")]] {
            let response = ask(site.address(), "GET", others);
            assert_eq!(
                (response.status, fields(&response)),
                (200, ["-", "-", "Origin"].map(Into::into))
            );
        }
        let asks = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "POST")];
        let preflight = ask(site.address(), "OPTIONS", &asks);
        assert_eq!((preflight.status, &*preflight.body), (204, b"".as_slice()));
        assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD, POST"));
        // Without the question it is a request like any other.
        let plain = ask(site.address(), "OPTIONS", &asks[..1]);
        assert_eq!(plain.text(), "I'm a DSGI application.\n");
    }
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let settings = ["rate-limit.requests=2", "rate-limit.seconds=3600", "rate-limit.by=X-Key"];
    for layer in ["rate-limit", sample("rate-limit").to_str().unwrap()] {
        let site = Site::start("hello", layer, &settings);
        for key in ["one", "two"] {
            let statuses = [(); 3].map(|()| ask(site.address(), "GET", &[("X-Key", key)]).status);
            assert_eq!(statuses, [200, 200, 429], "{key}");
        }
        let refused = ask(site.address(), "GET", &[("X-Key", "one")]);
        assert_eq!(refused.text(), "too many requests\n");
        let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=1800).contains(&seconds), "{seconds}");
        // Without the field it is the address that counts.
        let options = ["--write-out", "%{http_code}", "--output", "/dev/null"];
        let statuses = [(); 3].map(|()| curl_text(site.address(), "/", &options));
        assert_eq!(statuses, ["200", "200", "429"]);
    }
}
