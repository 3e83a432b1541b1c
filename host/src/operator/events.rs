//! What happens to applications, as a numbered stream with a memory of the last few.
//!
//! Whoever publishes waits for nobody: events go into a ring, and a follower holds only the number
//! that it wants next. One that is slower than the ring is told so and let go.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{EVENT_TEXT_BYTES, EVENTS_REMEMBERED};
use crate::moment::Moment;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// From 1 on, without gaps, new with each process.
    pub(crate) number: u64,
    pub(crate) time: Moment,
    /// None for what concerns the host as a whole.
    pub(crate) app: Option<String>,
    pub(crate) kind: Kind,
    /// One line for people.
    pub(crate) text: String,
    /// The same for programs.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, Value>,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub(crate) enum Kind {
    /// The host serves.
    Started,
    /// A deploy has begun.
    DeployStarted,
    /// A version passed its probe.
    Probed,
    /// Requests wait until one version has ended and another one has started.
    Holding,
    /// A version is in service.
    Deployed,
    /// A version was refused.
    Refused,
    /// A deploy gave way to a later one.
    Superseded,
    /// The previous version is in service again.
    RolledBack,
    /// The last state of a version that has ended is in the one that serves, or kept for the next.
    HandedOver,
    /// A version did not hand its state over.
    ExportFailed,
    /// A version did not take over the state of another one.
    ImportRefused,
    /// A version must not be taken into service again.
    Quarantined,
    /// A generation is out of service, with work in hand.
    Draining,
    /// A generation is gone, verified.
    Retired,
    /// A generation stays mapped.
    Pinned,
    /// The config was read again.
    Config,
    /// The host was asked to end.
    Shutdown,
}

impl Kind {
    /// Its name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::DeployStarted => "deploy_started",
            Self::Probed => "probed",
            Self::Holding => "holding",
            Self::Deployed => "deployed",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::RolledBack => "rolled_back",
            Self::HandedOver => "handed_over",
            Self::ExportFailed => "export_failed",
            Self::ImportRefused => "import_refused",
            Self::Quarantined => "quarantined",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Pinned => "pinned",
            Self::Config => "config",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The stream; clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    ring: Arc<Mutex<Ring>>,
    /// When it began: tells its numbers from those of the process before.
    epoch: Moment,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    most: usize,
    /// The number of the next event.
    next: u64,
    state: State,
    /// Of followers that have seen everything, by their own numbers.
    wakers: BTreeMap<u64, Waker>,
    followers: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
}

/// Somebody who reads the stream.
#[derive(Debug)]
pub(crate) struct Follower {
    events: Events,
    own: u64,
    next: u64,
}

/// What a follower is given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Followed {
    Event(Arc<Event>),
    /// So many events are forgotten that the follower has not seen; it is to begin anew.
    Missed(u64),
    /// The stream has ended.
    Ended,
}

impl Default for Events {
    fn default() -> Self {
        Self::remembering(EVENTS_REMEMBERED)
    }
}

impl Events {
    /// A stream that remembers so many events.
    pub(crate) fn remembering(most: usize) -> Self {
        let (events, wakers) = (VecDeque::new(), BTreeMap::new());
        let (most, state) = (most.max(1), State::Open);
        let ring = Ring { events, most, next: 1, state, wakers, followers: 0 };
        Self { ring: Arc::new(Mutex::new(ring)), epoch: Moment::now() }
    }

    /// Adds an event. It never waits for a follower.
    pub(crate) fn publish(
        &self,
        app: Option<&str>,
        kind: Kind,
        text: impl Into<String>,
        fields: impl IntoIterator<Item = (&'static str, Value)>,
    ) {
        let (app, mut text) = (app.map(ToOwned::to_owned), text.into());
        text.truncate(text.floor_char_boundary(EVENT_TEXT_BYTES));
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut ring = self.lock();
        let (number, time) = (ring.next, Moment::now());
        ring.next += 1;
        if ring.events.len() == ring.most {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::new(Event { number, time, app, kind, text, fields }));
        Ring::wake(ring);
    }

    /// Ends the stream: followers are given what is left.
    pub(crate) fn close(&self) {
        let mut ring = self.lock();
        ring.state = State::Closed;
        Ring::wake(ring);
    }

    /// From the event after this one on, or from the oldest that is remembered. What is named is an
    /// id that a follower was given, or a bare number; an id of an earlier process names nothing.
    pub(crate) fn follow(&self, after: Option<&str>) -> Follower {
        let epoch = self.epoch.to_string();
        let after = after.and_then(|id| match id.rsplit_once('/') {
            Some((theirs, number)) if theirs == epoch => number.parse::<u64>().ok(),
            Some(_) => None,
            None => id.parse().ok(),
        });
        let mut ring = self.lock();
        let next = match after {
            Some(after) if after < ring.next => after + 1,
            _ => ring.oldest(),
        };
        ring.followers += 1;
        Follower { events: self.clone(), own: ring.followers, next }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn oldest(&self) -> u64 {
        self.events.front().map_or(self.next, |event| event.number)
    }

    /// Wakers run outside of the lock: one may poll at once.
    fn wake(mut ring: MutexGuard<'_, Self>) {
        let wakers = std::mem::take(&mut ring.wakers);
        drop(ring);
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Follower {
    /// What to name to go on after this event.
    pub(crate) fn id(&self, event: &Event) -> String {
        format!("{}/{}", self.events.epoch, event.number)
    }

    /// The next event.
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<Followed> {
        let mut ring = self.events.lock();
        let oldest = ring.oldest();
        if self.next < oldest {
            let missed = oldest - self.next;
            self.next = oldest;
            return Poll::Ready(Followed::Missed(missed));
        }
        let at = usize::try_from(self.next - oldest).unwrap_or(usize::MAX);
        if let Some(event) = ring.events.get(at) {
            self.next += 1;
            return Poll::Ready(Followed::Event(Arc::clone(event)));
        }
        if ring.state == State::Closed {
            return Poll::Ready(Followed::Ended);
        }
        ring.wakers.insert(self.own, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.events.lock().wakers.remove(&self.own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(follower: &mut Follower) -> Option<Followed> {
        match follower.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready(followed) => Some(followed),
            Poll::Pending => None,
        }
    }

    fn number(follower: &mut Follower) -> u64 {
        match next(follower) {
            Some(Followed::Event(event)) => event.number,
            other => panic!("{other:?}"),
        }
    }

    fn publish(events: &Events, count: usize) {
        for _ in 0..count {
            events.publish(Some("shop"), Kind::Deployed, "in service", []);
        }
    }

    #[test]
    fn a_late_follower_sees_what_is_remembered() {
        let events = Events::remembering(3);
        publish(&events, 5);
        let mut late = events.follow(None);
        assert_eq!([3, 4, 5].map(|_| number(&mut late)), [3, 4, 5]);
        assert_eq!(next(&mut late), None);
        publish(&events, 1);
        assert_eq!(number(&mut late), 6);
        assert_eq!(number(&mut events.follow(Some("5"))), 6);
        let Some(Followed::Event(fifth)) = next(&mut events.follow(Some("4"))) else { panic!() };
        assert_eq!(number(&mut events.follow(Some(&late.id(&fifth)))), 6);
        for earlier_process in ["2001-01-01T00:00:00.000Z/5", "900", "x"] {
            assert_eq!(number(&mut events.follow(Some(earlier_process))), 4);
        }
    }

    #[test]
    fn a_slow_follower_is_told_and_holds_nobody() {
        let events = Events::remembering(3);
        let mut slow = events.follow(None);
        publish(&events, 10);
        assert_eq!(next(&mut slow), Some(Followed::Missed(7)));
        assert_eq!(number(&mut slow), 8);
    }

    #[test]
    fn the_end_comes_after_the_last_event() {
        let events = Events::default();
        publish(&events, 1);
        let mut follower = events.follow(None);
        events.close();
        assert_eq!(number(&mut follower), 1);
        assert_eq!(next(&mut follower), Some(Followed::Ended));
    }

    #[test]
    fn a_text_has_an_end() {
        let events = Events::default();
        events.publish(None, Kind::Refused, "\u{e9}".repeat(EVENT_TEXT_BYTES), []);
        let Some(Followed::Event(event)) = next(&mut events.follow(None)) else { panic!() };
        assert_eq!(event.text.len(), EVENT_TEXT_BYTES);
    }

    #[test]
    fn a_name_is_what_is_written() {
        for kind in [
            Kind::DeployStarted,
            Kind::RolledBack,
            Kind::HandedOver,
            Kind::ExportFailed,
            Kind::ImportRefused,
            Kind::Retired,
            Kind::Shutdown,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
