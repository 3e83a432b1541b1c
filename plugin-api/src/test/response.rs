//! A response, while it comes and when it is over.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::answer::{Answer, Blocks, Head};
use super::app::Breaches;
use super::exchange::{Course, lock};
use super::stack::wait;
use crate::bridge::body::Frame;
use crate::bridge::upgrade::Upgrade;
use crate::{Error, Outcome, Result};

/// A response that is over.
///
/// ```
/// # use dsgi::{Environ, StartResponse};
/// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 2]> {
///     start_response("201 Created", &[("Location", "/tea/1"), ("Content-Type", "text/plain")])?;
///     Ok(["one ", "two"])
/// }
/// let response = dsgi::test::get(app, "/");
/// assert_eq!((response.status(), response.reason()), (201, "Created"));
/// assert_eq!(response.header("location"), Some("/tea/1"));
/// assert_eq!(response.text(), "one two");
/// ```
#[derive(Clone, Debug)]
pub struct Response {
    head: Head,
    blocks: Vec<Vec<u8>>,
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
    error: Option<String>,
    log: Vec<String>,
    broken: Vec<String>,
}

/// A response that is under way: its head has come.
///
/// ```
/// # use dsgi::{Body, Environ, StartResponse};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// static SENT: AtomicU64 = AtomicU64::new(0);
///
/// fn ticks(_: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
///     let ticks = std::iter::repeat("tick\n");
///     Ok(Body::blocks(ticks).on_close(|_, sent| SENT.store(sent, Ordering::Relaxed)))
/// }
///
/// let app = dsgi::test::App::new(ticks);
/// let mut response = app.request("GET", "/").start();
/// assert_eq!(response.next_block().unwrap()?, b"tick\n");
/// response.leave();
/// assert_eq!(SENT.load(Ordering::Relaxed), 5);
/// # Ok::<(), dsgi::Error>(())
/// ```
///
/// Dropping it is leaving.
pub struct Streaming {
    /// There until it has ended.
    blocks: Option<Blocks>,
    so_far: Response,
    sent: u64,
    course: Arc<Course>,
    breaches: Breaches,
}

impl Streaming {
    /// From an answer; `blocks` of a response that has no body are only closed.
    pub(super) fn new(
        answer: Answer,
        carries: Carries,
        course: Arc<Course>,
        breaches: Breaches,
    ) -> Self {
        let (head, blocks, error) = match answer {
            Answer::Reply(head, blocks) => (head, Some(blocks), None),
            Answer::Fault(failure) => {
                let head = Head { status: failure.status, ..Head::default() };
                (head, None, Some(failure.message))
            }
        };
        let so_far = Response {
            head,
            blocks: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            error,
            log: Vec::new(),
            broken: Vec::new(),
        };
        let mut streaming = Self { blocks, so_far, sent: 0, course, breaches };
        let bodiless = matches!(streaming.so_far.head.status, 100..=199 | 204 | 304)
            && !matches!(streaming.blocks, Some(Blocks::Upgrade(_)));
        if carries == Carries::Nothing || bodiless {
            streaming.end(Outcome::Completed);
        }
        streaming
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.so_far.status()
    }

    /// The first field of a name, in any case; `None` also where it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.so_far.header(name)
    }

    /// The next block of the body, as the application gave it; may be empty. `None` after the last
    /// one, and after a failure.
    ///
    /// # Panics
    /// When the application waits for more than a minute.
    #[track_caller]
    pub fn next_block(&mut self) -> Option<Result<Vec<u8>>> {
        loop {
            let blocks = self.blocks.as_mut()?;
            let pulled = wait(|waker| match blocks.pull(waker) {
                std::task::Poll::Pending => None,
                std::task::Poll::Ready(frame) => Some(frame),
            });
            match pulled {
                None => {
                    self.end(Outcome::Completed);
                    return None;
                }
                Some(Ok(Frame::Data(data))) => {
                    self.sent += data.len() as u64;
                    return Some(Ok(data.to_vec()));
                }
                Some(Ok(Frame::Trailers(fields))) => self.so_far.trailers = fields,
                Some(Err(failure)) => {
                    self.so_far.error = Some(failure.message.clone());
                    self.end(Outcome::Failed);
                    return Some(Err(Error::status(failure.status, failure.message)));
                }
            }
        }
    }

    /// Leaves, as a client that closes its connection: the body is closed with
    /// [`Outcome::ClientGone`].
    pub fn leave(mut self) {
        self.end(Outcome::ClientGone);
    }

    /// Reads what is left of the body.
    ///
    /// # Panics
    /// When a rule of the specification was broken, unless the application is
    /// [lenient](super::App::lenient).
    #[track_caller]
    pub fn finish(mut self) -> Response {
        while let Some(block) = self.next_block() {
            if let Ok(block) = block {
                self.so_far.body.extend_from_slice(&block);
                self.so_far.blocks.push(block);
            }
        }
        self.over()
    }

    /// What has come of a response that is over.
    #[track_caller]
    pub(super) fn over(&mut self) -> Response {
        let log = lock(&self.course.log).clone();
        let (broken, log): (Vec<_>, Vec<_>) =
            log.into_iter().map(|(_, line)| line).partition(|line| line.starts_with("validator: "));
        if self.breaches == Breaches::Fail {
            assert!(broken.is_empty(), "rules were broken:\n{}", broken.join("\n"));
        }
        (self.so_far.log, self.so_far.broken) = (log, broken);
        self.so_far.clone()
    }

    /// What takes the connection over, where that is what it comes to.
    pub(super) fn take_upgrade(&mut self) -> Option<Upgrade> {
        match self.blocks.take() {
            Some(Blocks::Upgrade(upgrade)) => Some(upgrade),
            blocks => {
                self.blocks = blocks;
                None
            }
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(blocks) = self.blocks.take() {
            if outcome == Outcome::ClientGone {
                self.course.gone.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            blocks.close(outcome, self.sent);
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.end(Outcome::ClientGone);
    }
}

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streaming").field("head", &self.so_far.head).finish_non_exhaustive()
    }
}

/// Whether a client gets the body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Body,
    /// It has asked with HEAD.
    Nothing,
}

impl Response {
    /// The status code; that of the error where there was no response, usually 500.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// What stands behind the status code.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.head.reason
    }

    /// The first field of a name, in any case; `None` also where it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values of all fields in their order, but those that are not UTF-8.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.head.fields)
    }

    /// Names and values of the trailers, as [`headers`](Self::headers).
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.trailers)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON of that type.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON of this type: {error}"))
    }

    /// The blocks of the body, as the application gave them.
    #[must_use]
    pub fn blocks(&self) -> &[Vec<u8>] {
        &self.blocks
    }

    /// Why there was no response, or why it ended early.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// What the application wrote to its error log.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Rules that were broken, a line each; see [`App::lenient`](super::App::lenient).
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }
}

fn pairs(fields: &[(String, Vec<u8>)]) -> impl Iterator<Item = (&str, &str)> {
    fields.iter().filter_map(|(name, value)| Some((&**name, std::str::from_utf8(value).ok()?)))
}
