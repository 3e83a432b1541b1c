//! The FastCGI gateway: a connection, and the requests that share it.
//!
//! Each request has a block on its way at most, and asks for the next one when that has left, so
//! that none fills the connection. What a slow one does not read is kept for it where others may
//! come, up to the length of a whole body. Invariant: a response that fails within its body never
//! gets its last record.

mod turn;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;

use self::turn::{Step, Turn};
use super::front::Front;
use super::line::Output;
use super::reply;
use super::single::{self, most};
use crate::duty::Verdict;
use crate::invoke::upload::Feed;
use crate::limits::{Limits, TOLD_BYTES, UPLOAD_WINDOW};
use crate::log::Sparing;
use crate::wire::fastcgi::Status;
use crate::wire::fastcgi::decoder::{Decoder, Event, Heard, Keep, Refused};
use crate::wire::fastcgi::encoder::{self, Stream};

/// Serves a connection to its end.
pub(crate) async fn serve(front: Front) {
    let requests = usize::try_from(front.limits.streams).unwrap_or(usize::MAX);
    let decoder = Decoder::new(most(&front.limits), requests);
    let turns = BTreeMap::new();
    let (told, stage) = (Told::default(), Stage::Open);
    let (heard, asked) = (Heard::All, Asked::Everybody);
    let mut connection = Connection { front, decoder, turns, told, stage, heard, asked };
    match poll_fn(|context| connection.poll(context)).await {
        // Nothing follows, and a socket can be closed at once.
        End::Whole if connection.has_heard_all() => {}
        End::Whole => {
            let Front { line, duty, .. } = &mut connection.front;
            poll_fn(|context| match duty.verdict() {
                Verdict::Serve => line.poll_goodbye(context),
                Verdict::Finish | Verdict::End => Poll::Ready(()),
            })
            .await;
        }
        End::Broken => connection.front.line.break_off(),
        End::Gone => {}
    }
}

static FAULTS: Sparing = Sparing::new();

struct Connection {
    front: Front,
    decoder: Decoder,
    turns: BTreeMap<u16, Turn>,
    told: Told,
    stage: Stage,
    /// How much has come of all requests that were over.
    heard: Heard,
    asked: Asked,
}

/// Whether requests have had a chance to answer what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Everybody,
    NotAll,
}

/// What the connection has said by itself, beside responses, which wait for each other. It is as
/// much as a front makes of it, who need not read what it asks for.
#[derive(Debug, Default)]
struct Told {
    bytes: u64,
    /// Where the last of it ends.
    end: u64,
}

impl Told {
    const fn add(&mut self, before: u64, after: u64) {
        if after > before {
            self.bytes += after - before;
            self.end = after;
        }
    }

    /// Whether more may be said.
    const fn may_grow(&mut self, output: &Output) -> bool {
        if self.bytes > TOLD_BYTES && output.has_sent(self.end) {
            self.bytes = 0;
        }
        self.bytes <= TOLD_BYTES
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It takes requests.
    Open,
    /// It ends when those in hand are done.
    Closing,
    /// The same, and one of them has to look broken.
    Breaking,
}

/// How a connection ended.
enum End {
    Whole,
    Broken,
    /// Nobody is there any more.
    Gone,
}

impl Connection {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        loop {
            if self.front.duty.verdict() == Verdict::Finish {
                self.stage = self.stage.max(Stage::Closing);
            }
            let listened = self.listen(context);
            if let Poll::Ready(Some(end)) = listened {
                return Poll::Ready(end);
            }
            self.answer(context);
            // Whatever leaves makes room for the next block of a request.
            let sends = !self.front.line.output.is_empty();
            match self.front.line.poll_send(context) {
                Poll::Ready(Err(_)) => return Poll::Ready(End::Gone),
                Poll::Ready(Ok(())) if sends => {}
                Poll::Ready(Ok(())) if self.turns.is_empty() && self.stage != Stage::Open => {
                    let broken = self.stage == Stage::Breaking;
                    return Poll::Ready(if broken { End::Broken } else { End::Whole });
                }
                _ if listened.is_ready() => {}
                _ => return Poll::Pending,
            }
        }
    }

    /// Takes what the front says, as long as there is room for it. Ready where that is to be
    /// answered before more is read: the connection may be over with it.
    fn listen(&mut self, context: &mut Context<'_>) -> Poll<Option<End>> {
        loop {
            if !self.has_room(context) {
                return Poll::Pending;
            }
            match self.decoder.next(&mut self.front.line.input) {
                Ok(Some(event)) => {
                    let before = self.front.line.output.end();
                    self.take(event);
                    self.told.add(before, self.front.line.output.end());
                    self.asked = Asked::NotAll;
                }
                Ok(None) if self.asked == Asked::NotAll => return Poll::Ready(None),
                Ok(None) => match ready!(self.front.line.poll_read(context)) {
                    Ok(0) | Err(_) => return Poll::Ready(Some(End::Gone)),
                    Ok(_) => {}
                },
                Err(fault) => {
                    FAULTS.warn(format_args!("a connection of FastCGI is broken off: {fault}"));
                    return Poll::Ready(Some(End::Broken));
                }
            }
        }
    }

    /// Whether nothing more comes of any request.
    fn has_heard_all(&self) -> bool {
        let between = self.front.line.input.is_empty() && self.decoder.is_between();
        between && self.heard == Heard::All
    }

    /// Whether more may be read. A request that has its connection alone has a window. Where others
    /// may come beside it, it has as much as a body may have, so that whoever reads it slowly keeps
    /// only itself waiting.
    fn has_room(&mut self, context: &Context<'_>) -> bool {
        if !self.told.may_grow(&self.front.line.output) {
            return false;
        }
        let feeds = || self.turns.values().filter_map(|turn| turn.feed.as_ref());
        let waits = |feed: &Feed| feed.poll_room(context, UPLOAD_WINDOW).is_pending();
        // Each of them is asked, for each may be the first that has room again.
        if feeds().filter(|feed| waits(feed)).count() == 0 {
            return true;
        }
        let held: usize = feeds().map(Feed::held).sum();
        let shared = self.turns.values().any(|turn| turn.keep == Keep::Open);
        shared && (held as u64) < self.front.limits.body_bytes
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Request { id, variables, keep } if self.stage == Stage::Open => {
                let Front { origin, limits, duty, .. } = &self.front;
                let turn = Turn::begin(variables, keep, origin, limits, duty.begin());
                self.turns.insert(id, turn);
            }
            Event::Request { id, keep, .. } => {
                self.heard = self.heard.max(self.decoder.over(id));
                self.end(id, Status::Overloaded, keep);
            }
            Event::Input { id, bytes } => {
                if let Some(turn) = self.turns.get_mut(&id) {
                    turn.input(bytes);
                }
            }
            Event::InputEnd { id } => {
                if let Some(turn) = self.turns.get_mut(&id) {
                    turn.input_end();
                }
            }
            Event::Abort { id } => {
                self.heard = self.heard.max(self.decoder.over(id));
                let keep = self.turns.remove(&id).map_or(Keep::Open, |turn| turn.keep);
                self.end(id, Status::Complete, keep);
            }
            Event::Refused { id, why, keep } => self.refuse(id, why, keep),
            Event::Values(asked) => {
                let Limits { connections, streams, .. } = &*self.front.limits;
                let (connections, streams) = (connections.to_string(), streams.to_string());
                let ours = [
                    ("FCGI_MAX_CONNS", &*connections),
                    ("FCGI_MAX_REQS", &*streams),
                    ("FCGI_MPXS_CONNS", "1"),
                ];
                self.front.line.output.put(&encoder::values(&asked, &ours));
            }
            Event::Unknown { kind } => self.front.line.output.put(&encoder::unknown(kind)),
        }
    }

    /// A request that no application sees.
    fn refuse(&mut self, id: u16, why: Refused, keep: Keep) {
        self.heard = Heard::Some;
        FAULTS.warn(format_args!("a request over FastCGI is refused: {why}"));
        let (status, said) = match why {
            Refused::Role(_) => (Status::UnknownRole, None),
            Refused::Overloaded(_) => (Status::Overloaded, None),
            Refused::Order => (Status::Complete, Some(StatusCode::BAD_REQUEST)),
            Refused::Variables(why) => (Status::Complete, Some(single::Refused::from(why).status)),
        };
        if let Some(said) = said {
            let page = reply::plain_page(said, &why.to_string());
            turn::put_records(&mut self.front.line.output, id, Stream::Output, Bytes::from(page));
            self.front.line.output.put(&encoder::header(id, Stream::Output, 0));
        }
        self.end(id, status, keep);
    }

    /// The last record of a request.
    fn end(&mut self, id: u16, status: Status, keep: Keep) {
        self.front.line.output.put(&encoder::end(id, status));
        if keep == Keep::Close {
            self.stage = self.stage.max(Stage::Closing);
        }
    }

    /// Asks each request whose last block has left for the next one.
    fn answer(&mut self, context: &mut Context<'_>) {
        let mut over = Vec::new();
        self.asked = Asked::Everybody;
        for (id, turn) in &mut self.turns {
            match turn.answer(*id, &mut self.front.line.output, context) {
                Step::Waits => {}
                Step::Over => over.push((*id, Ok(turn.keep))),
                Step::Broken => over.push((*id, Err(()))),
            }
        }
        for (id, ended) in over {
            self.turns.remove(&id);
            self.heard = self.heard.max(self.decoder.over(id));
            match ended {
                Ok(keep) => self.end(id, Status::Complete, keep),
                Err(()) => self.stage = Stage::Breaking,
            }
        }
    }
}
