//! One client for each door, which asks the same in the words of its protocol.

use super::asked::{Asked, Length};
use crate::harness::client::Connection;
use crate::harness::doors::{Answer, Protocol, Wire, variables};
use crate::harness::fastcgi::{Front, request};
use crate::harness::host::{Host, Launch};
use crate::harness::http2::{Http2, Length as Said};
use crate::harness::libraries::fault_app;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) environ: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// What a client does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    None,
    /// The one of SCGI does not send it.
    LosesField(&'static str),
    /// The one of uwsgi has another last byte.
    SpoilsBody,
    /// The one of FastCGI understands a part of it.
    DecodesTarget,
}

/// All doors of one host, with a client each.
#[derive(Debug)]
pub(super) struct Clients {
    http2: RefCell<Http2>,
    fault: Fault,
    // It ends behind its clients.
    host: Host,
}

/// A process for each request.
#[derive(Debug)]
pub(super) struct Cgi(PathBuf);

impl Clients {
    pub(super) fn start(fault: Fault) -> Self {
        let launch = Launch::new().arg("--load").arg(fault_app("whole"));
        let doors = ["", "fastcgi://", "scgi://", "uwsgi://"];
        let host = doors
            .iter()
            .fold(launch, |launch, door| launch.args(["--listen", &format!("{door}127.0.0.1:0")]))
            .start();
        let http2 = RefCell::new(Http2::open(host.address()));
        Self { http2, fault, host }
    }

    pub(super) fn ask(&self, asked: &Asked) -> Vec<(&'static str, Seen)> {
        let [_, fastcgi, scgi, uwsgi] = self.host.addresses() else {
            panic!("{:?}", self.host.addresses())
        };
        vec![
            ("HTTP/1.1", over_http1(self.host.address(), asked)),
            ("HTTP/2", self.over_http2(asked)),
            ("FastCGI", over_fastcgi(fastcgi, asked, self.fault)),
            ("SCGI", over_scgi(scgi, asked, self.fault)),
            ("uwsgi", over_uwsgi(uwsgi, asked, self.fault)),
        ]
    }

    fn over_http2(&self, asked: &Asked) -> Seen {
        let mut request = http::Request::builder()
            .method(&*asked.method)
            .uri(format!("http://a.test{}", asked.target));
        for (name, value) in &asked.fields {
            request = request.header(&**name, value.as_bytes());
        }
        if asked.length == Length::Declared {
            request = request.header("content-length", asked.body.len());
        }
        let blocks = blocks(asked).map(<[u8]>::to_vec).collect();
        let request = request.body(blocks).unwrap_or_else(|why| panic!("{why}: {}", asked.shown()));
        let length = if asked.is_open() { Said::Open } else { Said::Declared };
        let mut client = self.http2.borrow_mut();
        let sent = client.send_blocks(request, length);
        let answer = client.response(sent).expect("an answer");
        Seen::of(answer.status, &answer.body)
    }
}

impl Cgi {
    pub(super) fn new() -> Self {
        Self(fault_app("whole"))
    }

    pub(super) fn ask(&self, asked: &Asked) -> Seen {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&asked.body).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        // A process has each variable once.
        let mut joined: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in told(asked, Chunks::Passed) {
            let between = if name == "HTTP_COOKIE" { "; " } else { ", " };
            joined
                .entry(name)
                .and_modify(|known| *known += &format!("{between}{value}"))
                .or_insert(value);
        }
        let launch = Launch::new().env("GATEWAY_INTERFACE", "CGI/1.1").stdin(file);
        let launch = joined.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let output = launch.arg("cgi").arg(&self.0).run();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", asked.shown());
        Seen::by(&Answer::read(&output.stdout))
    }
}

impl Seen {
    fn by(answer: &Answer) -> Self {
        Self::of(answer.status, &answer.body)
    }

    fn of(status: u16, whole: &[u8]) -> Self {
        let end = whole.windows(2).position(|two| two == b"\n\n");
        let (Some(end), 200) = (end, status) else {
            return Self { status, environ: BTreeMap::new(), body: whole.to_vec() };
        };
        let text = std::str::from_utf8(&whole[..end]).expect("lines of text");
        let rows = text.lines().filter_map(|line| line.split_once('='));
        let mut environ: BTreeMap<String, String> =
            rows.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        // SCGI has no other way to say that there is no body.
        if environ.get("CONTENT_LENGTH").is_some_and(|length| length == "0") {
            environ.remove("CONTENT_LENGTH");
        }
        Self { status, environ, body: whole[end + 2..].to_vec() }
    }
}

/// A body that comes in several pieces.
fn blocks(asked: &Asked) -> impl Iterator<Item = &[u8]> {
    asked.body.chunks(asked.body.len() / 3 + 1)
}

fn over_http1(address: SocketAddr, asked: &Asked) -> Seen {
    let Asked { method, target, fields, body, length } = asked;
    let mut raw = format!("{method} {target} HTTP/1.1\r\nHost: a.test\r\n").into_bytes();
    for (name, value) in fields {
        raw.extend(format!("{name}: {value}\r\n").as_bytes());
    }
    match length {
        Length::None => raw.extend(b"\r\n"),
        Length::Declared => {
            raw.extend(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            raw.extend(body);
        }
        Length::Open => {
            raw.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for block in blocks(asked) {
                raw.extend(format!("{:x}\r\n", block.len()).as_bytes());
                raw.extend(block);
                raw.extend(b"\r\n");
            }
            raw.extend(b"0\r\n\r\n");
        }
    }
    let mut connection = Connection::open(address);
    connection.send(&raw);
    let answer = connection.response().unwrap_or_else(|why| panic!("{why}: {}", asked.shown()));
    Seen::of(answer.status, &answer.body)
}

/// What a front knows of a body that comes in chunks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Chunks {
    /// It passes them on as they come.
    Passed,
    /// It has waited for the last one, and knows their length.
    Gathered,
}

/// The variables of a front that has understood the request.
fn told(asked: &Asked, chunks: Chunks) -> Vec<(String, String)> {
    let query = asked.target.split_once('?').map_or("", |(_, query)| query);
    let length = match asked.length {
        Length::Open if chunks == Chunks::Passed => String::new(),
        Length::None => String::new(),
        Length::Declared | Length::Open => asked.body.len().to_string(),
    };
    let mut all = variables(&[
        ("REQUEST_METHOD", &asked.method),
        ("REQUEST_URI", &asked.target),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "a.test"),
        ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "4711"),
        ("HTTP_HOST", "a.test"),
        ("CONTENT_LENGTH", &length),
    ]);
    if asked.is_open() {
        all.extend(variables(&[("HTTP_TRANSFER_ENCODING", "chunked")]));
    }
    for (name, value) in &asked.fields {
        let name = name.to_ascii_uppercase().replace('-', "_");
        let name = if name == "CONTENT_TYPE" { name } else { format!("HTTP_{name}") };
        all.push((name, value.clone()));
    }
    all
}

fn over_fastcgi(address: &str, asked: &Asked, fault: Fault) -> Seen {
    let mut asked = asked.clone();
    if fault == Fault::DecodesTarget {
        asked.target = asked.target.replace("%2F", "/");
    }
    let mut front = Front::open(address);
    front.send(&request(1, 0, &told(&asked, Chunks::Passed), &asked.body));
    Seen::by(&front.answer(1))
}

fn over_scgi(address: &str, asked: &Asked, fault: Fault) -> Seen {
    let mut asked = asked.clone();
    if let Fault::LosesField(lost) = fault {
        asked.fields.retain(|(name, _)| name != lost);
    }
    single(address, Protocol::Scgi, &asked)
}

fn over_uwsgi(address: &str, asked: &Asked, fault: Fault) -> Seen {
    let mut asked = asked.clone();
    if let (Fault::SpoilsBody, Some(last)) = (fault, asked.body.last_mut()) {
        *last = !*last;
    }
    single(address, Protocol::Uwsgi, &asked)
}

fn single(address: &str, protocol: Protocol, asked: &Asked) -> Seen {
    let mut wire = Wire::open(address);
    let mut bytes = protocol.head(&told(asked, Chunks::Gathered));
    bytes.extend(&asked.body);
    wire.send(&bytes);
    Seen::by(&wire.answer())
}
