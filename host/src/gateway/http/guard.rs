//! A response body that keeps its request in hand until it was sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

use super::duty::InHand;

/// A body and the request it belongs to.
#[derive(Debug)]
pub(crate) struct Guarded<B> {
    body: B,
    _in_hand: Option<InHand>,
}

impl<B> Guarded<B> {
    #[inline]
    pub(super) const fn new(body: B, in_hand: Option<InHand>) -> Self {
        Self { body, _in_hand: in_hand }
    }
}

impl<B: Body + Unpin> Body for Guarded<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
