//! One request of a FastCGI connection, from its variables to its last record.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};

use crate::duty::InHand;
use crate::gateway::line::Output;
use crate::gateway::reply::{self, Begun, Extent, Opening, Part, Reply, Unsaid};
use crate::invoke::data::Data;
use crate::invoke::upload::Feed;
use crate::limits::Limits;
use crate::message::{Errors, Origin};
use crate::wire::Variables;
use crate::wire::fastcgi::decoder::Keep;
use crate::wire::fastcgi::encoder::{self, CONTENT_MAX, Stream};

/// A request under way.
pub(super) struct Turn {
    reply: Reply,
    pub(super) feed: Option<Feed>,
    /// Bytes of the body that have not come, where they are known.
    left: Option<u64>,
    pub(super) keep: Keep,
    errors: Arc<Errors>,
    said: Said,
    /// Where its last block ends in the output.
    block_end: u64,
    head: BytesMut,
}

/// Whether the front was told errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Errors,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// For its application, or for the front to take what it has.
    Waits,
    /// All that is left is its last record.
    Over,
    /// It failed within its body.
    Broken,
}

impl Turn {
    pub(super) fn begin(
        variables: Variables,
        keep: Keep,
        origin: &Origin,
        limits: &Limits,
        in_hand: InHand,
    ) -> Self {
        let errors = Arc::new(Errors::default());
        let told = Some(Arc::clone(&errors));
        let begun = reply::begin(variables, Unsaid::UntilItsEnd, origin, told, limits, in_hand);
        let Begun { reply, feed, extent } = begun;
        let left = match extent {
            Extent::Bytes(length) => Some(length),
            Extent::UntilItsEnd => None,
        };
        let (said, head) = (Said::Nothing, BytesMut::new());
        Self { reply, feed, left, keep, errors, said, block_end: 0, head }
    }

    /// Some of the body has come; what is beyond its length is not read.
    pub(super) fn input(&mut self, mut bytes: Bytes) {
        let Some(feed) = &self.feed else { return };
        if let Some(left) = &mut self.left {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
        }
        feed.push(bytes);
        if self.left == Some(0) {
            feed.finish();
            self.feed = None;
        }
    }

    /// A body that is shorter than its length was cut.
    pub(super) fn input_end(&mut self) {
        if let Some(feed) = self.feed.take()
            && self.left.is_none()
        {
            feed.finish();
        }
    }

    /// Puts the next block to what is to be sent, a head together with what follows at once.
    pub(super) fn answer(
        &mut self,
        id: u16,
        output: &mut Output,
        context: &mut Context<'_>,
    ) -> Step {
        if !output.has_sent(self.block_end) {
            return Step::Waits;
        }
        let before = output.end();
        loop {
            let polled = self.reply.poll(context);
            self.tell_errors(id, output, context);
            match polled {
                Poll::Pending => break,
                Poll::Ready(Ok(Part::Head(head))) => {
                    reply::write_head(&mut self.head, Opening::Status, &head);
                }
                Poll::Ready(Ok(Part::Data(data))) => {
                    self.put_data(id, output, data);
                    if !self.reply.is_over() {
                        break;
                    }
                }
                Poll::Ready(Ok(Part::End)) => {
                    self.flush(id, output);
                    output.put(&encoder::header(id, Stream::Output, 0));
                    if self.said == Said::Errors {
                        output.put(&encoder::header(id, Stream::Errors, 0));
                    }
                    return Step::Over;
                }
                Poll::Ready(Err(_)) => return Step::Broken,
            }
        }
        self.flush(id, output);
        if output.end() > before {
            self.block_end = output.end();
        }
        Step::Waits
    }

    /// A short block goes into one record with the head.
    fn put_data(&mut self, id: u16, output: &mut Output, data: Data) {
        if self.head.is_empty() || self.head.len() + data.remaining() > CONTENT_MAX {
            self.flush(id, output);
            put_records(output, id, Stream::Output, data.into_bytes());
        } else {
            self.head.extend_from_slice(data.chunk());
            self.flush(id, output);
        }
    }

    fn flush(&mut self, id: u16, output: &mut Output) {
        if !self.head.is_empty() {
            put_records(output, id, Stream::Output, self.head.split().freeze());
        }
    }

    /// What the application has written to its errors goes to the front's log.
    fn tell_errors(&mut self, id: u16, output: &mut Output, context: &Context<'_>) {
        if let Poll::Ready(text) = self.errors.poll_take(context) {
            self.said = Said::Errors;
            put_records(output, id, Stream::Errors, text);
        }
    }
}

/// Puts bytes as records of one stream.
pub(super) fn put_records(output: &mut Output, id: u16, stream: Stream, mut bytes: Bytes) {
    while !bytes.is_empty() {
        let content = bytes.split_to(bytes.len().min(CONTENT_MAX));
        let length = content.len();
        output.put(&encoder::header(id, stream, length));
        output.put_block(content);
        output.put(encoder::padding(length));
    }
}
