//! What is further in has answered: its response as a layer of tower sees it.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::ext::ReasonPhrase;

use super::body::frame;
use crate::bridge::body::{Frame as Piece, Pull};
use crate::bridge::inward::Given;
use crate::bridge::reply::ReplyBody;
use crate::bridge::upgrade::Upgrade;
use crate::{Body, Error, Outcome, Result};

/// The body of what is further in. A layer that hands it on untouched has it sent as it came.
pub struct InnerBody {
    /// There until it was handed on, or told its end.
    body: Option<Body>,
    state: State,
    /// Bytes that were read.
    read: u64,
    inside: Option<Inside>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Untouched,
    Begun,
    Ended,
}

/// What goes out beside the body, in the extensions of a response.
#[derive(Clone, Default)]
pub(super) struct Inside(Arc<Mutex<Beside>>);

#[derive(Default)]
struct Beside {
    upgrade: Option<Upgrade>,
    end: Option<(Outcome, u64)>,
}

/// The response of what is further in.
pub(super) fn response(given: Given) -> Result<Response<InnerBody>> {
    let inside = Inside::default();
    let body = match given.body {
        ReplyBody::Upgrade(upgrade) => {
            inside.lock().upgrade = Some(upgrade);
            ReplyBody::Empty
        }
        body => body,
    };
    let body = Some(Body::of_inner(body));
    let kept = Some(inside.clone());
    let body = InnerBody { body, state: State::Untouched, read: 0, inside: kept };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(given.head.status())?;
    for (name, value) in given.head.fields() {
        let (name, value) = (HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
        response.headers_mut().append(name, value);
    }
    response.extensions_mut().insert(inside);
    if let Some(reason) = reason(response.status(), given.head.reason_bytes())? {
        response.extensions_mut().insert(reason);
    }
    Ok(response)
}

/// A reason of one's own: `start_response` is mostly told the usual one.
fn reason(status: StatusCode, said: &[u8]) -> Result<Option<ReasonPhrase>> {
    let usual = status.canonical_reason().unwrap_or_default();
    match said.is_empty() || said == usual.as_bytes() {
        true => Ok(None),
        false => Ok(Some(ReasonPhrase::try_from(said)?)),
    }
}

impl Inside {
    /// An upgrade that goes out with this response.
    pub(super) fn of_upgrade(upgrade: Upgrade) -> Self {
        let inside = Self::default();
        inside.lock().upgrade = Some(upgrade);
        inside
    }

    pub(super) fn has_upgrade(&self) -> bool {
        self.lock().upgrade.is_some()
    }

    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        self.lock().upgrade.take()
    }

    pub(super) fn tell_end(&self, outcome: Outcome, bytes_sent: u64) {
        self.lock().end = Some((outcome, bytes_sent));
    }

    fn lock(&self) -> MutexGuard<'_, Beside> {
        // Nothing unwinds in between.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InnerBody {
    /// All of it, if nobody has asked for any yet.
    pub(super) fn take_untouched(&mut self) -> Option<ReplyBody> {
        if self.state != State::Untouched {
            return None;
        }
        self.body.take().map(Body::into_reply)
    }

    fn took(&mut self, piece: Piece) -> Result<Frame<Bytes>> {
        if let Piece::Data(data) = &piece {
            self.read += data.len() as u64;
        }
        frame(piece)
    }
}

impl http_body::Body for InnerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        if self.state == State::Ended {
            return Poll::Ready(None);
        }
        self.state = State::Begun;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Poll::Ready(pulled) = body.pull(Some(context.waker())) else { return Poll::Pending };
        Poll::Ready(match pulled {
            Some(Ok(piece)) => Some(self.took(piece)),
            Some(Err(failure)) => {
                self.body = None;
                Some(Err(Error::from_failure(failure)))
            }
            None => {
                self.state = State::Ended;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        let empty = || self.body.as_ref().is_some_and(Body::is_over);
        self.state == State::Ended || self.body.is_none() || empty()
    }

    fn size_hint(&self) -> SizeHint {
        let known = self.body.as_ref().and_then(Pull::size_hint);
        let mut hint = SizeHint::new();
        if let Some((least, most)) = known {
            hint.set_upper(most);
            hint.set_lower(least);
        }
        hint
    }
}

impl Default for InnerBody {
    fn default() -> Self {
        Self { body: None, state: State::Ended, read: 0, inside: None }
    }
}

impl Drop for InnerBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        let told = self.inside.as_ref().and_then(|inside| inside.lock().end.take());
        let usual = match self.state {
            State::Ended => (Outcome::Completed, self.read),
            State::Untouched | State::Begun => (Outcome::Failed, self.read),
        };
        let (outcome, bytes_sent) = told.unwrap_or(usual);
        Box::new(body).close(outcome, bytes_sent);
    }
}

impl fmt::Debug for InnerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InnerBody({:?}, {} bytes read)", self.state, self.read)
    }
}
