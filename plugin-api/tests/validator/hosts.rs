//! Hosts that break a rule: by what they say of a request, or by what they do with a body.

use std::sync::{Condvar, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use dsgi::abi::grown::Frame;
use dsgi::abi::object::{self, BodyTable};
use dsgi::abi::pointer::{Growable, Out};
use dsgi::abi::{answer, outcome};
use dsgi::bridge::body;
use dsgi::bridge::reply::ReplyBody;
use dsgi::export::{Linked, link};
use dsgi::{Body, Environ, Outcome, StartResponse, slot};

use crate::application;
use crate::host::{Answer, Host, Started, poll};
use crate::mutants::{Breaks, Change, Mistreat};
use crate::stack::pairs;

/// By what they say.
pub(crate) const REQUESTS: &[Breaks<Change>] = &[
    ("environ-required", |facts| facts.method = ""),
    ("environ-required", |facts| facts.server_name = ""),
    ("environ-required", |facts| facts.server_port = 0),
    ("environ-no-http-content-type", |facts| {
        facts.variables = pairs(&[("HTTP_CONTENT_TYPE", "a/b")])
    }),
    ("environ-no-http-content-length", |facts| {
        facts.variables = pairs(&[("HTTP_CONTENT_LENGTH", "7")])
    }),
    ("environ-scheme", |facts| facts.scheme = "gopher"),
    ("environ-method", |facts| facts.method = "GET POST"),
    ("environ-script-name", |facts| facts.script_name = "shop"),
    ("environ-path-info", |facts| facts.path_info = "tea".into()),
    ("environ-path", |facts| (facts.script_name, facts.path_info) = ("", String::new())),
    ("environ-script-name-end", |facts| facts.script_name = "/"),
    ("environ-protocol", |facts| facts.protocol = 17),
    ("environ-request-uri", |facts| facts.target = "tea"),
    ("environ-path-dots", |facts| facts.path_info = "/../tea".into()),
    ("environ-field-name", |facts| facts.headers = pairs(&[("Host", "a.example")])),
    ("environ-field-underscore", |facts| facts.headers = pairs(&[("x_user", "ada")])),
    ("environ-no-proxy", |facts| facts.headers = pairs(&[("proxy", "http://b.example")])),
    ("environ-field-value", |facts| facts.headers = pairs(&[("x-user", "ada\nbyron")])),
    ("environ-length-agrees", |facts| facts.length = Some(7)),
    ("environ-length-agrees", |facts| facts.headers = pairs(&[("content-length", "7")])),
    ("environ-variable-name", |facts| facts.variables = pairs(&[("USER", "ada")])),
];

/// By what they do with the answer of an application.
pub(crate) const USES: &[Breaks<Mistreat>] = &[
    ("call-future-over", (application::later, poll_after_answer)),
    ("close-called", (application::streaming, forget)),
    ("close-once", (application::streaming, close_twice)),
    ("close-outcome", (application::streaming, complete_too_early)),
    ("body-after-close", (application::streaming, poll_after_close)),
    ("body-after-end", (application::streaming, poll_after_end)),
    ("body-after-end", (application::file, poll_end_of_file)),
    ("body-one-user", (meeting, poll_twice_at_once)),
    ("body-read-ahead", (application::streaming, keep_all)),
];

/// A stream as whoever writes a host in C would use it.
struct ByHand(*mut object::Body);

// SAFETY: the boundary's rule: bodies are Send. That there are two users is what is tried.
unsafe impl Send for ByHand {}
// SAFETY: as above.
unsafe impl Sync for ByHand {}

impl ByHand {
    fn of(host: &Host) -> Self {
        Self(host.call().reply().stream().into_raw())
    }

    fn poll(&self) -> u32 {
        let mut frame = Frame::absent();
        // SAFETY: made by the validator, which keeps what was closed; the frame is lent.
        let answer = unsafe {
            let poll = slot!(BodyTable, self.0, poll).expect("poll");
            poll(self.0, std::ptr::null(), Out::lend(&mut frame))
        };
        // SAFETY: filled for this answer.
        drop(unsafe { body::read_frame(answer, &frame) });
        answer
    }

    fn close(&self, outcome: u32) {
        // SAFETY: made by the validator, which keeps what was closed.
        unsafe { slot!(BodyTable, self.0, close).expect("close")(self.0, outcome, 0) };
    }
}

fn forget(host: &Host) {
    let _ = ByHand::of(host);
}

fn close_twice(host: &Host) {
    let body = ByHand::of(host);
    body.close(outcome::FAILED);
    body.close(outcome::FAILED);
}

fn complete_too_early(host: &Host) {
    let body = ByHand::of(host);
    assert_eq!(body.poll(), answer::READY);
    body.close(outcome::COMPLETED);
}

fn poll_after_close(host: &Host) {
    let body = ByHand::of(host);
    body.close(outcome::FAILED);
    assert_eq!(body.poll(), answer::END, "there was still something there");
}

fn poll_after_end(host: &Host) {
    let body = ByHand::of(host);
    while body.poll() == answer::READY {}
    assert_eq!(body.poll(), answer::END);
    body.close(outcome::COMPLETED);
}

/// Who is told how a file was sent has no blocks.
fn poll_end_of_file(host: &Host) {
    let ReplyBody::File(range) = host.call().reply().body else { panic!("no file") };
    let body = ByHand(range.end.expect("somebody to tell").into_raw());
    assert_eq!(body.poll(), answer::END);
    body.close(outcome::COMPLETED);
}

fn keep_all(host: &Host) {
    let mut stream = host.call().reply().stream();
    let mut kept = Vec::new();
    while let Poll::Ready(Some(Ok(frame))) = stream.pull(Some(Waker::noop())) {
        kept.push(frame);
    }
    assert_eq!(kept.len(), 5);
    stream.close(Outcome::Completed, 0);
}

fn poll_after_answer(host: &Host) {
    let Started::Pending(mut pending) = host.start() else { panic!("it answers at once") };
    let answered = loop {
        if let Some(answered) = poll(&mut pending, Waker::noop()) {
            break answered;
        }
    };
    drop(answered.reply().finish());
    let again = poll(&mut pending, Waker::noop());
    assert!(matches!(again, Some(Answer::Fault { .. })), "it has answered once more");
}

/// Where two users of one body meet: how far they are.
static MEETING: (Mutex<Step>, Condvar) = (Mutex::new(Step::Nobody), Condvar::new());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nobody,
    OneInside,
    OtherWasThere,
}

fn step(to: Step) {
    *MEETING.0.lock().expect("no panic") = to;
    MEETING.1.notify_all();
}

fn until(at: Step) {
    let step = MEETING.0.lock().expect("no panic");
    drop(MEETING.1.wait_while(step, |step| *step != at).expect("no panic"));
}

/// A body that waits within its block until somebody else has asked for one.
fn meeting() -> Linked {
    link(|_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        let block = |_| {
            step(Step::OneInside);
            until(Step::OtherWasThere);
            "tea"
        };
        // The first block is asked for in the call.
        Ok(Body::blocks(["first"].into_iter().chain((0..1).map(block))))
    })
}

fn poll_twice_at_once(host: &Host) {
    step(Step::Nobody);
    let body = &ByHand::of(host);
    assert_eq!(body.poll(), answer::READY);
    thread::scope(|scope| {
        let one = scope.spawn(move || body.poll());
        until(Step::OneInside);
        assert_eq!(body.poll(), answer::END, "two were inside");
        step(Step::OtherWasThere);
        assert_eq!(one.join().expect("no panic"), answer::READY);
    });
    body.close(outcome::FAILED);
}
