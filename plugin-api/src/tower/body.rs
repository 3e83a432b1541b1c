//! The body of a request, as services read it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};

use crate::Result;
use crate::bridge::body::Frame as Piece;
use crate::bridge::bytes::SharedBytes;
use crate::bridge::exchange::Handle;
use crate::input::InputError;

/// The body of a request: pulled from the client as it is read, and copied nowhere.
///
/// What is not read is not taken from the client either. Dropping it gives the rest up. It fails
/// with an [`InputError`], which `?` makes an [`Error`](crate::Error) of the same status.
///
/// ```
/// use http::{Request, Response};
///
/// async fn length(request: Request<dsgi::tower::Body>) -> dsgi::Result<Response<String>> {
///     let length = http_body::Body::size_hint(request.body()).exact();
///     Ok(Response::new(format!("{length:?}\n")))
/// }
/// ```
pub struct Body {
    /// There until the end, or until it failed.
    source: Option<Arc<Handle>>,
    /// Bytes still to come, where that is known.
    left: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has asked for it yet.
    Untouched,
    Begun,
}

impl Body {
    /// The body of a request; `length` is that of all of it, where it is known.
    pub(super) const fn new(source: Arc<Handle>, length: Option<u64>) -> Self {
        Self { source: Some(source), left: length, state: State::Untouched }
    }

    /// That of a request without one: nobody has asked for it yet.
    pub(super) const fn none() -> Self {
        Self { source: None, left: Some(0), state: State::Untouched }
    }

    /// No bytes.
    ///
    /// ```
    /// use http_body::Body as _;
    /// assert!(dsgi::tower::Body::empty().is_end_stream());
    /// ```
    #[must_use]
    pub const fn empty() -> Self {
        Self { source: None, left: Some(0), state: State::Begun }
    }

    /// Whether it is still all there, as the client sends it.
    pub(super) fn is_untouched(&self) -> bool {
        self.state == State::Untouched
    }

    fn took(&mut self, piece: Piece) -> Result<Frame<Bytes>> {
        match &piece {
            Piece::Data(data) => {
                let length = data.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(length));
            }
            Piece::Trailers(_) => self.source = None,
        }
        frame(piece)
    }
}

/// A piece of the host as a frame, whose bytes are not copied.
pub(super) fn frame(piece: Piece) -> Result<Frame<Bytes>> {
    match piece {
        Piece::Data(data) => Ok(Frame::data(Bytes::from_owner(Lent(data)))),
        Piece::Trailers(fields) => trailers(&fields).map(Frame::trailers),
    }
}

fn trailers(fields: &[(String, Vec<u8>)]) -> Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        map.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_bytes(value)?);
    }
    Ok(map)
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = InputError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InputError>>> {
        self.state = State::Begun;
        let Some(source) = &self.source else { return Poll::Ready(None) };
        let Poll::Ready(pulled) = source.poll_read(context.waker()) else { return Poll::Pending };
        Poll::Ready(match pulled {
            Some(Ok(piece)) => Some(self.took(piece).map_err(InputError::from)),
            Some(Err(failure)) => {
                self.source = None;
                Some(Err(InputError(failure)))
            }
            None => {
                (self.source, self.left) = (None, Some(0));
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

/// The host's bytes, which [`Bytes`] keeps.
struct Lent(SharedBytes);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.left {
            Some(left) => write!(f, "Body({left} bytes to come)"),
            None => f.write_str("Body"),
        }
    }
}
