//! One request on a connection of its own, as SCGI and uwsgi have it: a head, a body of a known
//! length, a response, and the end.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use http::StatusCode;

use super::front::Front;
use super::line::Line;
use super::reply::{self, Begun, Extent, Opening, Part, Reply, Unsaid};
use crate::duty::Verdict;
use crate::invoke::upload::Feed;
use crate::limits::{Limits, UPLOAD_WINDOW, VARIABLES_BESIDE};
use crate::log::Sparing;
use crate::wire::{Most, Unusable, Variables};

/// A protocol of one request for each connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    pub(super) name: &'static str,
    /// Takes the head of a request off the front of what has come.
    pub(super) head: fn(&mut BytesMut, Most) -> Result<Option<Variables>, Refused>,
    pub(super) opening: Opening,
}

/// Why a head is none.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl From<Unusable> for Refused {
    fn from(unusable: Unusable) -> Self {
        let status = match unusable {
            Unusable::Bytes(_) | Unusable::Count(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Unusable::Beyond | Unusable::Nameless => StatusCode::BAD_REQUEST,
        };
        Self { status, why: unusable.to_string() }
    }
}

static FAULTS: Sparing = Sparing::new();

/// A request under way.
struct Turn {
    line: Line,
    reply: Reply,
    feed: Option<Feed>,
    /// Bytes of the body that have not come, or more than there can be.
    left: u64,
    opening: Opening,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Answering,
    /// All of the response lies in the output.
    Answered,
}

/// How a connection ended.
enum End {
    /// The response was sent.
    Whole,
    /// The response has to look broken.
    Broken,
    /// Nobody is there any more.
    Gone,
}

/// How much of variables a request may bring.
pub(super) const fn most(limits: &Limits) -> Most {
    Most { bytes: limits.header_bytes, count: limits.header_count + VARIABLES_BESIDE }
}

/// Answers the request of a connection.
pub(super) async fn serve(front: Front, protocol: Protocol) {
    let Front { mut line, duty, origin, limits } = front;
    let head = poll_fn(|context| {
        if duty.verdict() == Verdict::Finish {
            return Poll::Ready(None);
        }
        poll_head(&mut line, protocol, most(&limits), context)
    });
    let Begun { reply, feed, extent } = match head.await {
        None => return,
        Some(Ok(variables)) => {
            reply::begin(variables, Unsaid::None, &origin, None, &limits, duty.begin())
        }
        Some(Err(Refused { status, why })) => {
            FAULTS.warn(format_args!("a request over {} is refused: {why}", protocol.name));
            reply::refuse(status, &why, duty.begin())
        }
    };
    let left = match extent {
        Extent::Bytes(length) => length,
        Extent::UntilItsEnd => u64::MAX,
    };
    let opening = protocol.opening;
    let mut turn = Turn { line, reply, feed, left, opening, stage: Stage::Answering };
    match poll_fn(|context| turn.poll(context)).await {
        // Where all of the request was read nothing follows it, and a socket can be closed at once.
        End::Whole if turn.feed.is_none() && turn.left == 0 && turn.line.input.is_empty() => {}
        End::Whole => {
            let Turn { mut line, reply, .. } = turn;
            drop(reply);
            poll_fn(|context| match duty.verdict() {
                Verdict::Serve => line.poll_goodbye(context),
                Verdict::Finish | Verdict::End => Poll::Ready(()),
            })
            .await;
        }
        End::Broken => turn.line.break_off(),
        End::Gone => {}
    }
}

/// Reads until there is a head; none at the end.
fn poll_head(
    line: &mut Line,
    protocol: Protocol,
    most: Most,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Variables, Refused>>> {
    loop {
        match (protocol.head)(&mut line.input, most) {
            Ok(None) => {}
            Ok(Some(variables)) => return Poll::Ready(Some(Ok(variables))),
            Err(refused) => return Poll::Ready(Some(Err(refused))),
        }
        match ready!(line.poll_read(context)) {
            Ok(0) | Err(_) => return Poll::Ready(None),
            Ok(_) => {}
        }
    }
}

impl Turn {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        if self.feed.is_some() && self.take_body(context).is_err() {
            return Poll::Ready(End::Gone);
        }
        let responded = self.respond(context);
        // An answer that is there at once need not look whether somebody waits for it.
        if responded.is_pending() && self.look_out(context).is_err() {
            return Poll::Ready(End::Gone);
        }
        responded
    }

    fn respond(&mut self, context: &mut Context<'_>) -> Poll<End> {
        loop {
            match self.line.poll_send(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(End::Gone),
                Poll::Ready(Ok(())) if self.stage == Stage::Answered => {
                    return Poll::Ready(End::Whole);
                }
                Poll::Ready(Ok(())) => {}
            }
            if !ready!(self.answer(context)) {
                return Poll::Ready(End::Broken);
            }
        }
    }

    /// Puts the next part of the response to what is to be sent, and a head together with what
    /// follows at once; whether it goes well.
    fn answer(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let output = &mut self.line.output;
        while self.stage == Stage::Answering {
            match self.reply.poll(context) {
                Poll::Pending if output.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Ok(Part::Head(head))) => {
                    output.write(|into| reply::write_head(into, self.opening, &head));
                }
                Poll::Ready(Ok(Part::Data(data))) => {
                    output.put_data(data);
                    if !self.reply.is_over() {
                        break;
                    }
                }
                Poll::Ready(Ok(Part::End)) => self.stage = Stage::Answered,
                Poll::Ready(Err(_)) => return Poll::Ready(false),
            }
        }
        Poll::Ready(true)
    }

    /// Gives the reader what has come of the body, and reads as much as it has room for.
    fn take_body(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while let Some(feed) = &self.feed {
            let come = self.left.min(self.line.input.len() as u64);
            let block = self.line.input.split_to(usize::try_from(come).unwrap_or(0));
            self.left -= come;
            feed.push(block.freeze());
            if self.left == 0 {
                feed.finish();
                self.feed = None;
            } else if feed.poll_room(context, UPLOAD_WINDOW).is_pending()
                || self.read(context)?.is_pending()
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Behind the body nothing comes but the end of a client that has left.
    fn look_out(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        // Whatever it sends there, it is not read.
        while self.feed.is_none() && self.line.input.len() <= UPLOAD_WINDOW {
            if self.read(context)?.is_pending() {
                break;
            }
        }
        Ok(())
    }

    /// Reads once; an end is an error.
    fn read(&mut self, context: &mut Context<'_>) -> io::Result<Poll<()>> {
        match self.line.poll_read(context) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(read) => read.map(|_| Poll::Ready(())),
        }
    }
}
