//! What a connection owes us, watched without a timer of its own, for every gateway.
//!
//! Request and socket bump counters; at each tick of the clock all connections are looked at, and
//! those that have made no progress for too long are ended. A limit is therefore kept to a tick,
//! never shortened, and a request costs a few plain stores instead of a timer.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::clock::TICK;
use crate::limits::Limits;
use crate::outlet::Outlet;

/// One connection's counters. Written by its core only, but for `verdict`.
#[derive(Debug, Default)]
pub(crate) struct Duty {
    requests: AtomicU32,
    in_hand: AtomicU32,
    reads: AtomicU32,
    /// `reads` when the last response was done: whatever came since belongs to a new head.
    reads_settled: AtomicU32,
    writes: AtomicU32,
    blocked: AtomicU32,
    /// Responses of which a block was given that is not taken yet.
    offered: AtomicU32,
    /// Blocks that were taken.
    taken: AtomicU32,
    multiplexed: AtomicU32,
    verdict: AtomicU32,
    /// What the connection goes on as behind the response that is under way.
    next: Mutex<Option<Box<dyn Any + Send>>>,
    outlet: Outlet,
}

/// What a connection is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Serve,
    /// Finish what is in hand, take no more.
    Finish,
    /// End now.
    End,
}

/// One request, from its head to the end of its response.
#[derive(Debug)]
pub(crate) struct InHand {
    duty: Arc<Duty>,
    turn: Turn,
}

/// Who has to do something for a response to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Application,
    Client,
}

impl Duty {
    /// Of a connection whose files are read, as any other body.
    pub(crate) fn of_front() -> Self {
        let duty = Self::default();
        duty.outlet.close();
        duty
    }

    /// A request head has arrived.
    #[inline]
    pub(crate) fn begin(self: &Arc<Self>) -> InHand {
        bump(&self.requests);
        bump(&self.in_hand);
        InHand { duty: Arc::clone(self), turn: Turn::Application }
    }

    /// The connection has many streams, and frames beside their heads.
    pub(crate) fn multiplex(&self) {
        self.multiplexed.store(1, Ordering::Relaxed);
    }

    /// The client has sent something.
    #[inline]
    pub(crate) fn read(&self) {
        bump(&self.reads);
    }

    /// The client has taken something.
    #[inline]
    pub(crate) fn wrote(&self) {
        bump(&self.writes);
        self.blocked.store(0, Ordering::Relaxed);
    }

    /// The client takes nothing.
    #[inline]
    pub(crate) fn blocked(&self) {
        self.blocked.store(1, Ordering::Relaxed);
    }

    /// What the connection goes on as, where that is of this type.
    pub(crate) fn take_next<T: 'static>(&self) -> Option<Box<T>> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        next.and_then(|next| next.downcast().ok())
    }

    /// Where its files go out.
    #[inline]
    pub(crate) const fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    #[inline]
    pub(crate) fn verdict(&self) -> Verdict {
        match self.verdict.load(Ordering::Relaxed) {
            0 => Verdict::Serve,
            1 => Verdict::Finish,
            _ => Verdict::End,
        }
    }

    fn judge(&self, verdict: Verdict) {
        let number = match verdict {
            Verdict::Serve => 0,
            Verdict::Finish => 1,
            Verdict::End => 2,
        };
        self.verdict.fetch_max(number, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        let reads = self.reads.load(Ordering::Relaxed);
        let writes = self.writes.load(Ordering::Relaxed);
        if self.blocked.load(Ordering::Relaxed) != 0 {
            return Phase::Writing(writes);
        }
        let requests = self.requests.load(Ordering::Relaxed);
        match self.in_hand.load(Ordering::Relaxed) {
            0 => {}
            // A stream's window is closed while the socket is not.
            in_hand if in_hand == self.offered.load(Ordering::Relaxed) => {
                return Phase::Offering(self.taken.load(Ordering::Relaxed));
            }
            _ => return Phase::Working { requests, reads, writes },
        }
        let multiplexed = self.multiplexed.load(Ordering::Relaxed) != 0;
        if multiplexed && self.verdict() == Verdict::Finish {
            // What was handed to a stream whole may still be on its way.
            return Phase::Leaving { reads, writes };
        }
        let settled = self.reads_settled.load(Ordering::Relaxed);
        let read = reads != settled && !multiplexed;
        if requests == 0 || read { Phase::Head(requests) } else { Phase::Idle(requests) }
    }
}

impl InHand {
    /// Where files of its connection go out, if they can now.
    pub(crate) fn outlet(&self) -> Option<&Outlet> {
        let duty = &*self.duty;
        let alone = duty.multiplexed.load(Ordering::Relaxed) == 0;
        Some(&duty.outlet).filter(|outlet| alone && outlet.is_open())
    }

    /// A block was given: it is the client's turn to take it.
    #[inline]
    pub(crate) fn offer(&mut self) {
        if std::mem::replace(&mut self.turn, Turn::Client) == Turn::Application {
            bump(&self.duty.offered);
        }
    }

    /// The response is done, and the connection goes on as something else.
    pub(crate) fn go_on_as(self, next: Box<impl Any + Send>) {
        let before = self.duty.next.lock().unwrap_or_else(PoisonError::into_inner).replace(next);
        drop(before);
    }

    /// The next block is asked for: the last one was taken.
    #[inline]
    pub(crate) fn take(&mut self) {
        if std::mem::replace(&mut self.turn, Turn::Application) == Turn::Client {
            lower(&self.duty.offered);
            bump(&self.duty.taken);
        }
    }
}

impl Drop for InHand {
    #[inline]
    fn drop(&mut self) {
        self.take();
        let Duty { in_hand, reads, reads_settled, .. } = &*self.duty;
        lower(in_hand);
        reads_settled.store(reads.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Only the connection's core writes, so a load and a store are enough. A request that is given up
/// on another thread may be lost here, and only makes a limit later.
#[inline]
fn bump(counter: &AtomicU32) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

#[inline]
fn lower(counter: &AtomicU32) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
}

/// What a connection is at; equal phases at two ticks mean no progress in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head(u32),
    Idle(u32),
    Writing(u32),
    Offering(u32),
    Working { requests: u32, reads: u32, writes: u32 },
    Leaving { reads: u32, writes: u32 },
}

/// All connections of one core.
pub(crate) struct Duties {
    watched: Mutex<Connections>,
    limits: Arc<Limits>,
}

struct Connections {
    watched: Vec<Watched>,
    /// What every connection is to do, also one that comes later.
    verdict: Verdict,
}

struct Watched {
    duty: Arc<Duty>,
    waker: Waker,
    phase: Phase,
    ticks: u32,
}

impl Watched {
    /// Tells the connection, which has as long as any other from now on.
    fn judge(&mut self, verdict: Verdict) {
        if self.duty.verdict() == Verdict::Serve {
            self.ticks = 0;
        }
        self.duty.judge(verdict);
        self.waker.wake_by_ref();
    }
}

impl Duties {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        let watched = Connections { watched: Vec::new(), verdict: Verdict::Serve };
        Self { watched: Mutex::new(watched), limits }
    }

    /// Watches a connection until its task drops its duty.
    pub(crate) fn watch(&self, duty: &Arc<Duty>, waker: Waker) {
        let phase = duty.phase();
        let watched = Watched { duty: Arc::clone(duty), waker, phase, ticks: 0 };
        let mut connections = self.lock();
        duty.judge(connections.verdict);
        connections.watched.push(watched);
    }

    /// Looks at every connection once.
    pub(crate) fn tick(&self) {
        let mut connections = self.lock();
        connections.watched.retain(|watched| Arc::strong_count(&watched.duty) > 1);
        for watched in &mut connections.watched {
            let phase = watched.duty.phase();
            watched.ticks = if phase == watched.phase { watched.ticks + 1 } else { 0 };
            watched.phase = phase;
            if let Some(verdict) = self.verdict(watched) {
                watched.judge(verdict);
            }
        }
    }

    /// Lets every connection finish what it has in hand, or ends them all.
    pub(crate) fn judge_all(&self, verdict: Verdict) {
        let mut connections = self.lock();
        connections.verdict = verdict;
        for watched in &mut connections.watched {
            watched.judge(verdict);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self, watched: &Watched) -> Option<Verdict> {
        let limits = &*self.limits;
        let (limit, verdict) = match watched.phase {
            Phase::Head(_) => (limits.header_timeout, Verdict::End),
            Phase::Idle(_) => (limits.keep_alive_timeout, Verdict::Finish),
            Phase::Writing(_) | Phase::Offering(_) => (limits.write_timeout, Verdict::End),
            Phase::Leaving { .. } => (limits.goodbye_timeout, Verdict::End),
            Phase::Working { .. } => return None,
        };
        // The first tick came at any moment of its interval.
        (TICK * watched.ticks > limit).then_some(verdict)
    }
}

impl fmt::Debug for Duties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duties({} connections)", self.lock().watched.len())
    }
}
