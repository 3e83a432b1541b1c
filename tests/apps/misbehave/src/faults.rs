//! What an application may do wrong while it answers, chosen by the path of the request. What it
//! does and how each body ended it says on stderr, one line each.
//!
//! Where the response itself is what is wrong, the query spells it out: `/answer` sends the pairs
//! `status=`, `header=NAME:VALUE` and `block=` as they are given, percent-decoded. `/file` sends
//! `length=` bytes of the file `path=` from `offset=` on instead of blocks.

use std::fs;
use std::hint::spin_loop;
use std::io::{Read, Write};
use std::iter::{from_fn, once, once_with};
use std::panic::panic_any;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use dsgi::{Application, Body, Environ, Error, Purpose, StartResponse};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// A file: what waits, waits until it exists.
    #[serde(default)]
    release: PathBuf,
    #[serde(default)]
    drain: Drain,
}

/// What it does when it is told to drain and to shut down.
#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Drain {
    #[default]
    Return,
    Wait,
    Panic,
}

pub(crate) struct Misbehave {
    release: PathBuf,
    drain: Drain,
}

/// Between two looks for the file of a request that waits.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the bomb was dropped");
    }
}

/// One line on stderr, in one write, so that no other line comes between.
pub(crate) fn say(line: &str) {
    if dsgi::purpose() != Purpose::Probe {
        // Nobody may listen any more.
        let _ = std::io::stderr().write_all(format!("app: {line}\n").as_bytes());
    }
}

impl Application for Misbehave {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self { release: config.release, drain: config.drain })
    }

    fn call(&self, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        say(&format!("called {}", &environ["PATH_INFO"]));
        if &environ["PATH_INFO"] == "/whole" {
            // Nobody waits for its end, so it crosses in one piece.
            return Ok(Body::from(answer(&environ, &start_response)?.concat()));
        }
        let body = self.fault(environ, &start_response)?;
        Ok(body.on_close(|outcome, sent| say(&format!("closed {outcome:?} {sent}"))))
    }

    fn drain(&self, _: Duration) {
        say("told to drain");
        self.end("drain");
    }

    fn shutdown(&self) {
        say("told to shut down");
        self.end("shut down");
    }
}

impl Misbehave {
    fn end(&self, step: &str) {
        match self.drain {
            _ if dsgi::purpose() == Purpose::Probe => {}
            Drain::Return => {}
            Drain::Wait => until(|| self.release.exists(), || sleep(BETWEEN_LOOKS)),
            Drain::Panic => panic!("does not {step}"),
        }
    }

    fn fault(&self, environ: Environ, start_response: &StartResponse) -> dsgi::Result<Body> {
        let path = environ["PATH_INFO"].to_owned();
        let (kind, fault) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        match kind {
            "answer" => Ok(Body::blocks(answer(&environ, start_response)?)),
            "file" => file(&environ, start_response),
            "panic" => panics(fault, start_response),
            "error" => errors(fault, start_response),
            "start" => starts(fault, start_response),
            "wait" | "spin" | "cancel" => self.waits(kind, fault, environ, start_response),
            "input" => input(environ, start_response),
            "endless" => {
                start_response("200 OK", TEXT)?;
                Ok(Body::blocks(from_fn(|| Some(vec![b'x'; 16 * 1024]))))
            }
            _ => fine(start_response),
        }
    }

    /// Waits in the call, before the second block, or in the close, until it is released or the
    /// host says that the request is given up.
    fn waits(
        &self,
        kind: &str,
        place: &str,
        environ: Environ,
        start_response: &StartResponse,
    ) -> dsgi::Result<Body> {
        let release = self.release.clone();
        let wait: Box<dyn Fn() + Send> = match kind {
            "wait" => Box::new(move || until(|| release.exists(), || sleep(BETWEEN_LOOKS))),
            "spin" => Box::new(move || until(|| release.exists(), spin_loop)),
            _ => Box::new(move || until(|| environ.cancelled(), || sleep(BETWEEN_LOOKS))),
        };
        let place_told = place.to_owned();
        let wait = move || {
            say(&format!("waits in its {place_told}"));
            wait();
            say(&format!("waits no more in its {place_told}"));
        };
        if place == "call" {
            wait();
            return fine(start_response);
        }
        start_response("200 OK", TEXT)?;
        if place == "close" {
            return Ok(Body::from("first\n").on_close(move |_, _| wait()));
        }
        let second = once_with(move || {
            wait();
            "second\n"
        });
        Ok(Body::blocks(once("first\n").chain(second)))
    }
}

const TEXT: &[(&str, &str)] = &[("Content-Type", "text/plain")];

impl Drop for Misbehave {
    fn drop(&mut self) {
        say("dropped");
    }
}

fn until(over: impl Fn() -> bool, pause: impl Fn()) {
    while !over() {
        pause();
    }
}

fn fine(start_response: &StartResponse) -> dsgi::Result<Body> {
    start_response("200 OK", TEXT)?;
    Ok(Body::from("fine\n"))
}

/// Sends the head that the query spells out, and returns the blocks.
fn answer(environ: &Environ, start_response: &StartResponse) -> dsgi::Result<Vec<String>> {
    let (mut status, mut headers, mut blocks) = (String::from("200 OK"), Vec::new(), Vec::new());
    for (key, value) in pairs(environ) {
        match &*key {
            "status" => status = value,
            "header" => headers.push(value),
            "block" => blocks.push(value),
            _ => {}
        }
    }
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|line| line.split_once(':').unwrap_or((line, ""))).collect();
    start_response(&status, &headers)?;
    Ok(blocks)
}

/// Sends the head that the query spells out, and a file.
fn file(environ: &Environ, start_response: &StartResponse) -> dsgi::Result<Body> {
    let (mut path, mut offset, mut length) = (String::new(), 0, 0);
    for (key, value) in pairs(environ) {
        match &*key {
            "path" => path = value,
            "offset" => offset = value.parse()?,
            "length" => length = value.parse()?,
            _ => {}
        }
    }
    answer(environ, start_response)?;
    Ok(Body::file(fs::File::open(path)?, offset, length))
}

/// What the query says, decoded.
fn pairs(environ: &Environ) -> Vec<(String, String)> {
    form_urlencoded::parse(environ["QUERY_STRING"].as_bytes()).into_owned().collect()
}

fn panics(place: &str, start_response: &StartResponse) -> dsgi::Result<Body> {
    match place {
        "call" => panic!("in the call"),
        "payload" => panic_any(Bomb),
        _ => start_response("200 OK", TEXT)?,
    }
    match place {
        "started" => panic!("after start_response"),
        "first" => Ok(Body::blocks(once_with(|| -> &str { panic!("in the first block") }))),
        "middle" => {
            let second = once_with(|| -> &str { panic!("in the second block") });
            Ok(Body::blocks(once("first\n").chain(second)))
        }
        "drop" => {
            let bomb = Bomb;
            let mut blocks = ["first\n", "second\n"].into_iter();
            Ok(Body::blocks(from_fn(move || {
                let _owned = &bomb;
                blocks.next()
            })))
        }
        _ => Ok(Body::from("first\n").on_close(|_, _| panic!("in the close"))),
    }
}

fn errors(place: &str, start_response: &StartResponse) -> dsgi::Result<Body> {
    let locked = || Error::status(503, "the index is locked");
    match place {
        "call" => return Err(locked()),
        "foreign" => return Ok(Body::from(fs::read("/no/such/file")?)),
        _ => start_response("200 OK", TEXT)?,
    }
    let first = (place == "middle").then_some(Ok("first\n"));
    Ok(Body::blocks(first.into_iter().chain(once_with(move || Err(locked())))))
}

fn starts(how: &str, start_response: &StartResponse) -> dsgi::Result<Body> {
    match how {
        "never" => {}
        "twice" => {
            start_response("200 OK", TEXT)?;
            start_response("201 Created", TEXT)?;
        }
        "ignored" => {
            start_response("200 OK", TEXT)?;
            // The second head is lost, the first one stands.
            let _ = start_response("201 Created", TEXT);
        }
        _ => {
            start_response("200 OK", TEXT)?;
            start_response.replace(&"closed for today", "503 Closed", TEXT)?;
        }
    }
    Ok(Body::from("some text\n"))
}

fn input(mut environ: Environ, start_response: &StartResponse) -> dsgi::Result<Body> {
    let mut received = Vec::new();
    environ.input().read_to_end(&mut received).inspect_err(|error| {
        say(&format!("was told within its input: {error}"));
    })?;
    start_response("200 OK", TEXT)?;
    Ok(Body::from(format!("{} bytes\n", received.len())))
}
