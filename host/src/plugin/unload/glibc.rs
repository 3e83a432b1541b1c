//! The engine of Linux with glibc: knows what a library leaves behind, clears it away, has the
//! linker unmap it, and looks whether it is gone.
//!
//! `interpose` knows what a library leaves behind and `objects` what it has brought; `purge` runs
//! on every thread what it has left there. The janitor calls [`unload`] once a generation is quiet
//! and its application dropped. Invariant: the linker is asked to unmap only what no thread, key,
//! signal or destructor leads to any more.

pub(crate) mod interpose;
pub(crate) mod mapped;
pub(crate) mod objects;
pub(crate) mod purge;
pub(crate) mod ranges;

use std::fmt;
use std::time::{Duration, Instant};

use self::interpose::{Bypassed, exit, keys, signals, sockets, thread_locals, threads};
use self::objects::{Fate, Shared, Turn};
use super::{Owner, Unloaded};
use crate::plugin::inspect::Stays;
use crate::plugin::library::Library;

pub(crate) use self::interpose::keys::OutOfKeys;
pub(crate) use self::interpose::verdict;
pub(crate) use self::mapped::hold_what_is_gone;
pub(crate) use self::objects::Brought;
pub(crate) use self::purge::StillThere;
pub(crate) use self::ranges::Ranges;

/// How often is looked for what nobody tells, such as the end of a library's thread.
const LOOK: Duration = Duration::from_millis(1);

/// What a library that is gone had left to the host to clear away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Thread keys.
    pub(crate) keys: usize,
    /// Sockets.
    pub(crate) sockets: usize,
}

/// A thread, as an operator finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    name: String,
    number: i32,
    owner: Option<Owner>,
}

/// What keeps a library mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Pin {
    /// Nobody knows what libraries of this process leave behind.
    Bypassed(Bypassed),
    /// The linker never unmaps it.
    Stays(Stays),
    /// It has not been found among what is mapped.
    Unknown,
    /// A function of it was called by signals, and others may have kept its address.
    Signal(String),
    /// A thread of it.
    Running(Thread),
    /// A thread that runs code of an object that it needs.
    RunningIn(Thread, String),
    /// A key of an object that another library uses too.
    KeyOf(String),
    /// A thread that did not come to clear away what it may have of it.
    Busy(Thread),
    /// A thread that has thread-locals of it and takes no messages.
    ThreadLocals(Thread),
    /// Each destructor of a thread-local registers another one.
    Endless,
    /// A thread that ends, and may be running its code for the last time.
    Ending(Thread),
    /// The linker was told, and did not.
    StillMapped(String),
}

/// Waits for the right to open a library. What it leaves is recorded from its first constructor on.
pub(crate) fn opening() -> Turn {
    // Where it is not recorded, nothing is unmapped.
    let _ = verdict();
    objects::turn()
}

/// Whether a further library may be opened.
///
/// # Errors
/// Too few thread keys are free.
pub(crate) fn room() -> Result<(), OutOfKeys> {
    keys::suffice(objects::mapped(), |code| objects::owner_of(code).map(|owner| owner.app))
}

/// From now on a library's `exit` ends the process in a way of ours, and is told.
pub(crate) fn watch_exits() {
    exit::watch(tell_exit);
}

/// The last line of the process: one that a library ends.
fn tell_exit(code: i32, caller: usize) {
    match objects::owner_of(caller) {
        Some(Owner { app, generation }) => {
            tracing::error!(app, generation, "it called exit({code}), which ends the host");
        }
        None => tracing::error!("a library called exit({code}), which ends the host"),
    }
}

/// What only one library uses of what is mapped: a thread in it is that library's own.
#[derive(Debug, Default)]
pub(crate) struct Code(Ranges);

impl Code {
    pub(crate) fn of(brought: &Brought) -> Self {
        Self(brought.alone())
    }
}

/// A thread that was begun in this code and has not ended, in words.
pub(crate) fn thread_in(code: &Code) -> Option<String> {
    let thread = threads::alive(&code.0)?;
    Some(format!("the thread \"{}\" (tid {thread})", threads::name_of(thread)))
}

/// Takes a library away.
pub(crate) fn unload(library: Library, until: Instant) -> Unloaded {
    if let Err(pin) = may_go(&library) {
        return Unloaded::Pinned(pin);
    }
    let Some(brought) = library.brought().cloned() else { return Unloaded::Pinned(Pin::Unknown) };
    brought.leave();
    if let Err(pin) = clear(&brought, until) {
        return Unloaded::NotYet(library, pin);
    }
    let turn = objects::turn();
    // While its turn was awaited, an open may have come to need an object of it.
    let own = brought.own();
    if let Err(pin) = last_look(&brought, &own) {
        return Unloaded::NotYet(library, pin);
    }
    if let Some(signal) = signals::ever_set(&own).or_else(|| signals::set_now(&own)) {
        return Unloaded::Pinned(Pin::Signal(signals::name_of(signal)));
    }
    let mut left = Left { keys: keys::delete(&own), sockets: 0 };
    // The C library may have read a destructor of a key before it was deleted.
    if let Err(pin) = ended(until) {
        return Unloaded::NotYet(library, pin);
    }
    library.release();
    let gone = brought.gone(&turn);
    // What its own destructors registered while they ran leads nowhere now.
    thread_locals::forget(&own);
    left.keys += keys::delete(&own);
    match gone {
        Err(object) => Unloaded::Pinned(Pin::StillMapped(object)),
        Ok(()) => {
            left.sockets = sockets::close_left(&own);
            mapped::hold(&own);
            Unloaded::Gone(left)
        }
    }
}

/// What no waiting changes.
fn may_go(library: &Library) -> Result<(), Pin> {
    verdict().map_err(Pin::Bypassed)?;
    let brought = library.brought().ok_or(Pin::Unknown)?;
    if let Some(stays) = brought.stays().into_iter().next() {
        return Err(Pin::Stays(stays));
    }
    match signals::ever_set(&brought.all()) {
        Some(signal) => Err(Pin::Signal(signals::name_of(signal))),
        None => Ok(()),
    }
}

/// Waits for its threads, and clears all others of it.
fn clear(brought: &Brought, until: Instant) -> Result<(), Pin> {
    let own = brought.own();
    while let Err(pin) = no_threads(brought, &own) {
        if Instant::now() >= until {
            return Err(pin);
        }
        std::thread::sleep(LOOK);
    }
    purge::everywhere(&own, until).map_err(Pin::from)
}

fn no_threads(brought: &Brought, own: &Ranges) -> Result<(), Pin> {
    if let Some(thread) = threads::alive(own) {
        return Err(Pin::Running(Thread::of(thread)));
    }
    for Shared { name, ranges, fate } in brought.shared() {
        if let Some(thread) = threads::alive(&ranges) {
            return Err(Pin::RunningIn(Thread::of(thread), name));
        }
        // Its values may lead to any library that uses it. What stays keeps what it has.
        if fate == Fate::Goes && keys::held(&ranges) > 0 {
            return Err(Pin::KeyOf(name));
        }
    }
    Ok(())
}

/// Destructors may have started threads, and left values elsewhere.
fn last_look(brought: &Brought, own: &Ranges) -> Result<(), Pin> {
    no_threads(brought, own)?;
    match thread_locals::outstanding(own) {
        Some(thread) => Err(Pin::ThreadLocals(Thread::of(thread))),
        None => Ok(()),
    }
}

fn ended(until: Instant) -> Result<(), Pin> {
    let mut ending = threads::ending();
    loop {
        ending.retain(|thread| threads::exists(*thread));
        let Some(thread) = ending.first() else { return Ok(()) };
        if Instant::now() >= until {
            return Err(Pin::Ending(Thread::of(*thread)));
        }
        std::thread::sleep(LOOK);
    }
}

impl From<StillThere> for Pin {
    fn from(still: StillThere) -> Self {
        match still {
            StillThere::Busy(thread) => Self::Busy(Thread::of(thread)),
            StillThere::Registered(thread) => Self::ThreadLocals(Thread::of(thread)),
            StillThere::Endless => Self::Endless,
        }
    }
}

impl Thread {
    fn of(number: i32) -> Self {
        let owner = threads::routine_of(number).and_then(objects::owner_of);
        Self { name: threads::name_of(number), number, owner }
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, number, .. } = self;
        write!(f, "\"{name}\" (tid {number})")
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bypassed(bypassed) => write!(f, "{bypassed}"),
            Self::Stays(Stays::Pinned) => f.write_str("its descriptor says `pinned`"),
            Self::Stays(Stays::NoDelete) => f.write_str("it is linked with -z nodelete"),
            Self::Stays(Stays::Unique { count, example }) => {
                write!(f, "it defines {count} GNU unique symbols, such as `{example}`")
            }
            Self::Unknown => f.write_str("the linker does not say where it is mapped"),
            Self::Signal(signal) => write!(f, "it installed a handler for {signal}"),
            Self::Running(thread) => write!(f, "its thread {thread} still runs"),
            Self::RunningIn(thread, object) => {
                write!(f, "the thread {thread} runs code of `{object}`, which it needs")
            }
            Self::KeyOf(object) => {
                write!(f, "`{object}`, which others use too, holds thread keys")
            }
            Self::Busy(thread) => {
                write!(f, "the thread {thread} has not come yet to clear its thread-locals")
            }
            Self::ThreadLocals(thread) => match &thread.owner {
                Some(owner) => write!(f, "thread-locals on a thread of {}: {thread}", owner.app),
                None => write!(f, "thread-locals on the host's thread {thread}"),
            },
            Self::Endless => f.write_str("its thread-locals make new ones when they are dropped"),
            Self::Ending(thread) => write!(f, "the thread {thread} is ending"),
            Self::StillMapped(object) => write!(f, "the linker keeps `{object}` mapped"),
        }
    }
}

#[cfg(test)]
mod tests;
