//! Looks after what was put off: a pool's jobs that no thread was woken for, and answers that no
//! core was told of, because a thread that is awake was trusted to come to them.
//!
//! When that thread is held by a job, this one steps in within a few milliseconds. It sleeps while
//! nothing is put off.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use super::Shared;
use super::post::Post;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(1);
/// Looks at nothing before it sleeps: a wake-up for each batch would cost more than looking.
const LOOKS: u32 = 50;

/// Something was put off since the last look.
const ARMED: u8 = 2;
const LOOKING: u8 = 1;
const ASLEEP: u8 = 0;

static STATE: AtomicU8 = AtomicU8::new(ASLEEP);
static WATCHED: Mutex<Watched> = Mutex::new(Watched { pools: Vec::new(), posts: Vec::new() });
static THREAD: OnceLock<Thread> = OnceLock::new();

struct Watched {
    pools: Vec<Weak<Shared>>,
    posts: Vec<&'static Post>,
}

/// Watches over a pool for as long as it lives.
pub(super) fn over(pool: &Arc<Shared>) -> io::Result<()> {
    let mut watched = lock();
    watched.pools.retain(|pool| pool.strong_count() > 0);
    watched.pools.push(Arc::downgrade(pool));
    if THREAD.get().is_none() {
        let started = thread::Builder::new().name(String::from("pool watch")).spawn(run)?;
        // Only this, under the lock, sets it.
        let _ = THREAD.set(started.thread().clone());
    }
    Ok(())
}

/// Watches over the answers to one core.
pub(super) fn over_post(post: &'static Post) {
    lock().posts.push(post);
}

/// Something is put off now.
pub(super) fn arm() {
    if STATE.load(Ordering::SeqCst) != ARMED
        && STATE.swap(ARMED, Ordering::SeqCst) == ASLEEP
        && let Some(thread) = THREAD.get()
    {
        thread.unpark();
    }
}

fn run() {
    let mut looks = 0;
    loop {
        if looks > LOOKS {
            looks = 0;
            let sleeps =
                STATE.compare_exchange(LOOKING, ASLEEP, Ordering::SeqCst, Ordering::SeqCst);
            while sleeps.is_ok() && STATE.load(Ordering::SeqCst) == ASLEEP {
                thread::park();
            }
        }
        thread::sleep(LOOK);
        let armed = STATE.swap(LOOKING, Ordering::SeqCst) == ARMED;
        looks = if look() || armed { 0 } else { looks + 1 };
    }
}

/// Sees to everything that is put off; whether there was something.
fn look() -> bool {
    let watched = lock();
    let mut found = false;
    for post in watched.posts.iter().filter(|post| post.is_put_off()) {
        post.tell();
        found = true;
    }
    for pool in watched.pools.iter().filter_map(Weak::upgrade) {
        if pool.lock().is_put_off() {
            pool.kick();
            found = true;
        }
    }
    found
}

fn lock() -> MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}
