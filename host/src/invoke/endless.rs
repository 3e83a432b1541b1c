//! Streams that may have no end of their own, when the time of their stack is over.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::farewell::Ear;
use crate::lease::Lease;

/// How a stream is to end that still waits for its application when the time of its stack is over.
/// One of known length goes on.
#[derive(Debug)]
pub(super) struct Listening {
    end: End,
    ear: Option<Arc<Ear>>,
}

/// What the client sees of such an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// That it was broken off: it cannot know whether anything is missing.
    Broken,
    /// An end like any other: it connects anew and goes on, which is what event streams are for.
    Clean,
}

impl End {
    /// That of a stream behind these fields.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        let media_type = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        match media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream") {
            true => Self::Clean,
            false => Self::Broken,
        }
    }
}

impl Listening {
    pub(super) const fn new(end: End) -> Self {
        Self { end, ear: None }
    }

    /// Ready when the stream has to end, and how.
    pub(super) fn poll(&mut self, lease: &Lease, context: &Context<'_>) -> Poll<End> {
        let said = lease.farewell().poll(&mut self.ear, context.waker());
        said.map(|()| self.end)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn event_streams_end_cleanly_and_no_others() {
        for (kind, end) in [
            ("text/event-stream", End::Clean),
            ("Text/Event-Stream; charset=utf-8", End::Clean),
            (" text/event-stream ;charset=utf-8", End::Clean),
            ("text/event", End::Broken),
            ("text/event-streams", End::Broken),
            ("text/plain; like=text/event-stream", End::Broken),
            ("application/grpc", End::Broken),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(End::of(&headers), end, "{kind}");
        }
        assert_eq!(End::of(&HeaderMap::new()), End::Broken);
    }
}
