//! A coarse clock for limits: it ticks on a thread of its own, so that cores need no timers.
//!
//! A runtime with timers asks for the next one each time it waits for sockets, which costs a small
//! request more than its application does (measured: 7 % of all instructions). Limits of seconds do
//! not need that: they are checked at each tick, and are kept to a tick longer at most.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// Ticks since the clock was started.
static TICKS: AtomicU64 = AtomicU64::new(0);
/// Alarms that were set and are not known to be forgotten.
static ALARMS: Mutex<Vec<Arc<Alarm>>> = Mutex::new(Vec::new());
static STARTED: OnceLock<()> = OnceLock::new();

/// What is to be done later.
static TASKS: Mutex<Vec<Task>> = Mutex::new(Vec::new());

/// Done once the tick has come.
type Task = (u64, Box<dyn FnOnce() + Send>);

struct Alarm {
    due: u64,
    rung: AtomicBool,
    waker: Mutex<Waker>,
}

/// Starts the clock once for the process; `each` runs at every tick until it breaks off.
pub(crate) fn start(each: impl Fn() -> ControlFlow<()> + Send + 'static) -> std::io::Result<()> {
    let first = STARTED.set(()).is_ok();
    let tick = move || {
        loop {
            thread::sleep(TICK);
            if first {
                ring(TICKS.fetch_add(1, Ordering::Relaxed) + 1);
            }
            if each().is_break() && !first {
                return;
            }
        }
    };
    thread::Builder::new().name(String::from("clock")).spawn(tick).map(drop)
}

fn ring(now: u64) {
    let mut due = Vec::new();
    let mut alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
    alarms.retain(|alarm| {
        let forgotten = Arc::strong_count(alarm) == 1;
        if !forgotten && alarm.due <= now {
            due.push(Arc::clone(alarm));
        }
        !forgotten && alarm.due > now
    });
    drop(alarms);
    for alarm in due {
        alarm.rung.store(true, Ordering::Release);
        alarm.waker.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
    let mut tasks = TASKS.lock().unwrap_or_else(PoisonError::into_inner);
    let due: Vec<Task> = tasks.extract_if(.., |(due, _)| *due <= now).collect();
    drop(tasks);
    due.into_iter().for_each(|(_, task)| task());
}

/// Does something once the time is over, on the clock's own thread: it must not wait.
pub(crate) fn later(after: Duration, task: impl FnOnce() + Send + 'static) {
    let task: Task = (due(after), Box::new(task));
    TASKS.lock().unwrap_or_else(PoisonError::into_inner).push(task);
}

/// A limit in time that costs nothing until somebody waits for it.
pub(crate) struct Deadline {
    after: Duration,
    alarm: Option<Arc<Alarm>>,
}

impl Deadline {
    pub(crate) const fn new(after: Duration) -> Self {
        Self { after, alarm: None }
    }

    pub(crate) const fn after(&self) -> Duration {
        self.after
    }

    /// Ready once the time is over, counted from the first poll.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let Some(alarm) = &self.alarm else {
            self.alarm = Some(set(self.after, context.waker().clone()));
            return Poll::Pending;
        };
        if alarm.rung.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        alarm.waker.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker());
        // It may have rung for the last waker meanwhile.
        if alarm.rung.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Ticks since the clock was started.
#[inline]
pub(crate) fn now() -> u64 {
    TICKS.load(Ordering::Relaxed)
}

/// The tick at which this time is over.
#[inline]
pub(crate) fn due(after: Duration) -> u64 {
    let ticks = after.as_millis().div_ceil(TICK.as_millis());
    // The current tick is partly over already.
    now() + u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1
}

fn set(after: Duration, waker: Waker) -> Arc<Alarm> {
    let due = due(after);
    let alarm = Arc::new(Alarm { due, rung: AtomicBool::new(false), waker: Mutex::new(waker) });
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&alarm));
    alarm
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deadline({:?})", self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Wake;

    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    #[test]
    fn what_is_to_be_done_later_is_done_once() {
        start(|| ControlFlow::Break(())).unwrap();
        let (done, wait) = std::sync::mpsc::channel();
        later(Duration::from_millis(1), move || done.send(now()).unwrap());
        assert_eq!(wait.iter().count(), 1);
    }

    #[test]
    fn a_deadline_wakes_whoever_polled_it_last() {
        start(|| ControlFlow::Break(())).unwrap();
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut deadline = Deadline::new(Duration::from_millis(1));
        assert!(deadline.poll(&Context::from_waker(Waker::noop())).is_pending());
        while deadline.poll(&Context::from_waker(&waker)).is_pending() {
            thread::park();
        }
    }
}
