//! Thread keys: a process has 1,024, and every library that asks for its current thread takes some
//! that it never gives back.
//!
//! Invariant: a library's key is deleted only when no thread will run its code any more.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{next, with_caller};
use crate::plugin::unload::glibc::ranges::Ranges;

type Key = libc::pthread_key_t;
type Destroy = unsafe extern "C" fn(*mut c_void);
type Create = unsafe extern "C" fn(*mut Key, Option<Destroy>) -> c_int;
type Delete = unsafe extern "C" fn(Key) -> c_int;

/// Keys of a process: `PTHREAD_KEYS_MAX`.
const KEYS: usize = 1024;
/// Fewer free keys than these, and no further library is opened: std ends the process of one that
/// finds none, whichever library that is.
const RESERVE: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Recorded {
    destroy: Option<Destroy>,
    caller: usize,
}

static RECORDED: Mutex<BTreeMap<Key, Recorded>> = Mutex::new(BTreeMap::new());

/// Too few keys are left to open a further library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{free} of {KEYS} thread keys of this process are free, {RESERVE} are kept{holders}")]
pub(crate) struct OutOfKeys {
    free: usize,
    holders: Holders,
}

/// The largest holders, with how many each has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holders(Vec<(String, usize)>);

with_caller!(pthread_key_create => create, "rdx", "x2");

unsafe extern "C" fn create(key: *mut Key, destroy: Option<Destroy>, caller: usize) -> c_int {
    // Held until the key is recorded: another thread may delete it at once.
    let mut recorded = lock();
    // SAFETY: the function's type.
    let next: Create = unsafe { next::KEY_CREATE.function() };
    // SAFETY: the caller's arguments.
    let result = unsafe { next(key, destroy) };
    if result == 0 {
        // SAFETY: written by the call above.
        recorded.insert(unsafe { *key }, Recorded { destroy, caller });
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_key_delete(key: Key) -> c_int {
    let mut recorded = lock();
    recorded.remove(&key);
    delete_own(key)
}

/// A key of the host's, not counted among those of libraries.
pub(super) fn create_own(destroy: Destroy) -> Key {
    let mut key = 0;
    // SAFETY: the function's type.
    let next: Create = unsafe { next::KEY_CREATE.function() };
    // SAFETY: the key is lent for the call, the destructor is the host's.
    match unsafe { next(&raw mut key, Some(destroy)) } {
        0 => key,
        _ => crate::platform::end(70),
    }
}

pub(super) fn delete_own(key: Key) -> c_int {
    // SAFETY: the function's type.
    let next: Delete = unsafe { next::KEY_DELETE.function() };
    // SAFETY: takes any number.
    unsafe { next(key) }
}

impl Recorded {
    fn is_of(&self, ranges: &Ranges) -> bool {
        self.destroy.is_some_and(|destroy| ranges.contain(destroy as usize))
            || ranges.contain(self.caller)
    }
}

/// How many keys are free.
pub(crate) fn free() -> usize {
    // One is ours.
    (KEYS - 1).saturating_sub(lock().len())
}

/// Whether a further library may be opened beside these.
///
/// # Errors
/// Too few keys are free; says who holds most of them, as `name` calls the owner of an address.
pub(crate) fn suffice(
    libraries: Vec<Range<usize>>,
    name: impl Fn(usize) -> Option<String>,
) -> Result<(), OutOfKeys> {
    let keyless = keyless(libraries);
    let free = free().saturating_sub(keyless.len());
    if free >= RESERVE {
        return Ok(());
    }
    const SHOWN: usize = 3;
    let mut holders: BTreeMap<String, usize> = BTreeMap::new();
    for recorded in lock().values() {
        let code = recorded.destroy.map_or(recorded.caller, |destroy| destroy as usize);
        let name = name(code).or_else(|| name(recorded.caller));
        *holders.entry(name.unwrap_or_else(|| String::from("the host"))).or_default() += 1;
    }
    for library in keyless {
        *holders.entry(name(library).unwrap_or_default()).or_default() += 1;
    }
    let mut holders: Vec<_> = holders.into_iter().collect();
    holders.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    holders.truncate(SHOWN);
    Err(OutOfKeys { free, holders: Holders(holders) })
}

/// Where those begin that have no key yet. Each is kept one: std takes it when its library first
/// asks for its current thread, which may be in its first request or in its first panic.
fn keyless(mut libraries: Vec<Range<usize>>) -> Vec<usize> {
    libraries.sort_unstable_by_key(|library| library.start);
    let mut has = vec![false; libraries.len()];
    for Recorded { destroy, caller } in lock().values() {
        for address in
            [destroy.map(|destroy| destroy as usize), Some(*caller)].into_iter().flatten()
        {
            let at = libraries.partition_point(|library| library.end <= address);
            if libraries.get(at).is_some_and(|library| library.contains(&address)) {
                has[at] = true;
            }
        }
    }
    let without = libraries.iter().zip(has).filter(|(_, has)| !has);
    without.map(|(library, _)| library.start).collect()
}

/// Runs the destructors of the calling thread's values of some libraries' keys, as its end would.
/// Returns how many there were.
pub(crate) fn run(ranges: &Ranges) -> usize {
    let of_theirs = |(key, recorded): (&Key, &Recorded)| {
        let destroy = recorded.destroy.filter(|_| recorded.is_of(ranges))?;
        Some((*key, destroy))
    };
    let theirs: Vec<(Key, Destroy)> = lock().iter().filter_map(of_theirs).collect();
    let mut count = 0;
    for (key, destroy) in theirs {
        // SAFETY: takes any number.
        let value = unsafe { libc::pthread_getspecific(key) };
        if !value.is_null() {
            // SAFETY: takes any number; the value is taken out, as the C library does.
            unsafe { libc::pthread_setspecific(key, std::ptr::null()) };
            // SAFETY: the key's destructor with this thread's value of it, as at the thread's end.
            unsafe { destroy(value) };
            count += 1;
        }
    }
    count
}

/// How many keys some libraries hold.
pub(crate) fn held(ranges: &Ranges) -> usize {
    lock().values().filter(|recorded| recorded.is_of(ranges)).count()
}

/// Deletes the keys of some libraries; values that threads still have of them are forgotten.
pub(crate) fn delete(ranges: &Ranges) -> usize {
    let mut recorded = lock();
    let theirs: Vec<Key> =
        recorded.iter().filter(|(_, one)| one.is_of(ranges)).map(|(key, _)| *key).collect();
    for key in &theirs {
        recorded.remove(key);
        delete_own(*key);
    }
    theirs.len()
}

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(holders) = self;
        holders.iter().enumerate().try_for_each(|(index, (name, count))| {
            let start = if index == 0 { "; most are held by" } else { "," };
            write!(f, "{start} {name} ({count})")
        })
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<Key, Recorded>> {
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)
}
