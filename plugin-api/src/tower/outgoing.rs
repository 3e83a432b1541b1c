//! The body of a response on its way to the host, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame};

use super::failure::{self, BoxError};
use super::inside::Inside;
use super::runtime::Entry;
use crate::Outcome;
use crate::bridge::body::{Failure, Frame as Piece, Pull, Pulled};
use crate::bridge::bytes::SharedBytes;

/// A body that is pulled and dropped inside of its runtime.
pub(super) struct Outgoing<B> {
    /// What was pulled before it was known that more follows.
    ahead: Option<Piece>,
    /// There until the drop.
    body: Option<Pin<Box<B>>>,
    entry: Entry,
    /// What is further in, of the response of a layer.
    inside: Option<Inside>,
}

impl<B> Outgoing<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    pub(super) fn new(body: B, entry: &Entry, inside: Option<Inside>) -> Self {
        Self { ahead: None, body: Some(Box::pin(body)), entry: entry.clone(), inside }
    }

    /// Whether nothing follows, as far as the body knows without being asked for more.
    pub(super) fn is_over(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    /// Lets a piece come again.
    pub(super) fn put_back(&mut self, piece: Piece) {
        self.ahead = Some(piece);
    }

    /// Tells what is further in how it ends, before it does.
    fn end(&mut self, outcome: Outcome, bytes_sent: u64) {
        if let Some(inside) = &self.inside {
            inside.tell_end(outcome, bytes_sent);
        }
    }

    /// The end of one that is over, or failed, inside of its runtime.
    pub(super) fn end_inside(mut self, outcome: Outcome, bytes_sent: u64) {
        self.end(outcome, bytes_sent);
        self.body = None;
    }

    /// The next piece of the body itself, inside of its runtime.
    pub(super) fn next(&mut self, context: &mut Context<'_>) -> Pulled {
        next(self.body.as_mut(), context)
    }
}

fn next<B>(body: Option<&mut Pin<Box<B>>>, context: &mut Context<'_>) -> Pulled
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    let Some(body) = body else { return Poll::Ready(None) };
    loop {
        let Poll::Ready(next) = body.as_mut().poll_frame(context) else {
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

impl<B> Pull for Outgoing<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(ahead)));
        }
        let _entered = self.entry.enter();
        next(self.body.as_mut(), &mut Context::from_waker(waker.unwrap_or(Waker::noop())))
    }

    fn size_hint(&self) -> Option<(u64, u64)> {
        let ahead = match &self.ahead {
            Some(Piece::Data(data)) => data.len() as u64,
            Some(Piece::Trailers(_)) | None => 0,
        };
        let hint = self.body.as_ref()?.size_hint();
        Some((hint.lower() + ahead, hint.upper()? + ahead))
    }

    fn close(mut self: Box<Self>, outcome: Outcome, bytes_sent: u64) {
        self.end(outcome, bytes_sent);
    }
}

/// A frame as it crosses; none of a kind that is not known here.
fn piece<D: Buf>(frame: Frame<D>) -> Option<Piece> {
    match frame.into_data() {
        Ok(data) => Some(Piece::Data(shared(data))),
        Err(frame) => frame.into_trailers().ok().map(|trailers| fields(&trailers)),
    }
}

/// Bytes of a service, as the other side holds them.
fn shared<D: Buf>(mut data: D) -> SharedBytes {
    let bytes: Bytes = data.copy_to_bytes(data.remaining());
    SharedBytes::from_owner(bytes)
}

fn fields(trailers: &HeaderMap) -> Piece {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    Piece::Trailers(trailers.iter().map(field).collect())
}

impl<B> Drop for Outgoing<B> {
    fn drop(&mut self) {
        if self.body.is_none() && self.ahead.is_none() {
            return;
        }
        let _entered = self.entry.enter();
        drop((self.ahead.take(), self.body.take()));
    }
}
