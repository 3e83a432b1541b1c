//! A fixed number of threads for one mount's blocking calls.
//!
//! New requests wait in a bounded queue; work for requests that were already begun (the next
//! blocks of a body, a close) goes ahead of them and is never refused, or a busy pool could not end
//! what it has begun.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::plugin::purge;

/// Something to do on a thread of a pool.
pub(crate) trait Job: Send {
    fn run(self: Box<Self>);
}

/// A pool of threads. They end when the last handle is dropped and the queue is empty.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: usize,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Somebody may take a job.
    work: Condvar,
    /// A thread found nothing to do.
    rest: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct Queue {
    begun: VecDeque<Box<dyn Job>>,
    new: VecDeque<Box<dyn Job>>,
    idle: usize,
    state: State,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Closing,
}

impl Pool {
    /// Starts the threads, named after their application.
    pub(crate) fn start(name: &str, threads: usize, capacity: usize) -> io::Result<Self> {
        let queue = Mutex::new(Queue::default());
        let (work, rest) = (Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { queue, work, rest, capacity });
        let pool = Self { shared, threads: threads.max(1) };
        for _ in 0..pool.threads {
            let shared = Arc::clone(&pool.shared);
            // The kernel keeps 15 bytes of a thread's name.
            let name: String = format!("pool {name}").chars().take(15).collect();
            thread::Builder::new().name(name).spawn(move || shared.serve())?;
        }
        Ok(pool)
    }

    /// Queues a new request; gives it back when the queue is full.
    pub(crate) fn begin(&self, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let mut queue = self.shared.lock();
        if queue.new.len() >= self.shared.capacity {
            return Err(job);
        }
        queue.new.push_back(job);
        self.shared.wake(queue);
        Ok(())
    }

    /// Queues further work of a request that was begun.
    pub(crate) fn go_on(&self, job: Box<dyn Job>) {
        let mut queue = self.shared.lock();
        queue.begun.push_back(job);
        self.shared.wake(queue);
    }

    /// Waits until nothing is queued or at work.
    pub(crate) fn quiet(&self, until: Instant) -> Result<(), Busy> {
        let mut queue = self.shared.lock();
        while queue.idle < self.threads || !queue.begun.is_empty() || !queue.new.is_empty() {
            let left = until.checked_duration_since(Instant::now()).ok_or(Busy)?;
            let waited = self.shared.rest.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

/// Something was still at work when the time was over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, queue: MutexGuard<'_, Queue>) {
        let idle = queue.idle;
        drop(queue);
        if idle > 0 {
            self.work.notify_one();
        }
    }

    /// Has every thread look again, also one that is just about to wait.
    fn wake_all(&self) {
        drop(self.lock());
        self.work.notify_all();
    }

    fn serve(self: &Arc<Self>) {
        let shared = Arc::downgrade(self);
        let mailbox = purge::enrol(move || shared.upgrade().iter().for_each(|it| it.wake_all()));
        let mut queue = self.lock();
        loop {
            if mailbox.has_mail() {
                drop(queue);
                purge::run_pending();
                queue = self.lock();
            } else if let Some(job) = queue.begun.pop_front().or_else(|| queue.new.pop_front()) {
                drop(queue);
                job.run();
                queue = self.lock();
            } else if queue.state == State::Closing {
                return;
            } else {
                queue.idle += 1;
                self.rest.notify_all();
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().state = State::Closing;
        self.shared.work.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.shared.lock();
        write!(f, "Pool({} waiting, {} idle)", queue.new.len(), queue.idle)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::plugin::purge::StillThere;
    use crate::plugin::ranges::Ranges;

    struct Task<F>(F);

    impl<F: FnOnce() + Send> Job for Task<F> {
        fn run(self: Box<Self>) {
            (self.0)();
        }
    }

    #[test]
    fn begun_work_goes_ahead_of_a_full_queue() {
        let pool = Pool::start("test", 1, 1).unwrap();
        let (order, told) = mpsc::channel();
        let (hold, held) = mpsc::channel::<()>();
        let say = |text: &'static str| {
            let order = order.clone();
            Box::new(Task(move || order.send(text).unwrap()))
        };
        let (busy, is_busy) = mpsc::channel();
        let block = Task(move || {
            busy.send(()).unwrap();
            held.recv().unwrap();
        });
        assert!(pool.begin(Box::new(block)).is_ok());
        is_busy.recv().unwrap();
        assert!(pool.begin(say("new")).is_ok());
        assert!(pool.begin(say("refused")).is_err(), "a full queue took one more");
        pool.go_on(say("begun"));
        hold.send(()).unwrap();
        assert_eq!([told.recv().unwrap(), told.recv().unwrap()], ["begun", "new"]);
    }

    #[test]
    fn its_threads_clear_themselves_when_they_are_asked() {
        let ask = |patience| {
            let until = Instant::now() + Duration::from_millis(patience);
            purge::everywhere(&Ranges::default(), until)
        };
        let pool = Pool::start("asked", 2, 1).unwrap();
        let (hold, held) = mpsc::channel::<()>();
        let (busy, is_busy) = mpsc::channel();
        let block = Task(move || {
            busy.send(()).unwrap();
            held.recv().unwrap();
        });
        assert!(pool.begin(Box::new(block)).is_ok());
        is_busy.recv().unwrap();
        assert!(matches!(ask(20), Err(StillThere::Busy(_))), "it did not wait for the job's end");
        hold.send(()).unwrap();
        // Between two jobs, and while they wait for one.
        assert_eq!(ask(30_000), Ok(()));
        assert_eq!(ask(30_000), Ok(()));
    }
}
