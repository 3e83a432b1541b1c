//! One row for each request that a client may make of its own, and the status that every door
//! answers; where a door cannot be asked that way, or has rules of its own, the row says so.

use super::Attacked;
use super::witness::{Witness, http};
use crate::doors::peer::Door;
use crate::harness::client::Connection;
use crate::harness::doors::{Answer, Protocol, Wire, get, set};
use crate::harness::host::Launch;
use crate::harness::http2::Http2;
use std::io::{Seek, Write};

/// A door, by its name in the exceptions.
const DOORS: [&str; 6] = ["http", "http2", "fastcgi", "scgi", "uwsgi", "cgi"];

struct Row {
    method: &'static str,
    /// `LONG` stands for 9,000 letters, and `DEEP` for 3,000 folders.
    target: &'static str,
    /// `MANY` stands for 101 of them, and the value `HUGE` for 130 KiB.
    fields: &'static [(&'static str, &'static str)],
    body: &'static str,
    status: u16,
    /// Doors that answer something else; 0 where it cannot be said there.
    but: &'static [(&'static str, u16)],
}

const ROW: Row = Row { method: "GET", target: "/", fields: &[], body: "", status: 400, but: &[] };

const fn path(target: &'static str, status: u16) -> Row {
    Row { target, status, ..ROW }
}

const fn length(text: &'static [(&'static str, &'static str)], status: u16) -> Row {
    // Over HTTP/2 our own client sees to it, and one variable has one value.
    Row { method: "POST", fields: text, body: "x", status, but: &[("http2", 0)], ..ROW }
}

/// The environment has one value for each name, and no NUL.
const NOT_IN_CGI: &[(&str, u16)] = &[("http2", 0), ("cgi", 0)];

const ROWS: &[Row] = &[
    path("/a/../b", 400),
    path("/..", 400),
    path("/a/%2e%2e/b", 400),
    path("/.%2E/b", 400),
    path("/%2f..%2f", 400),
    path("/a%2f..", 400),
    path("/environ/../x", 400),
    path("/a%00b", 400),
    path("/a%4", 400),
    path("/a%zz", 400),
    path("/LONG", 414),
    path("/?LONG", 414),
    path("DEEP", 200),
    path("/a//b/...", 200),
    path("/%252e%252e/", 200),
    Row { target: "/a\0b", but: NOT_IN_CGI, ..ROW },
    Row { target: "/a b", but: &[("http2", 0)], ..ROW },
    Row { target: "a", but: &[("http2", 0)], ..ROW },
    Row { target: "*", but: &[("http2", 0)], ..ROW },
    Row { method: "G(T", but: &[("http2", 0)], ..ROW },
    Row { method: "CONNECT", target: "/x", status: 501, but: &[("http2", 0)], ..ROW },
    Row { fields: &[("Host", "a/b")], but: &[("http2", 0)], ..ROW },
    Row { fields: &[("Host", "user@a")], but: &[("http2", 0)], ..ROW },
    Row { fields: &[("Host", "a"), ("Host", "b")], but: NOT_IN_CGI, ..ROW },
    Row {
        method: "POST",
        fields: &[("Content-Length", "1"), ("Content-Length", "2")],
        body: "x",
        but: NOT_IN_CGI,
        ..ROW
    },
    length(&[("Content-Length", "+1")], 400),
    length(&[("Content-Length", "0x1")], 400),
    length(&[("Content-Length", "1, 2")], 400),
    length(&[("Content-Length", "-2")], 400),
    length(&[("Content-Length", "99999999999999999999")], 400),
    length(&[("Content-Length", "1")], 200),
    // To a client of HTTP these are two fields; a front that has made one of them is not believed.
    Row { fields: &[("X", "a\r\nEvil: b")], but: &[("http", 200), ("http2", 0)], ..ROW },
    Row { fields: &[("X", "a\nb")], but: &[("http2", 0)], ..ROW },
    Row { fields: &[("X", "a\0b")], but: NOT_IN_CGI, ..ROW },
    // A packet of uwsgi has 64 KiB, a variable of the environment 128, and a client of HTTP/2 is
    // told before how much is taken.
    Row {
        fields: &[("X", "HUGE")],
        status: 431,
        but: &[("http2", 0), ("uwsgi", 0), ("cgi", 0)],
        ..ROW
    },
    Row { fields: &[("MANY", "x")], status: 431, ..ROW },
    // httpoxy, and names that other variables would be taken for: `ask` looks at the environ.
    Row { target: "/environ", fields: &[("Proxy", "http://evil.test")], status: 200, ..ROW },
];

#[test]
fn every_door_declares_what_an_attacker_gets() {
    let attacked = Attacked::start();
    Witness::beside(&attacked.host, || {
        for (row, door) in ROWS.iter().flat_map(|row| DOORS.map(|door| (row, door))) {
            let other = row.but.iter().find(|(name, _)| *name == door);
            let expected = other.map_or(row.status, |(_, status)| *status);
            if expected == 0 {
                continue;
            }
            let what = format!("{door}: {} {} {:?}", row.method, row.target, row.fields);
            let (status, text) = row.ask(door, &attacked);
            assert_eq!(status, expected, "{what}: {text}");
            assert!(!text.contains("evil.test"), "{what}: {text}");
        }
    });
}

impl Row {
    fn target(&self) -> String {
        let target = self.target.replace("LONG", &"x".repeat(9000));
        target.replace("DEEP", &"/x".repeat(3000))
    }

    fn fields(&self) -> Vec<(String, String)> {
        let each = self.fields.iter().flat_map(|(name, value)| match *name {
            "MANY" => (0..101).map(|number| (format!("X-{number}"), "x".to_owned())).collect(),
            name => vec![(name.to_owned(), value.replace("HUGE", &"x".repeat(130 * 1024)))],
        });
        each.collect()
    }

    /// As a front passes it on, whoever it is.
    fn variables(&self) -> Vec<(String, String)> {
        let mut variables = get(&self.target());
        set(&mut variables, "REQUEST_METHOD", self.method);
        for (name, _) in self.fields {
            let replaced = ["HTTP_HOST", "HTTP_PROXY", "CONTENT_LENGTH"];
            variables
                .retain(|(known, _)| *known != variable(name) || !replaced.contains(&&**known));
        }
        let fields = self.fields().into_iter().map(|(name, value)| (variable(&name), value));
        variables.extend(fields);
        variables
    }

    fn ask(&self, door: &str, attacked: &Attacked) -> (u16, String) {
        let told = |answer: Answer| (answer.status, answer.text());
        match door {
            "http" => self.ask_http(attacked),
            "http2" => {
                let target = format!("http://a.example{}", self.target());
                let request = http::Request::builder().method(self.method).uri(target);
                let request = self.fields().into_iter().fold(request, |request, (name, value)| {
                    request.header(name.to_ascii_lowercase(), value)
                });
                let mut client = Http2::open(http(&attacked.host));
                let sent = client.send(request.body(self.body.to_owned()));
                let response = client.response(sent).expect("an answer");
                (response.status, response.text().to_owned())
            }
            "cgi" => {
                let mut body = tempfile::tempfile().unwrap();
                body.write_all(self.body.as_bytes()).unwrap();
                body.rewind().unwrap();
                let launch = Launch::new().env("GATEWAY_INTERFACE", "CGI/1.1").stdin(body);
                let launch = launch.env("DSGI_CONFIG", &attacked.config);
                let variables = self.variables();
                let launch = variables.iter().fold(launch, |it, (name, value)| it.env(name, value));
                told(Answer::read(&launch.run().stdout))
            }
            "scgi" => {
                let mut wire = Wire::open(Door::One(Protocol::Scgi).address(&attacked.host));
                wire.send(&scgi(&self.variables()));
                wire.send(self.body.as_bytes());
                told(wire.answer())
            }
            door => {
                let door = if door == "uwsgi" { Door::One(Protocol::Uwsgi) } else { Door::FastCgi };
                told(door.ask(&attacked.host, &self.variables(), self.body.as_bytes()))
            }
        }
    }

    fn ask_http(&self, attacked: &Attacked) -> (u16, String) {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target());
        if self.fields.iter().all(|(name, _)| *name != "Host") {
            text += "Host: a\r\n";
        }
        self.fields().iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
        let mut connection = Connection::open(http(&attacked.host));
        // It may be refused before all of it is read.
        let _ = connection.try_send(text + "\r\n" + self.body);
        let response = connection.response().expect("an answer");
        (response.status, response.text().to_owned())
    }
}

fn variable(field: &str) -> String {
    match field.to_ascii_uppercase().replace('-', "_") {
        name if name == "CONTENT_LENGTH" => name,
        name => format!("HTTP_{name}"),
    }
}

/// With lengths that are there twice, which the usual front does not make.
fn scgi(variables: &[(String, String)]) -> Vec<u8> {
    let is_length =
        |(name, value): &&(String, String)| name == "CONTENT_LENGTH" && !value.is_empty();
    let none = ("CONTENT_LENGTH".to_owned(), "0".to_owned());
    let first = variables.iter().find(is_length).unwrap_or(&none);
    let others = variables.iter().filter(|row| row.0 != "CONTENT_LENGTH");
    let again = variables.iter().filter(is_length).skip(1);
    let scgi = ("SCGI".to_owned(), "1".to_owned());
    let all = [first, &scgi].into_iter().chain(again).chain(others);
    let text: String = all.map(|(name, value)| format!("{name}\0{value}\0")).collect();
    format!("{}:{text},", text.len()).into_bytes()
}
