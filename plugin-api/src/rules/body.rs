//! The body of a response: what it is made of, and the account that is kept of it.

use super::Kept::{Checked, Enforced, Held, Impossible};
use super::Severity::{Error, Warning};
use super::Shown::Mistake;
use super::head::{Answered, CONTENT_TYPE_MISSING, Declared, is_clean, is_hop_by_hop, is_token};
use super::{Breach, OUTCOME, quoted, rules};
use crate::Outcome;

rules! {
    Bodies;

    /// An application returns a body; one without bytes is `Body::empty()`.
    RETURNED = 39, "body-returned", App, Impossible(Mistake("no_body"));

    /// A text is not a body: it would be one of single characters. A body of one block is
    /// `[block]` or `Body::from(block)`.
    NOT_ONE_TEXT = 40, "body-not-one-text", App, Impossible(Mistake("one_string"));

    /// A block is bytes.
    BLOCK_BYTES = 54, "body-block-bytes", App, Impossible(Mistake("wrong_item"));

    /// A body has as many bytes as `Content-Length` says. What is more is cut off; what is less
    /// breaks the response off, so that the client knows.
    LENGTH = 59, "body-length", App, Enforced(Error);

    /// A 204 and a 304 have no body. The host sends none.
    UNWANTED = 60, "body-unwanted", App, Enforced(Warning);

    /// `HEAD` may be answered as `GET` is: the host leaves the body out, and tells its length where
    /// it is known.
    HEAD = 97, "body-left-out", Host, Held("tests/wire.rs: an_answer_to_head_is_its_head");

    /// A body that says how many bytes are to come gives so many.
    HINT = 93, "body-hint", App, Checked(Error);

    /// A body is empty, whole, a stream, or a range of a file.
    KIND = 96, "body-kind", App, Enforced(Error);

    /// An upgrade and the status 101 come together, and with no body. The host answers 502 instead.
    UPGRADE_STATUS = 105, "upgrade-status", App, Enforced(Error);

    /// A connection is taken over only where the request asks for it: over HTTP/1.1, without a
    /// body, by `Connection: upgrade` and `Upgrade`. The host answers 502 instead.
    UPGRADE_ASKED = 106, "upgrade-asked", App, Enforced(Error);

    /// A connection that was taken over stays until its end or the drain timeout of its version.
    /// Then a WebSocket is told 1012 between two frames, and other connections end.
    UPGRADE_ENDS = 107, "upgrade-ends", Host,
        Held("tests/upgrades/leaving.rs: what_the_old_version_has_ends_with_its_time");

    /// Over HTTP/2 trailers are always sent; over HTTP/1.1 those that the field `Trailer` names, to
    /// a client that has said `TE: trailers`, behind a body of no declared length.
    TRAILERS_SENT = 108, "body-trailers-sent", Host,
        Held("tests/trailers.rs: over_http1_they_are_sent_to_whom_takes_them");

    /// Nothing follows trailers.
    TRAILERS_LAST = 94, "body-trailers-last", App, Checked(Error);

    /// Trailers are fields like those of a head, and none that a recipient must know before the
    /// body: no `Content-Length`, `Content-Type`, `Host`, and none of the connection.
    TRAILER_FIELDS = 95, "body-trailer-fields", App, Checked(Error);

    /// An error in place of a block ends the body, and the response is broken off, so that no
    /// client takes it for complete.
    ERROR_ENDS = 98, "body-error-ends", Host,
        Held("tests/panics.rs: a_panic_within_a_body_breaks_the_response_off");

    /// A block is sent when it is given: the host waits for nothing else, and never for the next.
    MOMENT = 101, "body-moment", Host, Held("tests/http.rs: blocks_are_sent_as_they_are_made");

    /// The next block is asked for when the transport takes it. Besides the oldest one, a host
    /// keeps at most 1 MiB of blocks that were not sent.
    READ_AHEAD = 63, "body-read-ahead", Host, Checked(Warning);

    /// A body is not asked for more after its end, or after an error.
    AFTER_END = 99, "body-after-end", Host, Checked(Error);

    /// A body is not asked for more once it was closed.
    AFTER_CLOSE = 53, "body-after-close", Host, Checked(Error);

    /// A body has one user at a time; any thread may be next.
    ONE_USER = 100, "body-one-user", Host, Checked(Error);
}

/// What a host may keep of a body besides the block that it sends.
pub(crate) const KEPT_BYTES_MAX: u64 = 1024 * 1024;

/// The account that is kept of one body: what was promised, what was given, and whether it is over.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    promise: Promise,
    hint: Option<(u64, u64)>,
    given: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// Whatever comes is left out: an answer to `HEAD`.
    LeftOut,
    /// A status that has none.
    NoBody,
    /// A body, of so many bytes where that was declared.
    Body { declared: Option<u64>, described: Described },
}

/// Whether the head says what the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Described {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Trailers,
    Over,
}

impl Account {
    /// Of the body behind this head, to a request of this method; `hint` is what the body says of
    /// the bytes to come.
    pub(crate) fn open(method: &[u8], head: &Answered<'_>, hint: Option<(u64, u64)>) -> Self {
        let declared = match head.declared() {
            Declared::Bytes(length) => Some(length),
            Declared::Nothing | Declared::Nonsense => None,
        };
        let described = if head.has("content-type") { Described::Yes } else { Described::No };
        let promise = match (method, head.has_body()) {
            (b"HEAD", _) => Promise::LeftOut,
            (_, false) => Promise::NoBody,
            (_, true) => Promise::Body { declared, described },
        };
        Self { promise, hint, given: 0, state: State::Open }
    }

    /// A block of so many bytes was given.
    pub(crate) fn block(&mut self, length: u64) -> Vec<Breach> {
        let mut breaches = self.nothing_before();
        let first = self.given == 0 && length > 0;
        self.given += length;
        match self.promise {
            Promise::NoBody if first => {
                breaches.push(Breach::of(&UNWANTED, format!("a block of {length} bytes")));
            }
            Promise::Body { declared, described } => {
                if first && described == Described::No {
                    breaches.push(Breach::of(&CONTENT_TYPE_MISSING, "a block, and no such field"));
                }
                if declared.is_some_and(|declared| self.given > declared) {
                    breaches.push(self.counted(declared));
                }
            }
            Promise::LeftOut | Promise::NoBody => {}
        }
        breaches
    }

    /// Trailers were given.
    pub(crate) fn trailers(&mut self, fields: &[(String, Vec<u8>)]) -> Vec<Breach> {
        let mut breaches = self.nothing_before();
        self.state = State::Trailers;
        let wrong = |(name, value): &&(String, Vec<u8>)| {
            let early = ["content-length", "content-type", "host", "status", "trailer"];
            !is_token(name.as_bytes())
                || !is_clean(value)
                || is_hop_by_hop(name.as_bytes())
                || early.iter().any(|early| name.eq_ignore_ascii_case(early))
        };
        if let Some((name, value)) = fields.iter().find(wrong) {
            let saw = format!("{}: {}", quoted(name.as_bytes()), quoted(value));
            breaches.push(Breach::of(&TRAILER_FIELDS, saw));
        }
        breaches
    }

    /// The body has ended.
    pub(crate) fn end(&mut self) -> Vec<Breach> {
        self.state = State::Over;
        let mut breaches = Vec::new();
        match self.promise {
            Promise::Body { declared: Some(declared), .. } if self.given < declared => {
                breaches.push(self.counted(Some(declared)));
            }
            Promise::Body { .. } | Promise::NoBody | Promise::LeftOut => {}
        }
        if self.hint.is_some_and(|(least, most)| self.given < least || self.given > most) {
            let (least, most) = self.hint.unwrap_or_default();
            let saw = format!("{} bytes where {least} to {most} were to come", self.given);
            breaches.push(Breach::of(&HINT, saw));
        }
        breaches
    }

    /// The body has failed.
    pub(crate) const fn fail(&mut self) {
        self.state = State::Over;
    }

    /// Somebody asks for more.
    pub(crate) fn ask(&self) -> Option<Breach> {
        (self.state == State::Over).then(|| Breach::of(&AFTER_END, "one more poll"))
    }

    /// Somebody asks for more and has kept so many bytes, of blocks no larger than this.
    pub(crate) fn ask_keeping(&self, kept: u64, largest: u64) -> Option<Breach> {
        let beyond = kept.saturating_sub(largest);
        (beyond > KEPT_BYTES_MAX)
            .then(|| Breach::of(&READ_AHEAD, format!("{kept} bytes kept and another poll")))
    }

    /// It is closed with this.
    pub(crate) fn close(&self, outcome: Outcome) -> Option<Breach> {
        let Promise::Body { declared, .. } = self.promise else { return None };
        let exact = self.hint.filter(|(least, most)| least == most).map(|(least, _)| least);
        let enough = declared.or(exact).is_some_and(|enough| self.given >= enough);
        // Nothing follows trailers: nobody asks again behind them.
        let complete = enough || self.state != State::Open;
        (outcome == Outcome::Completed && !complete)
            .then(|| Breach::of(&OUTCOME, format!("completed after {} bytes", self.given)))
    }

    fn nothing_before(&self) -> Vec<Breach> {
        match self.state {
            State::Trailers => vec![Breach::of(&TRAILERS_LAST, "more")],
            State::Open | State::Over => Vec::new(),
        }
    }

    fn counted(&self, declared: Option<u64>) -> Breach {
        let declared = declared.unwrap_or_default();
        Breach::of(&LENGTH, format!("{} bytes where {declared} were declared", self.given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(method: &str, status: u32, length: Option<&str>) -> Account {
        let mut fields: Vec<(&[u8], &[u8])> = vec![(b"Content-Type", b"text/plain")];
        fields.extend(length.map(|length| (b"Content-Length".as_slice(), length.as_bytes())));
        let head = Answered { status, reason: b"", fields };
        Account::open(method.as_bytes(), &head, None)
    }

    fn ids(breaches: impl IntoIterator<Item = Breach>) -> Vec<&'static str> {
        breaches.into_iter().map(|breach| breach.rule.id).collect()
    }

    #[test]
    fn bytes_are_counted_against_the_declared_length() {
        for (given, id) in [(6, None), (5, Some("body-length")), (7, Some("body-length"))] {
            let mut account = account("GET", 200, Some("6"));
            let mut breaches = account.block(3);
            breaches.extend(account.block(given - 3));
            breaches.extend(account.end());
            assert_eq!(ids(breaches), Vec::from_iter(id), "{given} bytes");
        }
    }

    #[test]
    fn what_is_left_out_is_not_counted() {
        let mut head = account("HEAD", 200, Some("6"));
        assert_eq!(ids(head.end()), [""; 0]);
        assert_eq!(ids(head.close(Outcome::Completed)), [""; 0]);
        let mut none = account("GET", 304, Some("6"));
        assert_eq!(ids(none.end()), [""; 0]);
        assert_eq!(ids(none.block(1)), ["body-unwanted"]);
        assert_eq!(ids(none.block(1)), [""; 0], "once is enough");
    }

    #[test]
    fn completed_means_that_all_was_given() {
        let mut open = account("GET", 200, None);
        assert_eq!(ids(open.close(Outcome::Completed)), ["close-outcome"]);
        assert_eq!(ids(open.close(Outcome::ClientGone)), [""; 0]);
        open.end();
        assert_eq!(ids(open.close(Outcome::Completed)), [""; 0]);
        let mut declared = account("GET", 200, Some("2"));
        declared.block(2);
        assert_eq!(ids(declared.close(Outcome::Completed)), [""; 0], "nobody asks for more");
    }
}
