//! Applications that break a rule, and some that break none.

use std::fs::File;

use dsgi::abi::answer;
use dsgi::export::{Linked, link};
use dsgi::{Body, Chunk, Environ, StartResponse};

use crate::mutants::{App, Breaks};
use crate::raw::RawFrame::{Data, Trailers};
use crate::raw::{Raw, RawBody};

const TEXT: (&str, &str) = ("Content-Type", "text/plain");

/// By what they fill in.
pub(crate) const REPLIES: &[Breaks<fn() -> Raw>] = &[
    ("call-answer", || Raw { answer: 77, ..Raw::ok(&[], "") }),
    ("call-answer", || Raw { answer: answer::PENDING, ..Raw::ok(&[], "") }),
    ("call-fault-status", || Raw { body: RawBody::Fault(200), ..Raw::ok(&[], "") }),
    ("status-three-digits", || Raw { status: 1000, ..Raw::ok(&[TEXT], "tea") }),
    ("status-final", || Raw { status: 103, ..Raw::ok(&[TEXT], "tea") }),
    ("status-reason", || Raw { reason: b"OK\r\nX: 1", ..Raw::ok(&[TEXT], "tea") }),
    ("field-no-status", || Raw::ok(&[TEXT, ("status", "200")], "tea")),
    ("field-name-clean", || Raw::ok(&[TEXT, ("X-Tea:", "1")], "tea")),
    ("field-name-token", || Raw::ok(&[TEXT, ("X Tea", "1")], "tea")),
    ("field-name-end", || Raw::ok(&[TEXT, ("X-Tea-", "1")], "tea")),
    ("field-value-clean", || Raw::ok(&[TEXT, ("X-Tea", "1\r\n2")], "tea")),
    ("content-type-unwanted", || Raw { status: 204, ..Raw::ok(&[TEXT], "") }),
    ("content-type-not-modified", || Raw { status: 304, ..Raw::ok(&[TEXT], "") }),
    ("content-type-missing", || Raw::ok(&[], "tea")),
    ("content-type-missing", || Raw { fields: Vec::new(), ..Raw::stream(&[Data(b"tea")], None) }),
    ("field-hop-by-hop", || Raw::ok(&[TEXT, ("Transfer-Encoding", "chunked")], "tea")),
    ("content-length-one", || Raw::ok(&[TEXT, ("Content-Length", "three")], "tea")),
    ("content-length-one", || {
        Raw::ok(&[TEXT, ("Content-Length", "3"), ("Content-Length", "4")], "tea")
    }),
    ("content-length-unwanted", || Raw { status: 204, ..Raw::ok(&[("Content-Length", "0")], "") }),
    ("body-length", || Raw::ok(&[TEXT, ("Content-Length", "4")], "tea")),
    ("body-length", || Raw::ok(&[TEXT, ("Content-Length", "2")], "tea")),
    ("body-length", || long(&[Data(b"te"), Data(b"a")], b"2")),
    ("body-length", || long(&[Data(b"te"), Data(b"a")], b"4")),
    ("body-unwanted", || Raw { status: 304, ..Raw::ok(&[], "tea") }),
    ("body-unwanted", || Raw {
        status: 204,
        fields: Vec::new(),
        ..Raw::stream(&[Data(b"tea")], None)
    }),
    ("body-hint", || Raw::stream(&[Data(b"tea")], Some((4, 4)))),
    ("body-hint", || Raw::stream(&[Data(b"tea")], Some((0, 2)))),
    ("body-kind", || Raw { body: RawBody::Kind(77), ..Raw::ok(&[TEXT], "") }),
    ("body-trailers-last", || Raw::stream(&[Trailers(&[("x-sum", b"7")]), Data(b"tea")], None)),
    ("body-trailer-fields", || {
        Raw::stream(&[Data(b"tea"), Trailers(&[("content-length", b"3")])], None)
    }),
    ("body-trailer-fields", || Raw::stream(&[Data(b"tea"), Trailers(&[("x", b"7\n8")])], None)),
];

fn long(frames: &[crate::raw::RawFrame], length: &'static [u8]) -> Raw {
    let fields: Vec<(&[u8], &[u8])> =
        vec![(b"Content-Type", b"text/plain"), (b"Content-Length", length)];
    Raw { fields, ..Raw::stream(frames, None) }
}

/// By what their authors wrote.
pub(crate) const WRITTEN: &[Breaks<App>] = &[
    ("call-no-panic", || {
        link(|_: Environ, _: StartResponse| -> dsgi::Result<Body> { panic!("on purpose") })
    }),
    ("call-no-panic", || {
        link(|_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[TEXT])?;
            Ok(Body::blocks((0..2).map(|at| if at == 0 { "tea" } else { panic!("on purpose") })))
        })
    }),
    ("upgrade-status", || switches("200 OK", Body::upgrade(async |_| Ok(())))),
    ("upgrade-status", || switches("101 Switching Protocols", Body::empty())),
    ("upgrade-asked", || switches("101 Switching Protocols", Body::upgrade(async |_| Ok(())))),
    ("start-before-body", || link(|_: Environ, _: StartResponse| Ok(["tea"]))),
    ("start-once", || {
        link(|_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[TEXT])?;
            start_response("200 OK", &[TEXT])?;
            Ok(["tea"])
        })
    }),
    ("start-not-after-sent", || {
        link(|_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[TEXT])?;
            let again = move |at| match at {
                0 => Chunk::from("tea"),
                _ => start_response("200 OK", &[TEXT]).map(|()| "more").into(),
            };
            Ok(Body::blocks((0..2).map(again)))
        })
    }),
    ("body-length", || {
        link(|_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[TEXT, ("Content-Length", "4")])?;
            Ok(Body::file(tea(), 0, 3))
        })
    }),
    ("status-three-digits", || status("20 OK")),
    ("status-final", || status("100 Continue")),
    ("status-reason", || status("200OK")),
];

fn status(line: &'static str) -> Linked {
    link(move |_: Environ, start_response: StartResponse| {
        start_response(line, &[TEXT])?;
        Ok(["tea"])
    })
}

/// Five blocks of a MiB, and an end.
pub(crate) fn streaming() -> Linked {
    link(|_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TEXT])?;
        Ok(Body::blocks((0..5).map(|_| vec![b'x'; 1024 * 1024])))
    })
}

/// A file, and whoever is told how it was sent.
pub(crate) fn file() -> Linked {
    link(|_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[TEXT, ("Content-Length", "3")])?;
        Ok(Body::file(tea(), 0, 3).on_close(|_, _| {}))
    })
}

/// A file of three bytes that has no name.
fn tea() -> File {
    let path = std::env::temp_dir().join(format!("dsgi-tea-{}", std::process::id()));
    std::fs::write(&path, "tea").expect("a file");
    let file = File::open(&path).expect("the same file");
    std::fs::remove_file(&path).expect("nobody else has removed it");
    file
}

/// Says this status, and gives such a body once.
fn switches(status: &'static str, body: Body) -> Linked {
    let body = std::sync::Mutex::new(Some(body));
    link(move |_: Environ, start_response: StartResponse| {
        start_response(status, &[("X-Tea", "none")])?;
        Ok(body.lock().expect("nobody panics here").take().unwrap_or_else(Body::empty))
    })
}

/// Nothing to say.
pub(crate) fn no_content() -> Linked {
    link(|_: Environ, start_response: StartResponse| {
        start_response("204 No Content", &[("X-Tea", "none")])?;
        Ok(Body::empty())
    })
}

/// Answers at the second poll, with a length that it keeps.
pub(crate) fn later() -> Linked {
    async fn later(_: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls > 1 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        start_response("200 OK", &[TEXT, ("Content-Length", "6")])?;
        Ok(Body::blocks(["tea", "pot"]))
    }
    link(later)
}

/// An error page is no broken rule.
pub(crate) fn fails() -> Linked {
    link(|_: Environ, _: StartResponse| -> dsgi::Result<Body> {
        Err(dsgi::Error::status(404, "no such tea"))
    })
}
