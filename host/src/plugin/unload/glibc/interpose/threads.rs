//! Threads of this process: who started them, with which code, and whether they are gone.
//!
//! A thread's library may go when the thread has left the system, not when its routine returned:
//! destructors run after that. Invariant: a thread is recorded before it exists.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{next, thread_locals, with_caller};
use crate::plugin::unload::glibc::ranges::Ranges;

type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;
type Create = unsafe extern "C" fn(
    *mut libc::pthread_t,
    *const libc::pthread_attr_t,
    Routine,
    *mut c_void,
) -> c_int;

/// One thread that was started through `pthread_create`.
#[derive(Clone, Copy, Debug)]
struct Thread {
    state: State,
    routine: usize,
    /// Where it was started from.
    caller: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Runs(i32),
    /// Its keys' destructors are about to run.
    Ends(i32),
}

/// By a number of our own: the system's is not known before a thread runs, and is used again.
static THREADS: Mutex<BTreeMap<u64, Thread>> = Mutex::new(BTreeMap::new());

/// What a new thread needs; freed by it.
struct Begin {
    number: u64,
    routine: Routine,
    argument: *mut c_void,
}

with_caller!(pthread_create => create, "r8", "x4");

unsafe extern "C" fn create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    routine: Routine,
    argument: *mut c_void,
    caller: usize,
) -> c_int {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let new = Thread { state: State::Starting, routine: routine as usize, caller };
    let mut threads = lock();
    if threads.len().is_power_of_two() {
        threads.retain(|_, thread| !thread.is_gone());
    }
    threads.insert(number, new);
    drop(threads);
    let begin = Box::into_raw(Box::new(Begin { number, routine, argument }));
    // SAFETY: the function's type.
    let next: Create = unsafe { next::THREAD_CREATE.function() };
    // SAFETY: the caller's arguments, but for the routine, which takes the box and calls theirs.
    let result = unsafe { next(thread, attributes, begin_thread, begin.cast()) };
    if result != 0 {
        lock().remove(&number);
        // SAFETY: no thread has taken it.
        drop(unsafe { Box::from_raw(begin) });
    }
    result
}

/// Nothing here needs to be dropped when the routine does not return: `pthread_exit` unwinds.
unsafe extern "C-unwind" fn begin_thread(begin: *mut c_void) -> *mut c_void {
    let (routine, argument) = enter(begin.cast());
    // SAFETY: as the thread's maker has asked for.
    unsafe { routine(argument) }
}

fn enter(begin: *mut Begin) -> (Routine, *mut c_void) {
    // SAFETY: made for this thread alone.
    let Begin { number, routine, argument } = *unsafe { Box::from_raw(begin) };
    if let Some(thread) = lock().get_mut(&number) {
        thread.state = State::Runs(this());
    }
    tell(KNOWN);
    (routine, argument)
}

impl Thread {
    fn system_number(&self) -> Option<i32> {
        match self.state {
            State::Starting => None,
            State::Runs(number) | State::Ends(number) => Some(number),
        }
    }

    fn is_gone(&self) -> bool {
        self.system_number().is_some_and(|number| !exists(number))
    }

    fn is_of(&self, ranges: &Ranges) -> bool {
        ranges.contain(self.routine) || ranges.contain(self.caller)
    }
}

/// A thread that runs code of some libraries, by the system's number; 0 for one that only starts.
pub(crate) fn alive(ranges: &Ranges) -> Option<i32> {
    let mut threads = lock();
    threads.retain(|_, thread| !thread.is_gone());
    let theirs = threads.values().find(|thread| thread.is_of(ranges))?;
    Some(theirs.system_number().unwrap_or(0))
}

/// The code that a thread was started with.
pub(crate) fn routine_of(thread: i32) -> Option<usize> {
    let threads = lock();
    let is_it = |one: &&Thread| one.system_number() == Some(thread) && !one.is_gone();
    // The newest: an older one of that number is gone.
    threads.values().rev().find(is_it).map(|one| one.routine)
}

/// Threads whose keys' destructors may be running.
pub(crate) fn ending() -> Vec<i32> {
    let ends = |thread: &Thread| match thread.state {
        State::Ends(number) => Some(number),
        State::Starting | State::Runs(_) => None,
    };
    lock().values().filter_map(ends).filter(|number| exists(*number)).collect()
}

/// Whether the system still knows a thread.
pub(crate) fn exists(thread: i32) -> bool {
    // SAFETY: sends nothing, only looks.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) };
    sent == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// The system's number of the calling thread.
pub(crate) fn this() -> i32 {
    // SAFETY: asks for a number.
    unsafe { libc::gettid() }
}

/// A thread's name, as the system shows it.
pub(crate) fn name_of(thread: i32) -> String {
    let name = std::fs::read_to_string(format!("/proc/self/task/{thread}/comm"));
    name.map_or_else(|_| String::from("?"), |name| name.trim_end().to_owned())
}

/// Whether the C library was told already to call us at the thread's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    First,
    Before,
}

// What a thread's value of our own key says.
const KNOWN: usize = 1;
const TOLD: usize = 2;

/// Our own key: its destructor tells that a thread ends. It is older than any library's, and the C
/// library goes through keys in the order of their age.
fn key() -> libc::pthread_key_t {
    /// One more than the key; 0 before there is one.
    static KEY: AtomicU32 = AtomicU32::new(0);
    match KEY.load(Ordering::Acquire) {
        0 => {}
        more => return more - 1,
    }
    let key = super::keys::create_own(at_end);
    match KEY.compare_exchange(0, key + 1, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => key,
        Err(more) => {
            super::keys::delete_own(key);
            more - 1
        }
    }
}

/// Makes our key, as the first of all.
pub(super) fn prepare() {
    key();
}

/// The calling thread has something to run at its end.
pub(super) fn end_is_near() -> Told {
    // SAFETY: our own key.
    let value = unsafe { libc::pthread_getspecific(key()) }.addr();
    tell(KNOWN | TOLD);
    if value & TOLD == 0 { Told::First } else { Told::Before }
}

/// The C library has called us, and would have to be told again.
pub(super) fn end_may_come_again() {
    tell(KNOWN);
}

fn tell(value: usize) {
    // SAFETY: our own key; the value is a number, never followed.
    unsafe { libc::pthread_setspecific(key(), std::ptr::without_provenance(value)) };
}

/// Runs before the destructors of libraries' keys, and again while any of them sets a value anew.
unsafe extern "C" fn at_end(_: *mut c_void) {
    let this = this();
    let runs = |thread: &&mut Thread| thread.state == State::Runs(this);
    if let Some(thread) = lock().values_mut().find(runs) {
        thread.state = State::Ends(this);
    }
    thread_locals::run_all();
}

fn lock() -> MutexGuard<'static, BTreeMap<u64, Thread>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}
