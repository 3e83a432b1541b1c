//! What a pool has to do, and which of its threads are awake for it.
//!
//! A thread that is woken takes one job after the other, so a further one is woken only when those
//! awake are too few: when there is much to do, or when jobs take so long that they would wait for
//! one another. A thread that is within a job for long does not count as awake.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{Job, Pace};

#[derive(Default)]
pub(super) struct Queue {
    /// Further work of requests that were begun.
    pub(super) begun: VecDeque<Arc<dyn Job>>,
    pub(super) new: VecDeque<Arc<dyn Job>>,
    hands: Vec<Hand>,
    /// The threads that sleep; the last to lie down is woken first, its caches are warm.
    down: Vec<usize>,
    /// Threads between two jobs.
    looking: usize,
    /// Threads within a job, but not for long.
    working: usize,
    /// How long a job takes of late, in nanoseconds.
    usual: u64,
    /// Who waits for the pool to be quiet.
    pub(super) resting: usize,
    state: State,
}

struct Hand {
    thread: Thread,
    doing: Doing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Sleeps until it is called.
    Down,
    /// Is between two jobs.
    Looking,
    /// Is within a job.
    Working(Instant),
    /// Is within a job for long.
    Stuck,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closing,
}

/// What a thread is to do next.
pub(super) enum Next {
    Job(Arc<dyn Job>),
    Nothing,
    End,
}

/// Jobs that one thread is trusted to work off, while they are quick.
pub(super) const SHARE: usize = 32;
/// A job that takes longer than a few changes of threads deserves a thread of its own.
const QUICK_NS: u64 = 50_000;
/// Within a job for longer, a thread is not waited for. Also the most that one job counts, so that
/// a pool of quick jobs soon forgets a slow one.
pub(super) const STUCK: Duration = Duration::from_millis(1);
const STUCK_NS: u64 = 1_000_000;

impl Queue {
    /// Counts one more thread, which has just been started.
    pub(super) fn hire(&mut self, thread: Thread) {
        self.hands.push(Hand { thread, doing: Doing::Looking });
        self.looking += 1;
    }

    pub(super) fn waiting(&self) -> usize {
        self.begun.len() + self.new.len()
    }

    /// Threads that are within no job.
    pub(super) fn free(&self) -> usize {
        self.down.len() + self.looking
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.waiting() == 0 && self.free() == self.hands.len()
    }

    /// Whether something waits that a sleeping thread could do.
    pub(super) fn is_put_off(&self) -> bool {
        self.waiting() > 0 && !self.down.is_empty()
    }

    /// The next job for a thread that looks for one.
    pub(super) fn next(&mut self, number: usize, now: Instant) -> Next {
        match self.begun.pop_front().or_else(|| self.new.pop_front()) {
            Some(job) => {
                self.hands[number].doing = Doing::Working(now);
                self.looking -= 1;
                self.working += 1;
                Next::Job(job)
            }
            None if self.state == State::Closing => Next::End,
            None => Next::Nothing,
        }
    }

    /// A thread has done its job.
    pub(super) fn done(&mut self, number: usize, took: Duration) -> Pace {
        let hand = &mut self.hands[number];
        if hand.doing != Doing::Stuck {
            self.working -= 1;
        }
        hand.doing = Doing::Looking;
        self.looking += 1;
        let took = u64::try_from(took.as_nanos()).map_or(STUCK_NS, |took| took.min(STUCK_NS));
        self.usual = self.usual - self.usual / 8 + took / 8;
        self.pace()
    }

    /// A thread that found nothing goes to sleep.
    pub(super) fn lie_down(&mut self, number: usize) {
        self.hands[number].doing = Doing::Down;
        self.looking -= 1;
        self.down.push(number);
    }

    pub(super) fn is_down(&self, number: usize) -> bool {
        self.hands[number].doing == Doing::Down
    }

    /// The thread to be woken, if those awake are too few.
    pub(super) fn call(&mut self, now: Instant) -> Option<Thread> {
        if !self.is_put_off() {
            return None;
        }
        self.find_stuck(now);
        let enough = match self.pace() {
            Pace::Quick => (self.looking + self.working) * SHARE,
            Pace::Slow => self.looking,
        };
        if enough >= self.waiting() {
            return None;
        }
        let hand = &mut self.hands[self.down.pop()?];
        hand.doing = Doing::Looking;
        self.looking += 1;
        Some(hand.thread.clone())
    }

    /// Waits no longer for those that are held by what they do.
    fn find_stuck(&mut self, now: Instant) {
        if self.working == 0 {
            return;
        }
        for hand in &mut self.hands {
            if let Doing::Working(since) = hand.doing
                && now.saturating_duration_since(since) >= STUCK
            {
                hand.doing = Doing::Stuck;
                self.working -= 1;
                self.usual = STUCK_NS;
            }
        }
    }

    fn pace(&self) -> Pace {
        if self.usual > QUICK_NS { Pace::Slow } else { Pace::Quick }
    }

    /// Ends the threads once nothing is queued; those to be woken for it.
    pub(super) fn close(&mut self) -> Vec<Thread> {
        self.state = State::Closing;
        let down = std::mem::take(&mut self.down);
        self.looking += down.len();
        let wake = |number: usize| {
            self.hands[number].doing = Doing::Looking;
            self.hands[number].thread.clone()
        };
        down.into_iter().map(wake).collect()
    }
}
