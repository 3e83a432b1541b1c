//! Clears the host's threads of what libraries have left there, by asking each thread to do it.
//!
//! A thread that may run code of libraries enrols and is then asked by a message: a core runs it as
//! a task of its own, a pool's thread between two jobs. Never in a runtime's park hooks, which a
//! busy runtime does not reach. Invariant: code of a library runs only on the thread that it was
//! registered on.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::interpose::{keys, thread_locals, threads};
use super::ranges::Ranges;

/// The mailbox of the calling thread. Dropping it, at the thread's end, answers what is open.
pub(crate) struct Mailbox {
    post: Arc<Post>,
    /// It stays on its thread.
    _here: PhantomData<*const ()>,
}

/// The part of a mailbox that others see.
struct Post {
    thread: i32,
    has_mail: AtomicBool,
    mail: Mutex<Vec<Arc<Round>>>,
    ask: Box<dyn Fn() + Send + Sync>,
}

/// All threads that were asked at once.
struct Round {
    ranges: Ranges,
    /// Threads that have not answered.
    open: Mutex<Vec<i32>>,
    answered: Condvar,
    /// What they have run.
    ran: AtomicUsize,
}

/// Something of a library is left on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StillThere {
    /// The thread has not come to clear it.
    Busy(i32),
    /// The thread does not take messages, and has destructors to run at its end.
    Registered(i32),
    /// Each destructor registers another one.
    Endless,
}

static ENROLLED: Mutex<BTreeMap<i32, Arc<Post>>> = Mutex::new(BTreeMap::new());

/// A destructor may register another one; a library that never comes to an end is not unmapped.
const ROUNDS_MAX: usize = 16;

/// Enrols the calling thread. `ask` is called, on any thread, when there is mail for it: it sees to
/// it that the thread calls [`run_pending`] soon.
pub(crate) fn enrol(ask: impl Fn() + Send + Sync + 'static) -> Mailbox {
    let post = Arc::new(Post {
        thread: threads::this(),
        has_mail: AtomicBool::new(false),
        mail: Mutex::default(),
        ask: Box::new(ask),
    });
    lock(&ENROLLED).insert(post.thread, Arc::clone(&post));
    Mailbox { post, _here: PhantomData }
}

/// Does what the calling thread was asked for.
pub(crate) fn run_pending() {
    let post = lock(&ENROLLED).get(&threads::this()).cloned();
    if let Some(post) = post {
        post.answer_all();
    }
}

impl Mailbox {
    /// Whether there is mail: one load.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        self.post.has_mail.load(Ordering::Acquire)
    }
}

impl Post {
    /// Called on the thread whose mail it is.
    fn answer_all(&self) {
        self.has_mail.store(false, Ordering::Release);
        let mail = std::mem::take(&mut *lock(&self.mail));
        for round in mail {
            round.ran.fetch_add(here(&round.ranges), Ordering::Relaxed);
            round.answer(self.thread);
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        // From here on nobody writes to it.
        lock(&ENROLLED).remove(&self.post.thread);
        self.post.answer_all();
    }
}

/// Clears the calling thread of some libraries, until nothing new comes up. Returns how much there
/// was.
pub(crate) fn here(ranges: &Ranges) -> usize {
    let mut all = 0;
    for _ in 0..ROUNDS_MAX {
        // In the order of a thread's end: keys last, because they hold what threads are.
        let ran = thread_locals::run(ranges) + keys::run(ranges);
        all += ran;
        if ran == 0 {
            break;
        }
    }
    all
}

/// Clears every thread of some libraries. Nothing may run their code any more but what this runs.
///
/// # Errors
/// Something was left when the time was over; it may be tried again.
pub(crate) fn everywhere(ranges: &Ranges, until: Instant) -> Result<(), StillThere> {
    for _ in 0..ROUNDS_MAX {
        let ran = ask_all(ranges, until)?;
        if ran == 0 {
            return ended(ranges, until);
        }
    }
    Err(StillThere::Endless)
}

/// Asks every thread once, the calling one included; returns how much they had.
fn ask_all(ranges: &Ranges, until: Instant) -> Result<usize, StillThere> {
    let (this, ranges) = (threads::this(), ranges.clone());
    let (open, ran) = (Mutex::default(), AtomicUsize::new(here(&ranges)));
    let round = Arc::new(Round { ranges, open, answered: Condvar::new(), ran });
    let mut asked = Vec::new();
    {
        let enrolled = lock(&ENROLLED);
        for post in enrolled.values().filter(|post| post.thread != this) {
            lock(&round.open).push(post.thread);
            lock(&post.mail).push(Arc::clone(&round));
            post.has_mail.store(true, Ordering::Release);
            asked.push(Arc::clone(post));
        }
    }
    for post in asked {
        (post.ask)();
    }
    let mut open = lock(&round.open);
    while let Some(thread) = open.first().copied() {
        let left = until.checked_duration_since(Instant::now());
        let Some(left) = left else { return Err(StillThere::Busy(thread)) };
        let waited = round.answered.wait_timeout(open, left);
        open = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    drop(open);
    Ok(round.ran.load(Ordering::Relaxed))
}

/// Waits for threads that have something left and take no messages: for those that end.
fn ended(ranges: &Ranges, until: Instant) -> Result<(), StillThere> {
    while let Some(thread) = thread_locals::outstanding(ranges) {
        if Instant::now() >= until {
            return Err(StillThere::Registered(thread));
        }
        std::thread::sleep(super::LOOK);
    }
    Ok(())
}

impl Round {
    fn answer(&self, thread: i32) {
        lock(&self.open).retain(|open| *open != thread);
        self.answered.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox(of thread {})", self.post.thread)
    }
}
