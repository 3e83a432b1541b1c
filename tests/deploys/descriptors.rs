//! A host that may open no more: each deploy is refused with one line, connections wait, and what
//! serves goes on.

use super::{path, says, shop};
use crate::harness::client::Connection;
use crate::harness::operated::Operated;
use rustix::process::Resource;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// As long as the host waits between two attempts to accept a connection.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A connection to the control socket that was accepted already.
struct Control(UnixStream);

impl Control {
    fn open(host: &Operated) -> Self {
        let mut stream = UnixStream::connect(host.socket()).unwrap();
        stream.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        Self(stream)
    }

    /// Asks for a deploy; its status and what is said of it.
    fn deploy(mut self, file: &Path) -> (u16, Value) {
        let body = format!("{{\"file\":\"{}\"}}", path(file));
        let request = format!(
            "POST /v1/apps/shop/deployments HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
    }
}

/// The limit with which a process may open so many more.
fn limit_with(process: u32, free: u64) -> u64 {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let open: BTreeSet<u64> = entries
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
        .collect();
    let mut unused = (0..).filter(|number| !open.contains(number));
    unused.nth(usize::try_from(free).unwrap()).unwrap()
}

#[test]
fn a_host_without_descriptors_refuses_and_serves_on() {
    let versions = [says("first"), says("second")];
    let host = shop(&versions[0]);
    host.deploy("shop", &versions[1]);
    host.deploy("shop", &versions[0]);
    let none = |app: &Value| app["retained"] == Value::from([(); 0]);
    host.wait_for_app("shop", "the end of all others", none);
    let mut connection = Connection::open(host.address());
    let mut serves = |text: &str| {
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.response().unwrap().text(), text);
    };
    serves("first\n");
    let before = host.possessions();
    let (mut taken, mut refused) = (0, 0);
    for free in 0..=14 {
        let control = Control::open(&host);
        host.limit(Resource::Nofile, Some(limit_with(host.pid(), free)));
        let (next, text) = if taken % 2 == 0 { (1, "second\n") } else { (0, "first\n") };
        let (status, said) = control.deploy(&versions[next]);
        host.limit(Resource::Nofile, None);
        let serving = if taken % 2 == 0 { "first\n" } else { "second\n" };
        match status {
            200 => {
                taken += 1;
                serves(text);
            }
            507 => {
                refused += 1;
                let (detail, help) = (said["detail"].as_str(), said["help"].as_str());
                assert!(detail.unwrap().contains("Too many open files"), "{free}: {said}");
                assert!(help.unwrap().contains("ulimit -n"), "{free}: {said}");
                assert_eq!(said["exit"], 1, "{free}: {said}");
                serves(serving);
            }
            _ => panic!("with {free} free: {said}"),
        }
        host.wait_for_app("shop", "the end of all others", none);
    }
    assert!(taken > 0 && refused > 3, "{taken} taken, {refused} refused");
    host.wait_for_no_more_than(&before);
}

#[test]
fn connections_wait_until_there_are_descriptors() {
    let host = shop(&says("first"));
    let mut old = Connection::open(host.address());
    let ask = |connection: &mut Connection| {
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    };
    ask(&mut old);
    assert_eq!(old.response().unwrap().text(), "first\n");
    let started = Instant::now();
    host.limit(Resource::Nofile, Some(limit_with(host.pid(), 0)));
    let mut new = [(); 4].map(|()| Connection::open(host.address()));
    new.iter_mut().for_each(ask);
    let tries = host.wait_for_logs("cannot accept a connection: Too many open files", 3).len();
    // However late this looks, there were no more than that.
    let most = started.elapsed().as_millis() / BACK_OFF.as_millis() + 2;
    assert!(tries as u128 <= most, "{tries} tries, at most {most}");
    ask(&mut old);
    assert_eq!(old.response().unwrap().text(), "first\n");
    host.limit(Resource::Nofile, None);
    for connection in &mut new {
        assert_eq!(connection.response().unwrap().text(), "first\n");
    }
    host.deploy("shop", &says("second"));
    ask(&mut old);
    assert_eq!(old.response().unwrap().text(), "second\n");
}
