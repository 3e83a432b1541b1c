//! What fuzzing asks of hyper and what stands behind it together, whatever a client sends: the same
//! answer however it was split, and what another server could read in another way is refused.
//!
//! The first byte of an input says how the rest is split. Nothing is mounted: what is let through
//! is answered 404.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use percent_encoding::percent_decode;

use super::{Answers, KnownHost};
use crate::duty::Duty;
use crate::limits::Limits;
use crate::message::Origin;

pub(crate) fn http(input: &[u8]) {
    let Some((&how, bytes)) = input.split_first() else { return };
    // How large a head may be depends on how it comes; what begins HTTP/2 has an end of its own.
    if bytes.len() > 4096 || contains(bytes, b"PRI * HTTP/2.0") {
        return;
    }
    let whole = status(&answered(bytes, bytes.len()));
    // Before it seems to end, hyper looks at a head only once.
    let start = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let head = &bytes[start..];
    if contains(head, b"\n\n") || contains(head, b"\n\r\n") {
        let size = [1, 3, 20, 300][usize::from(how) % 4];
        assert_eq!(status(&answered(bytes, size)), whole, "in parts of {size}");
    }
    if whole == Some(404)
        && let Err(why) = unambiguous(bytes)
    {
        panic!("let through: {why}");
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// Whether every server reads the first request in the same way, as far as that can be said; why
/// not.
fn unambiguous(bytes: &[u8]) -> Result<(), &'static str> {
    let text: String = bytes.iter().copied().map(char::from).collect();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return Ok(()) };
    let mut lines = head.split("\r\n");
    // hyper takes a bare line feed as the end of a line, and lines before the first one as none.
    let first = lines
        .next()
        .filter(|first| !first.is_empty() && !head.replace("\r\n", "").contains(['\r', '\n']));
    let Some(first) = first else { return Ok(()) };
    let mut words = first.split(' ');
    let [Some(method), Some(target), Some(version), None] = [(); 4].map(|()| words.next()) else {
        return Err("not three words");
    };
    let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
    let values = |wanted: &str| -> Vec<&str> {
        let of = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        of.map(|(_, value)| *value).collect()
    };
    match (&values("host")[..], version) {
        ([], "HTTP/1.0") => {}
        ([host], "HTTP/1.0" | "HTTP/1.1") if !host.contains([' ', '@', '/']) => {}
        (_, "HTTP/1.0" | "HTTP/1.1") => return Err("not one host"),
        _ => return Err("of another version"),
    }
    match (&values("transfer-encoding")[..], &values("content-length")[..]) {
        ([], []) => {}
        ([], [length, others @ ..]) => {
            let digits = length.bytes().all(|byte| byte.is_ascii_digit());
            if !digits || length.is_empty() || others.iter().any(|other| other != length) {
                return Err("not one length");
            }
        }
        // Both are read by the coding, and nothing is read behind it.
        ([coding], _) if coding.eq_ignore_ascii_case("chunked") => {}
        _ => return Err("not chunked, once"),
    }
    if method == "CONNECT" || !method.bytes().all(is_token) {
        return Err("a method that is none");
    }
    path(target)
}

fn field(line: &str) -> Result<(&str, &str), &'static str> {
    let (name, value) = line.split_once(':').ok_or("a field without a colon")?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("a field whose name is none");
    }
    let control = |one: char| (one < ' ' && one != '\t') || one == '\x7f';
    if value.contains(control) {
        Err("a control character")
    } else {
        Ok((name, value.trim_matches([' ', '\t'])))
    }
}

/// Whether a file system would find the same as a router.
fn path(target: &str) -> Result<(), &'static str> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let Some(path) = path.strip_prefix('/') else { return Ok(()) };
    let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
    let dots = |part: &[u8]| matches!(part, b"." | b"..");
    if decoded.split(|byte| *byte == b'/').any(dots) || decoded.contains(&0) {
        return Err("a path that leads elsewhere");
    }
    Ok(())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The status of the first answer.
fn status(answer: &[u8]) -> Option<u16> {
    let Some(line) = answer.get(..12) else {
        assert!(answer.is_empty(), "half an answer");
        return None;
    };
    let line = std::str::from_utf8(line).expect("a status line");
    let status = line.strip_prefix("HTTP/1.").expect("a version").get(2..);
    status.expect("a status").parse().ok()
}

/// Everything that is sent to a client that sends these bytes, so many at a time, and then waits:
/// to end would be to go, and who has gone is not answered.
fn answered(bytes: &[u8], size: usize) -> Vec<u8> {
    let limits = Limits::default();
    let answers = Answers {
        origin: Arc::new(Origin::http(None, None)),
        duty: Arc::new(Duty::default()),
        limits: Arc::new(limits.clone()),
        known_host: KnownHost::default(),
    };
    let written = Rc::new(RefCell::new(Vec::new()));
    let line = Line { rest: bytes, size, written: Rc::clone(&written) };
    let mut connection = http1::Builder::new()
        .max_headers(limits.header_count)
        .max_buf_size(limits.header_bytes)
        .serve_connection(line, answers);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    while woken.0.swap(false, Ordering::Relaxed) {
        if Pin::new(&mut connection).poll(&mut Context::from_waker(&waker)).is_ready() {
            break;
        }
    }
    drop(connection);
    written.take()
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has the next bytes at once, or none any more.
struct Line<'a> {
    rest: &'a [u8],
    size: usize,
    written: Rc<RefCell<Vec<u8>>>,
}

impl Read for Line<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Poll::Pending;
        }
        let length = self.size.min(self.rest.len()).min(buffer.remaining());
        let (part, rest) = self.rest.split_at(length);
        buffer.put_slice(part);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

impl Write for Line<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
