//! The body of a response on its way to the host, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame};

use super::failure::{self, BoxError};
use super::response::shared;
use super::runtime::Entry;
use crate::Outcome;
use crate::bridge::body::{Failure, Frame as Piece, Pull, Pulled};

/// A body that is pulled and dropped inside of its runtime.
pub(super) struct Outgoing<B> {
    /// What was pulled before it was known that more follows.
    ahead: Option<Piece>,
    /// There until the drop.
    body: Option<Pin<Box<B>>>,
    entry: Entry,
}

impl<B: Body<Data: Buf>> Outgoing<B> {
    pub(super) fn new(body: Pin<Box<B>>, entry: &Entry) -> Self {
        Self { ahead: None, body: Some(body), entry: entry.clone() }
    }

    /// A frame, and what follows it.
    pub(super) fn behind(first: Frame<B::Data>, body: Pin<Box<B>>, entry: &Entry) -> Self {
        Self { ahead: piece(first), body: Some(body), entry: entry.clone() }
    }
}

impl<B> Pull for Outgoing<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(ahead)));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let _entered = self.entry.enter();
        let mut context = Context::from_waker(waker.unwrap_or(Waker::noop()));
        loop {
            let Poll::Ready(next) = body.as_mut().poll_frame(&mut context) else {
                return Poll::Pending;
            };
            let next = match next {
                None => None,
                Some(Err(error)) => Some(Err(Failure::from(failure::of(error.into())))),
                Some(Ok(frame)) => match piece(frame) {
                    Some(piece) => Some(Ok(piece)),
                    None => continue,
                },
            };
            return Poll::Ready(next);
        }
    }

    fn size_hint(&self) -> Option<(u64, u64)> {
        let ahead = match &self.ahead {
            Some(Piece::Data(data)) => data.len() as u64,
            Some(Piece::Trailers(_)) | None => 0,
        };
        let hint = self.body.as_ref()?.size_hint();
        Some((hint.lower() + ahead, hint.upper()? + ahead))
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {}
}

/// A frame as it crosses; none of a kind that is not known here.
fn piece<D: Buf>(frame: Frame<D>) -> Option<Piece> {
    match frame.into_data() {
        Ok(data) => Some(Piece::Data(shared(data))),
        Err(frame) => frame.into_trailers().ok().map(|trailers| fields(&trailers)),
    }
}

impl<B> Drop for Outgoing<B> {
    fn drop(&mut self) {
        let _entered = self.entry.enter();
        drop((self.ahead.take(), self.body.take()));
    }
}

fn fields(trailers: &HeaderMap) -> Piece {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    Piece::Trailers(trailers.iter().map(field).collect())
}
