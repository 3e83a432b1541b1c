//! A load at a constant rate: latency counts from the moment a request was due, so that a server
//! that stalls is charged for everybody who waits.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::client::{self, After, Connection, NoAnswer, Version};
use crate::figures::quantile;

/// What clients have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    samples: Vec<Sample>,
    /// Idle keep-alive connections that the server closed; each client asks again, once.
    pub(crate) cut: usize,
}

/// One request.
#[derive(Clone, Copy, Debug)]
struct Sample {
    due: Instant,
    done: Instant,
    /// None is a failure: no right answer, after one retry where a connection was cut.
    answered: Option<Version>,
}

/// When the versions changed places, after one was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// Milliseconds to the first answer of the version asked for.
    pub(crate) first_ms: f64,
    /// Milliseconds to the last answer of the other one.
    pub(crate) last_ms: f64,
}

/// Clients that keep their connection, and how many requests a second each makes.
const KEEPERS: (u32, f64) = (16, 62.5);
/// Clients that open a connection for each request.
const OPENERS: (u32, f64) = (4, 25.0);
/// All of them.
pub(crate) const CLIENTS: u32 = KEEPERS.0 + OPENERS.0;

impl Seen {
    pub(crate) fn requests(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn failed(&self) -> usize {
        self.samples.iter().filter(|sample| sample.answered.is_none()).count()
    }

    /// Milliseconds from when a request was due to the end of its answer, or of all hope.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let milliseconds = |sample: &Sample| (sample.done - sample.due).as_secs_f64() * 1_000.0;
        quantile(&self.samples.iter().map(milliseconds).collect::<Vec<_>>(), share)
    }

    /// Those that were due between two moments; connections that were cut are not known by time.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Self {
        let due = |sample: &&Sample| from <= sample.due && sample.due < to;
        Self { samples: self.samples.iter().filter(due).copied().collect(), cut: 0 }
    }

    /// When the last one that failed was due.
    pub(crate) fn last_failure(&self) -> Option<Instant> {
        let failed = self.samples.iter().filter(|sample| sample.answered.is_none());
        failed.map(|sample| sample.due).max()
    }

    /// What came of a version asked for, until the next was; none where it never answered.
    pub(crate) fn change(&self, to: Version, from: Instant, until: Instant) -> Option<Change> {
        let answers = |version| {
            let then = move |sample: &&Sample| {
                sample.answered == Some(version) && (from..until).contains(&sample.done)
            };
            self.samples.iter().filter(then).map(move |sample| sample.done - from)
        };
        let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
        Some(Change {
            first_ms: milliseconds(answers(to).min()?),
            last_ms: milliseconds(answers(to.other()).max().unwrap_or_default()),
        })
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.samples.extend(other.samples);
        self.cut += other.cut;
    }
}

/// Loads a server for so long, 1,100 requests a second.
pub(crate) fn run(address: SocketAddr, length: Duration) -> Result<Seen> {
    let (send, receive) = mpsc::channel();
    let begin = Instant::now() + Duration::from_millis(100);
    let mut clients = Vec::new();
    for (kind, (count, rate)) in [(Kind::Keeps, KEEPERS), (Kind::Opens, OPENERS)] {
        for number in 0..count {
            let send = send.clone();
            // Clients take turns, so that the rate is the same at every moment.
            let first =
                begin + Duration::from_secs_f64(f64::from(number) / f64::from(count) / rate);
            let (every, end) = (Duration::from_secs_f64(1.0 / rate), begin + length);
            let mut client = Client {
                address,
                kind,
                request: client::request(client::FEW_HEADERS),
                kept: None,
                seen: Seen::default(),
            };
            clients.push(thread::spawn(move || {
                client.run(first, every, end);
                let _ = send.send(client.seen);
            }));
        }
    }
    drop(send);
    let mut seen = Seen::default();
    receive.iter().for_each(|one| seen.add(one));
    for client in clients {
        client.join().ok().context("a client panicked")?;
    }
    Ok(seen)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Keeps,
    Opens,
}

struct Client {
    address: SocketAddr,
    kind: Kind,
    request: Vec<u8>,
    kept: Option<Connection>,
    seen: Seen,
}

impl Client {
    fn run(&mut self, first: Instant, every: Duration, end: Instant) {
        let mut due = first;
        while due < end {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            // A request that stood behind others for so long has failed: its client would have
            // given up, and asked of a server that has come back it would hide the failure.
            let given_up = due.elapsed() > PATIENCE;
            let answered = if given_up { None } else { self.ask() };
            self.seen.samples.push(Sample { due, done: Instant::now(), answered });
            due += every;
        }
    }

    fn ask(&mut self) -> Option<Version> {
        if let Some(kept) = self.kept.take() {
            match self.ask_on(kept) {
                Ok(version) => return Some(version),
                Err(NoAnswer::Cut) => self.seen.cut += 1,
                Err(NoAnswer::Wrong(_)) => return None,
            }
        }
        let fresh = Connection::open_within(self.address, PATIENCE).ok()?;
        self.ask_on(fresh).ok()
    }

    fn ask_on(&mut self, mut connection: Connection) -> Result<Version, NoAnswer> {
        let answer = connection.ask(&self.request)?;
        if self.kind == Kind::Keeps && answer.after == After::Kept {
            self.kept = Some(connection);
        }
        Ok(answer.version)
    }
}

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests by when they were due, how long they took, and what answered.
    fn seen(begin: Instant, samples: &[(u64, u64, Option<Version>)]) -> Seen {
        let milliseconds = Duration::from_millis;
        let sample = |&(due, took, answered): &(u64, u64, _)| {
            let due = begin + milliseconds(due);
            Sample { due, done: due + milliseconds(took), answered }
        };
        Seen { samples: samples.iter().map(sample).collect(), cut: 0 }
    }

    #[test]
    fn a_change_is_timed_from_when_it_was_asked_for() {
        let begin = Instant::now();
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        let (a, b) = (Some(Version::A), Some(Version::B));
        let seen = seen(
            begin,
            &[(0, 1, b), (10, 1, a), (20, 5, b), (21, 9, a), (40, 1, None), (50, 1, b), (90, 1, a)],
        );
        let change = seen.change(Version::B, at(10), at(80)).unwrap();
        assert_eq!(change, Change { first_ms: 15.0, last_ms: 20.0 });
        assert_eq!(seen.change(Version::B, at(60), at(100)), None);
    }

    #[test]
    fn failures_are_counted_where_they_were_due() {
        let begin = Instant::now();
        let seen = seen(begin, &[(0, 1, Some(Version::A)), (10, 50, None), (20, 1, None)]);
        assert_eq!((seen.requests(), seen.failed()), (3, 2));
        let part = seen.between(begin, begin + Duration::from_millis(20));
        assert_eq!((part.requests(), part.failed()), (2, 1));
        assert_eq!(part.quantile(1.0), 50.0);
    }

    #[test]
    fn a_server_that_is_not_there_fails_and_cuts_nothing() {
        // Bound, so that nobody else takes it, and closed at once.
        let address = crate::process::free_address().unwrap();
        let seen = run(address, Duration::from_millis(100)).unwrap();
        assert!(seen.requests() > 0);
        assert_eq!((seen.failed(), seen.cut), (seen.requests(), 0));
    }
}
