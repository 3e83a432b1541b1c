//! A fixed number of threads for one mount's blocking calls.
//!
//! New requests wait in a bounded queue; work for requests that were already begun (the next
//! blocks of a body, a close) goes ahead of them and is never refused, or a busy pool could not end
//! what it has begun.
//!
//! A change of threads costs as much as a small application does, so quick jobs share them: a core
//! wakes a thread once for all it has queued in a round (`desk`), one thread works off what is
//! there (`queue`), and its answers go back together (`post`). Whatever is put off that way is
//! looked after by `watch`, so that a job that waits delays nobody else for long.

pub(crate) mod desk;
pub(crate) mod post;
mod queue;
mod watch;

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use self::post::Post;
use self::queue::{Next, Queue};
use crate::plugin::unload::purge::{self, Mailbox};

/// Something to do on a thread of a pool.
pub(crate) trait Job: Send + Sync {
    /// Does it; where an answer was left of which the core was not told yet.
    fn run(self: Arc<Self>) -> Option<&'static Post>;
}

/// A pool of threads. They end when the last handle is dropped and the queue is empty.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Nothing is queued or at work.
    rest: Condvar,
    capacity: usize,
}

impl Pool {
    /// Starts the threads, named after their application.
    pub(crate) fn start(name: &str, threads: usize, capacity: usize) -> io::Result<Self> {
        let queue = Mutex::new(Queue::default());
        let pool = Self { shared: Arc::new(Shared { queue, rest: Condvar::new(), capacity }) };
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            // The kernel keeps 15 bytes of a thread's name.
            let name: String = format!("pool {name}").chars().take(15).collect();
            // Its hand is there before the thread looks at it.
            let mut queue = pool.shared.lock();
            let started = thread::Builder::new().name(name).spawn(move || shared.serve(number))?;
            queue.hire(started.thread().clone());
        }
        watch::over(&pool.shared)?;
        Ok(pool)
    }

    /// Queues a new request; gives it back when the queue is full.
    pub(crate) fn begin<J: Job + 'static>(&self, job: Arc<J>) -> Result<(), Arc<J>> {
        let mut queue = self.shared.lock();
        if queue.new.len() >= self.shared.capacity + queue.free() {
            return Err(job);
        }
        queue.new.push_back(job);
        let waiting = queue.waiting();
        drop(queue);
        desk::kick(&self.shared, waiting);
        Ok(())
    }

    /// Queues further work of a request that was begun.
    pub(crate) fn go_on(&self, job: Arc<dyn Job>) {
        let mut queue = self.shared.lock();
        queue.begun.push_back(job);
        let waiting = queue.waiting();
        drop(queue);
        desk::kick(&self.shared, waiting);
    }

    /// Waits until nothing is queued or at work.
    pub(crate) fn quiet(&self, until: Instant) -> Result<(), Busy> {
        self.shared.kick();
        let mut queue = self.shared.lock();
        queue.resting += 1;
        let mut outcome = Ok(());
        while outcome.is_ok() && !queue.is_quiet() {
            match until.checked_duration_since(Instant::now()) {
                Some(left) => {
                    let waited = self.shared.rest.wait_timeout(queue, left);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => outcome = Err(Busy),
            }
        }
        queue.resting -= 1;
        outcome
    }
}

/// Something was still at work when the time was over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a thread for what is queued, unless those awake will see to it.
    fn kick(&self) {
        let mut queue = self.lock();
        let called = queue.call(Instant::now());
        // Those awake may yet be held by what they do.
        let put_off = called.is_none() && queue.is_put_off();
        drop(queue);
        wake(called);
        if put_off {
            watch::arm();
        }
    }

    fn serve(&self, number: usize) {
        let thread = thread::current();
        let mailbox = purge::enrol(move || thread.unpark());
        let mut held = Held::default();
        let mut now = Instant::now();
        let mut queue = self.lock();
        loop {
            if mailbox.has_mail() {
                drop(queue);
                purge::run_pending();
                queue = self.lock();
            }
            match queue.next(number, now) {
                Next::Job(job) => {
                    let called = queue.call(now);
                    let more = queue.waiting() > 0;
                    drop(queue);
                    wake(called);
                    if more || !held.is_empty() {
                        // This job may take long.
                        watch::arm();
                    }
                    held.add(job.run(), now);
                    let end = Instant::now();
                    queue = self.lock();
                    let pace = queue.done(number, end - now);
                    now = end;
                    if !held.is_due(now, pace) {
                        continue;
                    }
                }
                Next::Nothing if held.is_empty() => {
                    queue = self.lie_down(number, queue, &mailbox);
                    now = Instant::now();
                    continue;
                }
                Next::Nothing => {}
                Next::End if held.is_empty() => return,
                Next::End => {}
            }
            drop(queue);
            held.tell();
            now = Instant::now();
            queue = self.lock();
        }
    }

    fn lie_down<'a>(
        &'a self,
        number: usize,
        mut queue: MutexGuard<'a, Queue>,
        mailbox: &Mailbox,
    ) -> MutexGuard<'a, Queue> {
        queue.lie_down(number);
        if queue.resting > 0 && queue.is_quiet() {
            self.rest.notify_all();
        }
        while queue.is_down(number) {
            drop(queue);
            // Mail that comes after this look unparks.
            if mailbox.has_mail() {
                purge::run_pending();
            } else {
                thread::park();
            }
            queue = self.lock();
        }
        queue
    }
}

fn wake(thread: Option<Thread>) {
    if let Some(thread) = thread {
        thread.unpark();
    }
}

/// Whether jobs are quick enough to share a change of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Quick,
    Slow,
}

/// Answers that a thread has left while it goes on with quick jobs.
#[derive(Default)]
struct Held {
    posts: Vec<&'static Post>,
    since: Option<Instant>,
}

impl Held {
    fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    fn add(&mut self, post: Option<&'static Post>, now: Instant) {
        let Some(post) = post else { return };
        self.since.get_or_insert(now);
        if !self.posts.iter().any(|held| std::ptr::eq(*held, post)) {
            self.posts.push(post);
        }
    }

    /// Whether the cores must be told now, though there is more to do.
    fn is_due(&self, now: Instant, pace: Pace) -> bool {
        let held = |since| pace == Pace::Slow || now.duration_since(since) > HOLD;
        self.since.is_some_and(held)
    }

    fn tell(&mut self) {
        self.since = None;
        self.posts.drain(..).for_each(Post::tell);
    }
}

/// How long answers may wait for the next ones: a few changes of threads.
const HOLD: Duration = Duration::from_micros(100);

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().close().iter().for_each(Thread::unpark);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.shared.lock();
        write!(f, "Pool({} waiting, {} free)", queue.new.len(), queue.free())
    }
}

#[cfg(test)]
mod tests;
