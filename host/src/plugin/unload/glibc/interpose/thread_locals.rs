//! Destructors of thread-locals that libraries register, kept by us instead of the C library.
//!
//! The C library would keep the object mapped until the thread ends, which a core never does. Here
//! they run when their thread ends, as ever, or before that when their library is to go. Invariant:
//! a destructor runs once, on its own thread, with no lock held.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{image, next, threads};
use crate::plugin::unload::glibc::ranges::Ranges;

type Destroy = unsafe extern "C" fn(*mut c_void);
type Register = unsafe extern "C" fn(Destroy, *mut c_void, *mut c_void) -> c_int;

/// One value of one thread.
#[derive(Clone, Copy)]
struct Destructor {
    destroy: Destroy,
    object: usize,
    /// An address in the object that registered it.
    owner: usize,
}

/// What one thread has to run.
#[derive(Default)]
struct Left {
    /// In the order in which they were registered.
    waiting: Vec<Destructor>,
    /// Being run: their code must stay as well.
    running: Vec<Destructor>,
}

/// By thread.
static RECORDED: Mutex<BTreeMap<i32, Left>> = Mutex::new(BTreeMap::new());

impl Destructor {
    /// The code that it runs, or the value that it frees, may be another object's: a C++ library
    /// registers destructors of the standard library's types.
    fn is_of(&self, ranges: &Ranges) -> bool {
        ranges.contain(self.destroy as usize) || ranges.contain(self.owner)
    }
}

/// Whoever has thread-locals registers their destructors here: compilers make the calls.
#[unsafe(no_mangle)]
unsafe extern "C" fn __cxa_thread_atexit_impl(
    destroy: Destroy,
    object: *mut c_void,
    owner: *mut c_void,
) -> c_int {
    if image::is_host(destroy as usize) {
        // SAFETY: passed on as it came.
        return unsafe { register(destroy, object, owner) };
    }
    let new = Destructor { destroy, object: object.expose_provenance(), owner: owner.addr() };
    recorded().entry(threads::this()).or_default().waiting.push(new);
    if threads::end_is_near() == threads::Told::First {
        // SAFETY: `at_end` is code of the program, and stays.
        unsafe { register(at_end, std::ptr::null_mut(), image::within()) };
    }
    0
}

unsafe fn register(destroy: Destroy, object: *mut c_void, owner: *mut c_void) -> c_int {
    // SAFETY: the function's type.
    let next: Register = unsafe { next::THREAD_ATEXIT.function() };
    // SAFETY: the caller's promise.
    unsafe { next(destroy, object, owner) }
}

unsafe extern "C" fn at_end(_: *mut c_void) {
    run_all();
    // Only now: one that registers itself again must not have the C library call us for ever.
    threads::end_may_come_again();
}

/// How often that is done at a thread's end, where everything ought to run.
const RUNS_MAX: usize = 100;

/// Runs what the calling thread has left of any library.
pub(super) fn run_all() {
    let mut times = 0;
    while run_where(|_| true) > 0 && times < RUNS_MAX {
        times += 1;
    }
}

/// Runs the calling thread's destructors of some libraries, the newest first, and those that come
/// up meanwhile, up to a limit. Returns how many there were.
pub(crate) fn run(ranges: &Ranges) -> usize {
    run_where(|destructor| destructor.is_of(ranges))
}

/// Run in one go: one that registers itself again would never end.
const RUN_MAX: usize = 1_000;

fn run_where(matches: impl Fn(&Destructor) -> bool) -> usize {
    let thread = threads::this();
    for count in 0..RUN_MAX {
        let Some(destructor) = begin(thread, &matches) else { return count };
        // SAFETY: registered for this thread with this object, and not run yet, because it is
        // taken from those that wait. Its code is mapped: a library goes only when nothing of it
        // waits or runs.
        unsafe {
            (destructor.destroy)(std::ptr::with_exposed_provenance_mut(destructor.object));
        }
        end(thread);
    }
    RUN_MAX
}

fn begin(thread: i32, matches: impl Fn(&Destructor) -> bool) -> Option<Destructor> {
    let mut recorded = recorded();
    let left = recorded.get_mut(&thread)?;
    let last = left.waiting.iter().rposition(matches)?;
    let taken = left.waiting.remove(last);
    left.running.push(taken);
    Some(taken)
}

fn end(thread: i32) {
    let mut recorded = recorded();
    let Some(left) = recorded.get_mut(&thread) else { return };
    left.running.pop();
    if left.is_empty() {
        recorded.remove(&thread);
    }
}

impl Left {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    fn is_of(&self, ranges: &Ranges) -> bool {
        self.waiting.iter().chain(&self.running).any(|destructor| destructor.is_of(ranges))
    }
}

/// A thread that still has to run destructors of some libraries, or is running one.
pub(crate) fn outstanding(ranges: &Ranges) -> Option<i32> {
    let mut recorded = recorded();
    // What a thread that is gone has not run, nobody will run any more.
    recorded.retain(|thread, left| !left.is_of(ranges) || threads::exists(*thread));
    recorded.iter().find(|(_, left)| left.is_of(ranges)).map(|(thread, _)| *thread)
}

/// Forgets what libraries have registered while they were unmapped: their code is gone.
pub(crate) fn forget(ranges: &Ranges) {
    recorded().retain(|_, left| {
        left.waiting.retain(|destructor| !destructor.is_of(ranges));
        !left.is_empty()
    });
}

fn recorded() -> MutexGuard<'static, BTreeMap<i32, Left>> {
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)
}
