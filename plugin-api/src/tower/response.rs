//! The response of a service as an answer to the host.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};

use super::failure::{self, BoxError};
use super::outgoing::Outgoing;
use super::runtime::Entry;
use crate::bridge::body::Stream;
use crate::bridge::bytes::SharedBytes;
use crate::bridge::future::Answers;
use crate::bridge::reply::{Reply, ReplyBody};
use crate::bridge::room::Asked;
use crate::bridge::started::Started;
use crate::{Error, Result};

/// A response whose head is still the service's: it is laid out where the caller has room for it.
pub(super) struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
}

/// What most heads have room for, so that most need no memory of their own on the way.
const FEW: usize = 16;

/// Takes a response apart. A body that is there at once is sent whole, in one piece with its head.
///
/// # Errors
/// The body's, where it fails at once.
pub(super) fn of<B>(
    response: Response<B>,
    context: &mut Context<'_>,
    entry: &Entry,
) -> Result<Answered>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    let (head, body) = response.into_parts();
    let body = begin(body, context, entry)?;
    Ok(Answered { status: head.status, headers: head.headers, body })
}

fn begin<B>(body: B, context: &mut Context<'_>, entry: &Entry) -> Result<ReplyBody>
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    if body.is_end_stream() {
        return Ok(ReplyBody::Empty);
    }
    let exact = body.size_hint().exact();
    let mut body = Box::pin(body);
    let Some(length) = exact else { return Ok(stream(Outgoing::new(body, entry))) };
    let first = match body.as_mut().poll_frame(context) {
        Poll::Pending => return Ok(stream(Outgoing::new(body, entry))),
        Poll::Ready(None) => return Ok(ReplyBody::Empty),
        Poll::Ready(Some(frame)) => frame.map_err(|error| failure::of(error.into()))?,
    };
    match first.into_data() {
        Ok(data) if data.remaining() as u64 == length && body.is_end_stream() => {
            Ok(ReplyBody::Whole(shared(data)))
        }
        Ok(data) => Ok(stream(Outgoing::behind(Frame::data(data), body, entry))),
        Err(frame) => Ok(stream(Outgoing::behind(frame, body, entry))),
    }
}

fn stream<B>(body: Outgoing<B>) -> ReplyBody
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    ReplyBody::Stream(Stream::of(body))
}

/// Bytes of a service, as the other side holds them.
pub(super) fn shared<D: Buf>(mut data: D) -> SharedBytes {
    let bytes: Bytes = data.copy_to_bytes(data.remaining());
    SharedBytes::from_owner(bytes)
}

impl Answers for Answered {
    fn reply(self, asked: Asked<'_>) -> Result<Option<Reply>, Error> {
        let fields = self.headers.iter().map(|(name, value)| (name.as_ref(), value.as_bytes()));
        let status = self.status.as_u16();
        let mut few = [(b"".as_slice(), b"".as_slice()); FEW];
        let count = self.headers.len();
        let head = if count <= FEW {
            few.iter_mut().zip(fields).for_each(|(place, field)| *place = field);
            Started::laid(asked, status, few[..count].iter().copied())
        } else {
            let many: Vec<(&[u8], &[u8])> = fields.collect();
            Started::laid(asked, status, many.iter().copied())
        };
        Ok(Some(Reply { head: head?, body: self.body }))
    }
}
