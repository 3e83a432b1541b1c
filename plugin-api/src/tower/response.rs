//! The response of a service as an answer to the host.

use std::any::Any;
use std::task::{Context, Poll};

use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use hyper::ext::ReasonPhrase;

use super::failure::BoxError;
use super::inside::{InnerBody, Inside};
use super::outgoing::Outgoing;
use super::runtime::Entry;
use crate::bridge::body::{Frame as Piece, Stream};
use crate::bridge::bytes::SharedBytes;
use crate::bridge::future::Answers;
use crate::bridge::reply::{Reply, ReplyBody};
use crate::bridge::room::Asked;
use crate::bridge::started::Started;
use crate::{Error, Outcome, Result};

/// A response whose head is still the service's: it is laid out where the caller has room for it.
pub(super) struct Answered {
    status: StatusCode,
    /// Where it is not the usual one.
    reason: Option<ReasonPhrase>,
    headers: HeaderMap,
    body: ReplyBody,
}

/// What most heads have room for, so that most need no memory of their own on the way.
const FEW: usize = 8;

/// Takes a response apart. A body that is there at once is sent whole, in one piece with its head.
///
/// # Errors
/// The body's, where it fails at once.
pub(super) fn of<B>(response: Response<B>, context: &mut Context<'_>) -> Result<Answered>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    let (mut head, mut body) = response.into_parts();
    let inside = head.extensions.remove::<Inside>();
    let reason = head.extensions.remove::<ReasonPhrase>();
    let (status, mut headers) = (head.status, head.headers);
    if let Some(upgrade) = inside.as_ref().and_then(Inside::take_upgrade) {
        let body = ReplyBody::Upgrade(upgrade);
        return Ok(Answered { status, reason, headers, body });
    }
    // Frameworks say 0, which their own server leaves out.
    if status == StatusCode::NO_CONTENT {
        headers.remove(CONTENT_LENGTH);
    }
    // What a layer has left as it is goes on as it came.
    let any: &mut dyn Any = &mut body;
    let body = match any.downcast_mut::<InnerBody>().and_then(InnerBody::take_untouched) {
        Some(untouched) => untouched,
        None => begin(body, context, inside)?,
    };
    Ok(Answered { status, reason, headers, body })
}

impl Answered {
    /// The length that is said where the host tells it itself, because the body is there as a
    /// whole: left out, the head is the same for many bodies, and known again.
    fn needless(&self) -> Option<u64> {
        let length = match &self.body {
            ReplyBody::Empty => 0,
            ReplyBody::Whole(bytes) => bytes.len() as u64,
            _ => return None,
        };
        if matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return None;
        }
        let mut said = self.headers.iter().filter(|(name, _)| **name == CONTENT_LENGTH);
        let (Some((_, value)), None) = (said.next(), said.next()) else { return None };
        is_number(value.as_bytes(), length).then_some(length)
    }
}

/// Whether these digits are that number.
fn is_number(digits: &[u8], number: u64) -> bool {
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    });
    !digits.is_empty() && value == Some(number)
}

/// Inside of the runtime. Only a body that may go on after this needs a place of its own.
fn begin<B>(body: B, context: &mut Context<'_>, inside: Option<Inside>) -> Result<ReplyBody>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    if body.is_end_stream() {
        if let Some(inside) = inside {
            inside.tell_end(Outcome::Completed, 0);
        }
        drop(body);
        return Ok(ReplyBody::Empty);
    }
    let exact = body.size_hint().exact();
    let mut body = Outgoing::new(body, &Entry::current(), inside);
    let Some(length) = exact else { return Ok(stream(body)) };
    let Poll::Ready(first) = body.next(context) else { return Ok(stream(body)) };
    match first.transpose().map_err(Error::from_failure)? {
        Some(Piece::Data(data)) if data.len() as u64 == length && body.is_over() => {
            body.end_inside(Outcome::Completed, length);
            Ok(ReplyBody::Whole(data))
        }
        Some(piece) => {
            body.put_back(piece);
            Ok(stream(body))
        }
        None => {
            body.end_inside(Outcome::Completed, 0);
            Ok(ReplyBody::Empty)
        }
    }
}

fn stream<B>(body: Outgoing<B>) -> ReplyBody
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    ReplyBody::Stream(Stream::of(body))
}

impl Answers for Answered {
    fn reply(mut self, asked: Asked<'_>) -> Result<Option<Reply>, Error> {
        let needless = self.needless();
        let fields = self.headers.iter().filter(|(name, _)| match needless {
            None => true,
            Some(_) => **name != CONTENT_LENGTH,
        });
        let fields = fields.map(|(name, value)| (name.as_ref(), value.as_bytes()));
        let status = self.status.as_u16();
        let reason = self.reason.as_ref().map_or(&b""[..], ReasonPhrase::as_bytes);
        let mut few = [(b"".as_slice(), b"".as_slice()); FEW];
        let count = self.headers.len() - needless.map_or(0, |_| 1);
        let head = if count <= FEW {
            few.iter_mut().zip(fields).for_each(|(place, field)| *place = field);
            Started::laid(asked, status, reason, few[..count].iter().copied())
        } else {
            let many: Vec<(&[u8], &[u8])> = fields.collect();
            Started::laid(asked, status, reason, many.iter().copied())
        };
        let head = head?;
        if needless == Some(0) {
            // To a HEAD as well it is told as the length of this.
            self.body = ReplyBody::Whole(SharedBytes::constant(b""));
        }
        Ok(Some(Reply { head, body: self.body }))
    }
}
