//! What the stack answered, copied into this host's memory before anything is given back.

use std::sync::Arc;
use std::task::{Poll, Waker};

use dsgi::Outcome;
use dsgi::abi::answer;
use dsgi::abi::grown;
use dsgi::abi::leaf::rows;
use dsgi::bridge::body::{Frame, Stream};
use dsgi::bridge::bytes::{Failure, read_fault};
use dsgi::bridge::reply::{ReplyBody, take_body};

use super::Bell;

/// The answer to a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(Received),
    Fault { status: u16, text: String, generation: u64 },
    Other(u32),
}

/// A response of which the body is still to come.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u32,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: ReplyBody,
}

/// A response that is over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) status: u32,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) blocks: Vec<String>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Why it ended early, or why there was no response.
    pub(crate) failure: Option<String>,
}

impl Answer {
    /// # Safety
    /// `reply` was filled for `answer`, and nothing of it was taken before.
    pub(crate) unsafe fn read(answer: u32, reply: &grown::Reply) -> Self {
        match answer {
            answer::READY => {
                // SAFETY: the caller's promise; the rows are valid until `keep` is released.
                let (headers, reason, body) = unsafe {
                    let headers = rows(reply.headers, reply.header_count, reply.header_stride)
                        .map(|row| (text(row.name.bytes()), text(row.value.bytes())))
                        .collect();
                    let reason = text(reply.reason.bytes());
                    let body = take_body(reply);
                    reply.keep.free();
                    (headers, reason, body)
                };
                let Some(body) = body else { return Self::Other(answer) };
                Self::Reply(Received { status: reply.status, reason, headers, body })
            }
            answer::ERROR => {
                // SAFETY: ownership of the fault came with the answer.
                let failure = unsafe { read_fault(reply.fault) };
                let Failure { status, message: text, generation } = failure;
                Self::Fault { status, text, generation }
            }
            other => Self::Other(other),
        }
    }

    /// What comes of it in a host that keeps the rules.
    pub(crate) fn finish(self) -> Done {
        match self {
            Self::Reply(received) => received.finish(),
            Self::Fault { status, text, .. } => Done::fault(status, text),
            Self::Other(answer) => Done::fault(0, format!("the answer {answer}")),
        }
    }

    pub(crate) fn reply(self) -> Received {
        match self {
            Self::Reply(received) => received,
            other => panic!("no reply but {other:?}"),
        }
    }
}

impl Received {
    /// Pulls the body to its end and ends it.
    pub(crate) fn finish(self) -> Done {
        let (status, headers) = (self.status, self.headers);
        let mut done = Done { status, headers, ..Done::default() };
        match self.body {
            ReplyBody::Empty => {}
            ReplyBody::Whole(bytes) => done.blocks.push(text(&bytes)),
            ReplyBody::Stream(stream) => done.pull(stream),
            ReplyBody::File(range) => {
                done.blocks.push(format!("{} bytes of a file", range.length));
                if let Some(end) = range.end {
                    end.close(Outcome::Completed, range.length);
                }
            }
            ReplyBody::Upgrade(_) => {}
        }
        done
    }

    /// The body, which must be a stream.
    pub(crate) fn stream(self) -> Stream {
        match self.body {
            ReplyBody::Stream(stream) => stream,
            other => panic!("no stream but {other:?}"),
        }
    }
}

impl Done {
    pub(crate) fn fault(status: u16, text: String) -> Self {
        Self { status: u32::from(status), failure: Some(text), ..Self::default() }
    }

    fn pull(&mut self, mut stream: Stream) {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut sent = 0;
        let outcome = loop {
            match stream.pull(Some(&waker)) {
                Poll::Pending => bell.wait(),
                Poll::Ready(None) => break Outcome::Completed,
                Poll::Ready(Some(Ok(Frame::Data(data)))) => {
                    sent += data.len() as u64;
                    self.blocks.push(text(&data));
                }
                Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                    self.trailers =
                        fields.into_iter().map(|(name, value)| (name, text(&value))).collect();
                }
                Poll::Ready(Some(Err(failure))) => {
                    self.failure = Some(failure.message);
                    break Outcome::Failed;
                }
            }
        };
        stream.close(outcome, sent);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
