//! A request of a front server and its response, part by part, for every gateway but HTTP.
//!
//! What fronts do with a wrong response differs (measured), so none is relied upon: the length was
//! enforced by `invoke/body`, what belongs to a connection was dropped by `invoke/answer`, and what
//! is left of that is dropped here. Invariant: the next block of a body is asked for only when its
//! gateway asks for the next part.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue, StatusCode, response};
use http_body::Body;
use hyper::ext::ReasonPhrase;

pub(super) use super::variables::Extent;
use super::variables::{self, Mapped};
use crate::dispatch::{self, Dispatched};
use crate::duty::InHand;
use crate::invoke::answer::Wanted;
use crate::invoke::body::{BodyError, ReplyBody};
use crate::invoke::data::Data;
use crate::invoke::exchange::begin;
use crate::invoke::exchange::input::Input;
use crate::invoke::upload::{Feed, upload};
use crate::limits::Limits;
use crate::message::{Errors, Origin};

/// A request that was given to dispatch.
#[derive(Debug)]
pub(super) struct Reply {
    phase: Phase,
    wanted: Wanted,
}

#[derive(Debug)]
enum Phase {
    Waiting(Dispatched),
    Sending(ReplyBody),
    Over,
}

/// What is to be sent next.
#[derive(Debug)]
pub(super) enum Part {
    Head(Box<response::Parts>),
    Data(Data),
    /// The response is whole.
    End,
}

/// A request that was begun, and where its body goes.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) reply: Reply,
    /// None where there is no body, or nobody for it.
    pub(super) feed: Option<Feed>,
    /// Not known of what is refused.
    pub(super) extent: Extent,
}

/// What becomes of a body whose length the front does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// It cannot be told where it ends: there is none.
    None,
    /// It ends where the protocol says so.
    UntilItsEnd,
}

/// How the head of a response says its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// By a field, as CGI does and those that are made after it.
    Status,
    /// By the line of HTTP.
    Line,
}

/// Gives a request to dispatch; `origin` is its connection's, and `errors` is told what the
/// application writes to its errors.
pub(super) fn begin(
    given: impl IntoIterator<Item = (Bytes, Bytes)>,
    unsaid: Unsaid,
    origin: &Origin,
    errors: Option<Arc<Errors>>,
    limits: &Limits,
    in_hand: InHand,
) -> Begun {
    let (wanted, mapped) = variables::request(given, origin, limits);
    let mut dispatched = Dispatched::new(in_hand, wanted);
    let Mapped { request, origin, extent } = match mapped {
        Ok(mapped) => mapped,
        Err(refusal) => {
            dispatched.answer(refusal.into_response());
            let reply = Reply::to(dispatched, wanted);
            return Begun { reply, feed: None, extent: Extent::UntilItsEnd };
        }
    };
    let extent = match unsaid {
        Unsaid::None if extent == Extent::UntilItsEnd => NO_BODY,
        _ => extent,
    };
    let (feed, input) = match (extent != NO_BODY).then(upload) {
        Some((feed, upload)) => (Some(feed), Some(Input::uploaded(upload, limits.body_timeout))),
        None => (None, None),
    };
    let request = request.map(|()| input);
    let origin = Arc::new(Origin { errors, ..origin });
    match dispatch::find(&request) {
        Ok(found) => dispatched.call(found, begin!(request), |input| input, &origin),
        Err(instead) => dispatched.instead(instead, request, |input| input, &origin),
    }
    Begun { reply: Reply::to(dispatched, wanted), feed, extent }
}

const NO_BODY: Extent = Extent::Bytes(0);

/// Answers what is no request.
pub(super) fn refuse(status: StatusCode, why: &str, in_hand: InHand) -> Begun {
    let mut dispatched = Dispatched::new(in_hand, Wanted::All);
    dispatched.answer(dispatch::page(status, why));
    let reply = Reply::to(dispatched, Wanted::All);
    Begun { reply, feed: None, extent: Extent::UntilItsEnd }
}

/// The same where there is nobody to give it part by part.
pub(super) fn plain_page(status: StatusCode, why: &str) -> String {
    let (code, reason) = (status.as_str(), status.canonical_reason().unwrap_or("Error"));
    let text = format!("{code} {reason}: {why}\n");
    let length = text.len();
    format!(
        "Status: {code} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n{text}"
    )
}

impl Reply {
    const fn to(dispatched: Dispatched, wanted: Wanted) -> Self {
        Self { phase: Phase::Waiting(dispatched), wanted }
    }

    /// The next part; whoever gets an error has to make the response look broken.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Part, BodyError>> {
        match &mut self.phase {
            Phase::Waiting(dispatched) => {
                let Ok(response) = ready!(Pin::new(dispatched).poll(context));
                let (mut head, body) = response.into_parts();
                if self.wanted != Wanted::Head {
                    lay_length(&mut head, &body);
                }
                self.phase = Phase::Sending(body);
                Poll::Ready(Ok(Part::Head(Box::new(head))))
            }
            Phase::Sending(body) => loop {
                let frame = match ready!(Pin::new(&mut *body).poll_frame(context)) {
                    Some(Ok(frame)) => frame,
                    Some(Err(error)) => {
                        self.phase = Phase::Over;
                        return Poll::Ready(Err(error));
                    }
                    None => {
                        self.phase = Phase::Over;
                        return Poll::Ready(Ok(Part::End));
                    }
                };
                // Fields behind the body have no place here.
                if let Ok(data) = frame.into_data() {
                    // As hyper: nothing is asked for behind the declared length.
                    if body.size_hint().exact() == Some(0) {
                        self.phase = Phase::Over;
                    }
                    return Poll::Ready(Ok(Part::Data(data)));
                }
            },
            Phase::Over => Poll::Ready(Ok(Part::End)),
        }
    }

    /// Whether nothing is left but to say so.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }
}

/// A front can see that a body is cut only where it knows how long it should be.
fn lay_length(head: &mut response::Parts, body: &ReplyBody) {
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = body.size_hint().exact()
        && !bodiless
    {
        head.headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
}

/// Writes the head of a response.
pub(super) fn write_head(out: &mut BytesMut, opening: Opening, head: &response::Parts) {
    let fields = head.headers.iter();
    let length: usize = fields.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    out.reserve(length + 64);
    // HAProxy makes a 302 of a status before it (measured); everybody takes it in this order.
    let is_ahead = |name: &HeaderName| opening == Opening::Status && *name == LOCATION;
    for (name, value) in head.headers.iter().filter(|(name, _)| is_ahead(name)) {
        write_field(out, name, value);
        out.put_slice(b"\r\n");
    }
    out.put_slice(match opening {
        Opening::Status => b"Status: ",
        Opening::Line => b"HTTP/1.1 ",
    });
    out.put_slice(head.status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(match head.extensions.get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes(),
        // Fronts want one.
        None => head.status.canonical_reason().unwrap_or("Unknown").as_bytes(),
    });
    let is_left = |name: &HeaderName| !is_ours(name) && !is_ahead(name);
    for (name, value) in head.headers.iter().filter(|(name, _)| is_left(name)) {
        out.put_slice(b"\r\n");
        write_field(out, name, value);
    }
    out.put_slice(b"\r\n\r\n");
}

fn write_field(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    out.put_slice(name.as_str().as_bytes());
    out.put_slice(b": ");
    out.put_slice(value.as_bytes());
}

/// Fields of the connection, and `Status`, which here is no field.
fn is_ours(name: &HeaderName) -> bool {
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "status" | "keep-alive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_comes_before_the_status_and_behind_a_line() {
        let response = http::Response::builder().status(201).header("x-a", "1");
        let response = response.header("location", "/a").header("connection", "close");
        let (head, ()) = response.body(()).unwrap().into_parts();
        let written = |opening| {
            let mut out = BytesMut::new();
            write_head(&mut out, opening, &head);
            String::from_utf8(out.to_vec()).unwrap()
        };
        let with_status = "location: /a\r\nStatus: 201 Created\r\nx-a: 1\r\n\r\n";
        assert_eq!(written(Opening::Status), with_status);
        let with_line = "HTTP/1.1 201 Created\r\nx-a: 1\r\nlocation: /a\r\n\r\n";
        assert_eq!(written(Opening::Line), with_line);
    }
}
