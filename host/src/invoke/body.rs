//! The body of a response on its way to a gateway.
//!
//! One rule for all kinds: nothing beyond the declared length leaves, a body that ends short of it
//! aborts the response, and the application's `close` is called once with how it ended, whether the
//! body was sent, failed, or was dropped because the client left.

mod together;
mod unsent;

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use dsgi::Outcome;
use dsgi::bridge::body::{Frame as Piece, Stream};
use dsgi::bridge::bytes::SharedBytes;
use dsgi::bridge::file::FileRange;
use dsgi::bridge::reply::ReplyBody as Given;
use dsgi::bridge::upgrade::Upgrade;
use http_body::{Body, Frame, SizeHint};

pub(super) use self::unsent::{close, unwanted};
use super::answer::Wanted;
use super::data::{Data, Made};
use super::endless::{End, Listening};
use super::exchange::Exchange;
use super::file::Sending;
use super::pipe::Pipe;
use super::switched::{Switched, inside};
use super::trailers;
use crate::duty::InHand;
use crate::lease::{Counted, Lease};

/// A response body.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    source: Source,
    /// Bytes that may still be sent, where the length is declared or known.
    left: Option<u64>,
    sent: u64,
    /// The request this answers, in hand until the body was sent or dropped.
    in_hand: Option<InHand>,
    /// The same, as its stack counts it; dropped last, so that the stack outlives all of this.
    counted: Option<Counted>,
}

#[derive(Debug)]
enum Source {
    Over,
    Whole(Data),
    /// No body: the connection is taken over once the head was sent.
    Upgrade(Box<Switched>),
    // Drop order is by `finish`: the stream is closed before its lease is dropped.
    Stream(Stream, Lease, Listening),
    Pipe(Arc<Pipe>, Listening),
    File(Box<Sending>),
    /// One that was asked ahead of its time, and what it gave.
    Ahead(Box<(Source, Option<Result<Made, BodyError>>)>),
}

/// Why a response is aborted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BodyError {
    /// The application failed within its body.
    #[error("the application failed within its body")]
    Application,
    /// The body ended before its declared length.
    #[error("the body ended {0} bytes short of its declared length")]
    Short(u64),
    /// The body is a file that cannot be read.
    #[error("the body is a file that cannot be read")]
    File,
    /// Its version of the application has left service.
    #[error("the version of the application that made it has left service")]
    OutOfTime,
}

impl ReplyBody {
    /// No body, of an answer to a request in hand.
    #[inline]
    pub(crate) const fn none(in_hand: Option<InHand>) -> Self {
        Self { source: Source::Over, left: None, sent: 0, in_hand, counted: None }
    }

    /// The generation to show, where it is to be shown.
    #[inline]
    pub(crate) fn shown_generation(&self) -> Option<u64> {
        self.counted.as_ref()?.lease().shown_generation()
    }

    /// Keeps the request that this answers counted.
    #[inline]
    pub(crate) fn count(&mut self, counted: Counted) {
        self.counted = Some(counted);
    }

    /// Takes the body that an application gave; the request stays in hand.
    #[inline(always)]
    pub(super) fn give(&mut self, given: Given, declared: Option<u64>, lease: &Lease, end: End) {
        match given {
            // With a declared length it is short from the start, and hyper is told to abort.
            Given::Empty => {
                self.left = declared.filter(|length| *length > 0);
                if let Some(left) = self.left {
                    short(lease, left);
                }
            }
            Given::Whole(bytes) => self.give_whole(bytes, declared, lease),
            Given::Stream(stream) => {
                let exact = stream.size_hint().filter(|(least, most)| least == most);
                self.left = declared.or(exact.map(|(least, _)| least));
                self.source = Source::Stream(stream, lease.clone(), Listening::new(end));
            }
            Given::File(range) => self.give_file(range, declared, lease),
            // Given by itself, behind the one status that it may have.
            Given::Upgrade(upgrade) => inside(lease, || drop(upgrade)),
        }
    }

    /// Takes what takes the connection over; whether the request has asked for it.
    #[cold]
    pub(super) fn give_upgrade(&mut self, upgrade: Upgrade, lease: &Lease, wanted: Wanted) -> bool {
        let switched = Switched::new(upgrade, lease.clone(), wanted);
        let asked = switched.is_some();
        self.source = switched.map_or(Source::Over, Source::Upgrade);
        asked
    }

    #[cold]
    fn give_file(&mut self, range: FileRange, declared: Option<u64>, lease: &Lease) {
        let length = declared.unwrap_or(range.length);
        if length < range.length {
            excess(lease);
        }
        self.left = Some(length);
        self.begin(Source::File(Box::new(Sending::new(range, lease.clone()))));
    }

    /// The same for all bytes at once.
    #[inline(always)]
    pub(super) fn give_whole(&mut self, bytes: SharedBytes, declared: Option<u64>, lease: &Lease) {
        let most = bytes.len();
        let limit = declared.map_or(most, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if limit < most {
            excess(lease);
        } else if limit > most {
            short(lease, (limit - most) as u64);
        }
        self.left = Some(limit as u64);
        self.begin(Source::Whole(Data::library(bytes, limit, lease.clone())));
    }

    /// Puts a source where none is.
    #[inline]
    fn begin(&mut self, source: Source) {
        let before = ManuallyDrop::new(std::mem::replace(&mut self.source, source));
        // Nearly never, and told without a call.
        if !matches!(*before, Source::Over) {
            drop(ManuallyDrop::into_inner(before));
        }
    }

    /// Takes over the body of a response that was made elsewhere; the request stays in hand.
    pub(crate) fn take_over(&mut self, mut other: Self) {
        std::mem::swap(&mut self.source, &mut other.source);
        (self.left, self.sent) = (other.left, other.sent);
    }

    /// Leaves out a body of the host's own, as to a HEAD; its length, to be told all the same.
    pub(crate) fn leave_out(&mut self) -> Option<u64> {
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Whole(_) => self.left.take(),
            source => {
                self.source = source;
                None
            }
        }
    }

    /// Bytes of the host.
    pub(crate) const fn host(bytes: Bytes) -> Self {
        let left = Some(bytes.len() as u64);
        let source = Source::Whole(Data::host(bytes));
        Self { source, left, sent: 0, in_hand: None, counted: None }
    }

    /// Lays a pipe for a stream, to be pulled on a pool's thread and read here.
    pub(super) fn lay_pipe(&mut self, exchange: Weak<Exchange>) -> Option<Arc<Pipe>> {
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Stream(stream, lease, listening) => {
                let pipe = Pipe::new(stream, lease, exchange);
                self.source = Source::Pipe(Arc::clone(&pipe), listening);
                Some(pipe)
            }
            other => {
                self.source = other;
                None
            }
        }
    }

    /// A whole body is one piece, which was cut already where it was too long.
    #[inline]
    fn whole(&mut self) -> Option<Data> {
        let Source::Whole(data) = &self.source else { return None };
        let length = data.remaining() as u64;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(length);
        }
        self.sent = length;
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Whole(data) if length > 0 => Some(data),
            _ => None,
        }
    }

    /// Of a body that is made piece by piece, or is over.
    #[inline(never)]
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Data>, BodyError>>> {
        self.take();
        loop {
            let polled = match self.pull(context) {
                Poll::Pending => match self.poll_farewell(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(End::Clean) => {
                        // The client sees an end; the application has not come to its own.
                        self.finish(Outcome::Failed);
                        return Poll::Ready(None);
                    }
                    Poll::Ready(End::Broken) => Some(Err(BodyError::OutOfTime)),
                },
                Poll::Ready(polled) => polled,
            };
            match polled {
                Some(Ok(Made::Data(data))) => {
                    let data = self.account(data);
                    if data.has_remaining() {
                        let data = self.gather(data, context);
                        self.offer();
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    if self.left == Some(0) {
                        self.finish(Outcome::Completed);
                        return Poll::Ready(None);
                    }
                }
                Some(Ok(Made::Trailers(fields))) => {
                    return Poll::Ready(match self.end() {
                        None if fields.is_empty() => None,
                        None => Some(Ok(Frame::trailers(*fields))),
                        Some(left) => Some(Err(BodyError::Short(left))),
                    });
                }
                Some(Err(error)) => {
                    self.finish(Outcome::Failed);
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(self.end().map(|left| Err(BodyError::Short(left)))),
            }
        }
    }

    /// The end of what the application gives; how much is missing, if anything is.
    fn end(&mut self) -> Option<u64> {
        let missing = self.left.take().filter(|left| *left > 0);
        if let (Some(left), Some(lease)) = (missing, self.source.lease()) {
            short(lease, left);
        }
        self.finish(missing.map_or(Outcome::Completed, |_| Outcome::Failed));
        missing
    }

    #[inline]
    fn pull(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Made, BodyError>>> {
        match &mut self.source {
            Source::Over | Source::Whole(_) | Source::Upgrade(_) => Poll::Ready(None),
            Source::Ahead(_) => Poll::Ready(self.take_ahead()),
            Source::Pipe(pipe, _) => pipe.poll(context.waker()),
            Source::File(file) => {
                let outlet = self.in_hand.as_ref().and_then(InHand::outlet);
                let polled = file.poll(context, self.left.unwrap_or(0), outlet);
                polled.map(|read| read.map(|read| read.map(Made::Data)))
            }
            Source::Stream(stream, lease, _) => {
                let pull = || stream.pull(Some(context.waker()));
                let pulled = inside(lease, pull);
                pulled.map(|pulled| pulled.map(|piece| read(piece, lease)))
            }
        }
    }

    /// Ready when a stream that waits has to end, because the time of its stack is over.
    fn poll_farewell(&mut self, context: &Context<'_>) -> Poll<End> {
        let (lease, listening) = match &mut self.source {
            Source::Stream(_, lease, listening) => (&*lease, listening),
            Source::Pipe(pipe, listening) => (pipe.lease(), listening),
            _ => return Poll::Pending,
        };
        if self.left.is_some() {
            return Poll::Pending;
        }
        listening.poll(lease, context)
    }

    /// Accounts for a piece: cuts what is too much.
    #[inline]
    fn account(&mut self, data: Data) -> Data {
        let length = data.remaining() as u64;
        let data = match self.left {
            Some(left) if length > left => {
                if let Some(lease) = self.source.lease() {
                    excess(lease);
                }
                data.cut(left)
            }
            _ => data,
        };
        let length = data.remaining() as u64;
        self.left = self.left.map(|left| left - length);
        self.sent += length;
        data
    }

    /// A block goes to the client. A whole body is not watched here: it was handed over at once.
    #[inline]
    fn offer(&mut self) {
        if !matches!(self.source, Source::Over)
            && let Some(in_hand) = &mut self.in_hand
        {
            in_hand.offer();
        }
    }

    #[inline]
    fn take(&mut self) {
        if let Some(in_hand) = &mut self.in_hand {
            in_hand.take();
        }
    }

    #[inline]
    fn finish(&mut self, outcome: Outcome) {
        // Nearly every body is over by now; then there is nothing to move or to drop.
        if !matches!(self.source, Source::Over) {
            self.close(outcome);
        }
    }

    fn close(&mut self, outcome: Outcome) {
        match std::mem::replace(&mut self.source, Source::Over) {
            Source::Stream(stream, lease, _) => {
                inside(&lease, || stream.close(outcome, self.sent));
                drop(lease);
            }
            Source::Upgrade(switched) => self.switch(switched),
            Source::Pipe(pipe, _) => pipe.finish(outcome, self.sent),
            Source::File(file) => file.finish(outcome, self.sent),
            Source::Ahead(ahead) => {
                self.source = ahead.0;
                self.close(outcome);
            }
            Source::Over | Source::Whole(_) => {}
        }
    }
}

impl Source {
    /// Of one that is still pulled.
    fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Stream(_, lease, _) => Some(lease),
            Self::Pipe(pipe, _) => Some(pipe.lease()),
            Self::File(file) => Some(file.lease()),
            Self::Ahead(ahead) => ahead.0.lease(),
            Self::Over | Self::Whole(_) | Self::Upgrade(_) => None,
        }
    }
}

impl ReplyBody {
    /// The head was sent, or given up: its connection finds this if it goes on.
    #[cold]
    fn switch(&mut self, mut switched: Box<Switched>) {
        if let Some(in_hand) = self.in_hand.take() {
            switched.count(self.counted.take());
            in_hand.go_on_as(switched);
        }
    }
}

/// A piece of a body, in the host's words.
pub(super) fn read(
    piece: Result<Piece, dsgi::bridge::body::Failure>,
    lease: &Lease,
) -> Result<Made, BodyError> {
    match piece {
        Ok(Piece::Data(bytes)) => Ok(Made::Data(Data::library(bytes, usize::MAX, lease.clone()))),
        Ok(Piece::Trailers(fields)) => {
            Ok(Made::Trailers(Box::new(trailers::of_response(fields, lease))))
        }
        Err(failure) => {
            let app = lease.name_of(failure.generation);
            tracing::error!(app, "failed within its body: {}", failure.message);
            if failure.generation != 0 {
                lease.panicked(failure.generation);
            }
            Err(BodyError::Application)
        }
    }
}

#[cold]
fn excess(lease: &Lease) {
    let app = lease.name();
    tracing::warn!(app, "gave more bytes than its Content-Length; the rest was cut");
}

#[cold]
pub(super) fn short(lease: &Lease, left: u64) {
    let app = lease.name();
    tracing::error!(app, "ended {left} bytes short of its declared length: aborted");
}

impl Body for ReplyBody {
    type Data = Data;
    type Error = BodyError;

    #[inline]
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Data>, BodyError>>> {
        if let Some(data) = self.whole() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        self.poll_piece(context)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        // Nothing follows an upgrade's head, and what it holds goes on when this is dropped.
        matches!(self.source, Source::Over | Source::Upgrade(_))
            && self.left.is_none_or(|left| left == 0)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(
            || if self.is_end_stream() { SizeHint::with_exact(0) } else { SizeHint::new() },
            SizeHint::with_exact,
        )
    }
}

impl Drop for ReplyBody {
    #[inline]
    fn drop(&mut self) {
        // hyper does not ask again once a declared length was sent.
        let complete = self.left == Some(0);
        self.finish(if complete { Outcome::Completed } else { Outcome::ClientGone });
    }
}
