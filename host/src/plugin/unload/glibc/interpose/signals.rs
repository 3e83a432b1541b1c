//! Signals: the host's reaction survives what libraries set, and a library that ever set a
//! function for one is known.
//!
//! For the signals that the host heeds, both sides have an action of their own, and each sees only
//! its own. The system is given the host's, or, when both are functions, one of ours that calls the
//! host's and then the library's. Invariant: nothing here locks or allocates, because programs call
//! it between `fork` and `exec`.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{image, next, with_caller};
use crate::plugin::unload::glibc::ranges::Ranges;

type Action = libc::sigaction;
type Sigaction = unsafe extern "C" fn(c_int, *const Action, *mut Action) -> c_int;
type Handle = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// The signals that the host reacts to.
const HEEDED: [c_int; 5] =
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD];

/// The highest signal.
const SIGNALS: c_int = 64;

/// One side's action for one signal.
struct Side {
    is_set: AtomicBool,
    function: AtomicUsize,
    flags: AtomicUsize,
    mask: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Host,
    Library,
}

static HOST: [Side; HEEDED.len()] = [const { Side::unset() }; HEEDED.len()];
static LIBRARY: [Side; HEEDED.len()] = [const { Side::unset() }; HEEDED.len()];

with_caller!(sigaction => set, "rcx", "x3");
with_caller!(signal => set_simply, "rdx", "x2");

/// # Safety
/// As `sigaction`.
unsafe extern "C" fn set(
    signal: c_int,
    new: *const Action,
    old: *mut Action,
    caller: usize,
) -> c_int {
    // SAFETY: null, or lent for the call.
    let new = unsafe { new.as_ref() };
    let function = new.map_or(libc::SIG_DFL, |new| new.sa_sigaction);
    let is_function = function != libc::SIG_DFL && function != libc::SIG_IGN;
    // Who ignores a signal is not told by the caller's address: the call may be the last of a
    // library's function, and return to the host right away. The host ignores none that it heeds.
    let whose = match new {
        Some(_) if is_function && image::is_host(function) => Whose::Host,
        None if image::is_host(caller) => Whose::Host,
        _ => Whose::Library,
    };
    if is_function && whose == Whose::Library {
        installed::record(signal, function);
    }
    let old = old.cast::<MaybeUninit<Action>>();
    // A process that a library forked is not the host, and ends by the signals of its own.
    let is_heeded = |one: &c_int| *one == signal && next::is_this_process();
    match HEEDED.iter().position(is_heeded) {
        // SAFETY: null, or lent for the call.
        Some(index) => shared(index, whose, new, unsafe { old.as_mut() }),
        // SAFETY: as the caller's.
        None => unsafe { system(signal, new, old.as_mut()) },
    }
}

/// `signal` of the C library is this call of `sigaction`.
unsafe extern "C" fn set_simply(signal: c_int, function: usize, caller: usize) -> usize {
    let new = Action { sa_sigaction: function, sa_flags: libc::SA_RESTART, ..empty() };
    let mut old = empty();
    // SAFETY: both are lent for the call.
    match unsafe { set(signal, &raw const new, &raw mut old, caller) } {
        0 => old.sa_sigaction,
        _ => libc::SIG_ERR,
    }
}

fn shared(
    index: usize,
    whose: Whose,
    new: Option<&Action>,
    old: Option<&mut MaybeUninit<Action>>,
) -> c_int {
    let (signal, host, library) = (HEEDED[index], &HOST[index], &LIBRARY[index]);
    let (own, other) = match whose {
        Whose::Host => (host, library),
        Whose::Library => (library, host),
    };
    if !own.is_set() && !other.is_set() {
        let mut before = MaybeUninit::uninit();
        let result = system(signal, None, Some(&mut before));
        if result != 0 {
            return result;
        }
        // SAFETY: written by the call above. What the process was started with, both sides see.
        let before = unsafe { before.assume_init() };
        host.inherit(&before);
        library.inherit(&before);
    }
    if let Some(old) = old {
        old.write(own.read());
    }
    let Some(new) = new else { return 0 };
    own.write(new);
    let result = system(signal, Some(&combined(host, library)), None);
    // Both sides may have written at once: whoever comes last has seen both.
    if result == 0 { system(signal, Some(&combined(host, library)), None) } else { result }
}

/// What the system is to do for both.
fn combined(host: &Side, library: &Side) -> Action {
    let (ours, theirs) = (host.read(), library.read());
    if !host.is_set() {
        return theirs;
    }
    if !library.has_function() {
        return ours;
    }
    let mask = host.mask.load(Ordering::Relaxed) | library.mask.load(Ordering::Relaxed);
    Action {
        sa_sigaction: both as *const () as usize,
        sa_flags: libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK,
        sa_mask: full_mask(mask),
        ..empty()
    }
}

/// Runs in the signal: first the host's, then the library's.
unsafe extern "C" fn both(signal: c_int, told: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(index) = HEEDED.iter().position(|one| *one == signal) else { return };
    for side in [&HOST[index], &LIBRARY[index]] {
        if side.has_function() {
            let function = side.function.load(Ordering::Acquire);
            // SAFETY: a function that was set for this signal, and stays: a library that ever set
            // one is never unmapped. One that takes the number alone ignores the rest.
            unsafe {
                std::mem::transmute::<usize, Handle>(function)(signal, told, context);
            }
        }
    }
}

/// Has the system do it.
fn system(signal: c_int, new: Option<&Action>, old: Option<&mut MaybeUninit<Action>>) -> c_int {
    // SAFETY: the function's type.
    let next: Sigaction = unsafe { next::SIGACTION.function() };
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    let old = old.map_or(std::ptr::null_mut(), MaybeUninit::as_mut_ptr);
    // SAFETY: each is null or lent for the call.
    unsafe { next(signal, new, old) }
}

impl Side {
    const fn unset() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            function: AtomicUsize::new(libc::SIG_DFL),
            flags: AtomicUsize::new(0),
            mask: AtomicU64::new(0),
        }
    }

    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    fn has_function(&self) -> bool {
        let function = self.function.load(Ordering::Acquire);
        function != libc::SIG_DFL && function != libc::SIG_IGN
    }

    fn read(&self) -> Action {
        Action {
            sa_sigaction: self.function.load(Ordering::Acquire),
            sa_flags: self.flags.load(Ordering::Relaxed) as c_int,
            sa_mask: full_mask(self.mask.load(Ordering::Relaxed)),
            ..empty()
        }
    }

    fn write(&self, action: &Action) {
        self.inherit(action);
        self.is_set.store(true, Ordering::Release);
    }

    /// Shows what was there before anybody set something.
    fn inherit(&self, action: &Action) {
        self.mask.store(first_word(&action.sa_mask), Ordering::Relaxed);
        self.flags.store(action.sa_flags as usize, Ordering::Relaxed);
        self.function.store(action.sa_sigaction, Ordering::Release);
    }
}

/// A signal for which a library has ever set a function.
pub(crate) fn ever_set(ranges: &Ranges) -> Option<c_int> {
    installed::find(ranges)
}

/// A signal whose action lies in some libraries right now, however it came there.
pub(crate) fn set_now(ranges: &Ranges) -> Option<c_int> {
    (1..=SIGNALS).find(|signal| {
        let mut now = MaybeUninit::uninit();
        // SAFETY: written when the call succeeds.
        system(*signal, None, Some(&mut now)) == 0
            && ranges.contain(unsafe { now.assume_init() }.sa_sigaction)
    })
}

/// A signal as a user knows it.
pub(crate) fn name_of(signal: c_int) -> String {
    const NAMES: [(c_int, &str); 14] = [
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGCHLD, "SIGCHLD"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGWINCH, "SIGWINCH"),
        (libc::SIGPROF, "SIGPROF"),
    ];
    let known = NAMES.iter().find(|(one, _)| *one == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

fn empty() -> Action {
    // SAFETY: plain numbers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// The system knows 64 signals, the C library's set has room for more.
fn first_word(mask: &libc::sigset_t) -> u64 {
    // SAFETY: a set is an array of words, at least one.
    unsafe { std::ptr::from_ref(mask).cast::<u64>().read() }
}

fn full_mask(word: u64) -> libc::sigset_t {
    let mut mask = empty().sa_mask;
    // SAFETY: as above.
    unsafe { (&raw mut mask).cast::<u64>().write(word) };
    mask
}

/// Functions that libraries have set, for good.
mod installed {
    use super::{AtomicU64, AtomicUsize, Ordering, Ranges, c_int};

    const MOST: usize = 1024;
    /// Addresses of programs end below this bit.
    const SIGNAL_SHIFT: u32 = 56;

    static ENTRIES: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];
    /// How many did not fit.
    static LOST: AtomicUsize = AtomicUsize::new(0);

    pub(super) fn record(signal: c_int, function: usize) {
        let new = (signal as u64) << SIGNAL_SHIFT | function as u64;
        for entry in &ENTRIES {
            match entry.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(there) if there == new => return,
                Err(_) => {}
            }
        }
        LOST.fetch_add(1, Ordering::Relaxed);
    }

    /// When an entry was lost, it may have been anybody's.
    pub(super) fn find(ranges: &Ranges) -> Option<c_int> {
        let signal = |entry: u64| (entry >> SIGNAL_SHIFT) as c_int;
        let function = |entry: u64| (entry & ((1 << SIGNAL_SHIFT) - 1)) as usize;
        let entries = ENTRIES.iter().map(|entry| entry.load(Ordering::Acquire));
        let mut entries = entries.take_while(|entry| *entry != 0);
        let found = entries.find(|entry| ranges.contain(function(*entry))).map(signal);
        found.or_else(|| (LOST.load(Ordering::Relaxed) > 0).then_some(0))
    }
}
