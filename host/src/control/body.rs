//! Bodies of answers: one document, lines of work as it goes on, or the stream of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;

use super::work::Line;
use crate::operator::{Followed, Follower};

pub(super) const JSON: &str = "application/json";
pub(super) const PROBLEM: &str = "application/problem+json";
pub(super) const LINES: &str = "application/x-ndjson";
pub(super) const EVENTS: &str = "text/event-stream";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    /// None once it was sent.
    Whole(Option<Bytes>),
    /// A line of JSON for each.
    Lines(UnboundedReceiver<Line>),
    Events(Feed),
}

/// Server-sent events, with a place among the followers.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) follower: Follower,
    pub(super) state: Fed,
    pub(super) _place: OwnedSemaphorePermit,
}

/// Whether more events follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    Following,
    Ended,
}

/// An answer.
pub(super) fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Body {
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()))
    }

    /// A document, with a line's end for terminals.
    pub(super) fn json(value: &impl Serialize) -> Self {
        Self::text(line(value))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Lines(lines) => lines.poll_recv(context).map(|one| one.map(|one| line(&one))),
            Self::Events(feed) => feed.poll(context),
        };
        bytes.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Lines(_) | Self::Events(_) => SizeHint::default(),
        }
    }
}

impl Feed {
    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        if self.state == Fed::Ended {
            return Poll::Ready(None);
        }
        self.follower.poll_next(context).map(|followed| match followed {
            Followed::Event(event) => {
                let data = serde_json::to_string(&*event).unwrap_or_default();
                let (id, kind) = (self.follower.id(&event), event.kind.name());
                Some(format!("id: {id}\nevent: {kind}\ndata: {data}\n\n").into())
            }
            Followed::Missed(count) => {
                self.state = Fed::Ended;
                tracing::warn!("control socket: a follower missed {count} events and is let go");
                Some(format!("event: missed\ndata: {{\"missed\":{count}}}\n\n").into())
            }
            Followed::Ended => None,
        })
    }
}

/// A value on one line. The types of the seam have no maps with keys that are not texts, which is
/// all that could fail.
fn line(value: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
