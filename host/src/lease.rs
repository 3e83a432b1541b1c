//! A stack of generations, and the right to use it, as ownership.
//!
//! Whoever holds a pointer into a library holds a lease on its stack. A lease is a clone of one
//! core's share, so cores never write to the same counter; a clone of a lease stays in its parent's
//! share, on whatever thread it is made. When a stack was taken out of every core's site and the
//! last lease is dropped, the stack itself is dropped: exactly one side sees that, because it is
//! the drop of the last `Arc`. It then gives those members that no other stack has to the janitor,
//! for nothing of a library may run where the last lease happens to be dropped. What the
//! application has to hand over goes to the heir that the stack was given when it left service.

use std::fmt;
use std::ops::Deref;
use std::time::Instant;

use crate::limits::Limits;
use crate::plugin::generation::{Flavour, Generation};
use crate::plugin::retire::{self, Heir};
use crate::pool::Pool;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Layers around an application, outermost first, and where their calls run.
#[derive(Debug)]
pub(crate) struct Stack {
    members: Vec<Arc<Generation>>,
    pool: Option<Pool>,
    flavour: Flavour,
    debug_headers: DebugHeaders,
    pub(crate) limits: Arc<Limits>,
    /// One for each core, as long as somebody has it.
    shares: Mutex<Vec<Weak<Share>>>,
    /// Requests that were counted by shares that are gone.
    past: AtomicU64,
    panics: Arc<Panics>,
    /// Who is told when nothing is at work here any more.
    heir: OnceLock<Arc<dyn Heir>>,
    /// Outlives the drop of the stack itself, which gives the members away.
    present: Arc<()>,
}

/// Whether responses say which generation made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DebugHeaders {
    Hidden,
    Shown,
}

/// The panics of a stack; held by whoever watches it, which keeps nothing in service.
#[derive(Debug, Default)]
pub(crate) struct Panics {
    watched: Mutex<Watched>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Watched {
    count: u64,
    watch: Watch,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Watch {
    #[default]
    On,
    Over,
}

/// What a watch for panics came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watching {
    /// There were as many as were allowed.
    Spent,
    /// The time was over first.
    Passed,
    /// The stack was taken out of service.
    GivenUp,
}

/// How much a stack has done, and has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Requests that it was given.
    pub(crate) requests: u64,
    /// Those whose response has not ended.
    pub(crate) in_flight: u64,
    pub(crate) panics: u64,
}

impl Stack {
    /// A stack; a blocking one gets its pool of threads here.
    pub(crate) fn new(
        members: Vec<Arc<Generation>>,
        debug_headers: DebugHeaders,
        limits: &Arc<Limits>,
    ) -> std::io::Result<Arc<Self>> {
        let mut stack = Self::without_pool(members, debug_headers, limits);
        if stack.flavour == Flavour::Blocking {
            stack.pool = Some(Pool::start(stack.name(), limits.pool_threads, limits.pool_queue)?);
        }
        Ok(Arc::new(stack))
    }

    fn without_pool(
        members: Vec<Arc<Generation>>,
        debug_headers: DebugHeaders,
        limits: &Arc<Limits>,
    ) -> Self {
        let flavour =
            members.iter().map(|member| member.flavour()).max().unwrap_or(Flavour::Blocking);
        let limits = Arc::clone(limits);
        let (shares, past) = (Mutex::default(), AtomicU64::new(0));
        let (panics, heir, present) = (Arc::default(), OnceLock::new(), Arc::default());
        Self {
            members,
            pool: None,
            flavour,
            debug_headers,
            limits,
            shares,
            past,
            panics,
            heir,
            present,
        }
    }

    /// The same members, out of service: they are kept, and the stack that serves can end.
    pub(crate) fn at_rest(&self) -> Arc<Self> {
        let members = self.members.clone();
        Arc::new(Self::without_pool(members, self.debug_headers, &self.limits))
    }

    /// The same members, to be put into service.
    pub(crate) fn again(&self) -> std::io::Result<Arc<Self>> {
        Self::new(self.members.clone(), self.debug_headers, &self.limits)
    }

    /// Alive until the members of a stack that has ended are with the janitor.
    pub(crate) fn present(&self) -> Weak<()> {
        Arc::downgrade(&self.present)
    }

    /// It is taken out of service: what its application has to hand over goes there, once.
    pub(crate) fn bequeath(&self, heir: Arc<dyn Heir>) {
        // A stack is taken out of service once.
        let _ = self.heir.set(heir);
    }

    /// What it has done so far.
    pub(crate) fn work(&self) -> Work {
        let shares = lock(&self.shares);
        let mut work = Work { requests: self.past(), in_flight: 0, panics: self.panics.count() };
        for share in shares.iter().filter_map(Weak::upgrade) {
            // What ended is read first: a request may begin meanwhile, but none end unbegun.
            let ended = share.ended.load(Ordering::Acquire);
            let begun = share.begun.load(Ordering::Relaxed);
            work.requests += begun;
            work.in_flight += begun.saturating_sub(ended);
        }
        work
    }

    fn past(&self) -> u64 {
        self.past.load(Ordering::Relaxed)
    }

    pub(crate) const fn panics(&self) -> &Arc<Panics> {
        &self.panics
    }

    /// The member at a depth, 0 for the outermost.
    pub(crate) fn member(&self, depth: usize) -> Option<&Generation> {
        self.members.get(depth).map(|member| &**member)
    }

    /// The application under the layers.
    pub(crate) fn application(&self) -> Option<&Generation> {
        self.members.last().map(|member| &**member)
    }

    pub(crate) fn members(&self) -> &[Arc<Generation>] {
        &self.members
    }

    pub(crate) fn name(&self) -> &str {
        self.application().map_or("", Generation::name)
    }

    pub(crate) const fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The generation that its responses name, if they name one.
    #[inline]
    pub(crate) fn shown_generation(&self) -> Option<u64> {
        match self.debug_headers {
            DebugHeaders::Hidden => None,
            DebugHeaders::Shown => self.application().map(Generation::number),
        }
    }

    /// Where blocking calls run.
    pub(crate) const fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }
}

impl Panics {
    /// A member has panicked.
    #[cold]
    pub(crate) fn add(&self) {
        lock(&self.watched).count += 1;
        self.changed.notify_all();
    }

    fn count(&self) -> u64 {
        lock(&self.watched).count
    }

    /// Waits until there are so many, the time is over, or nobody wants to know any more.
    pub(crate) fn watch(&self, budget: u64, until: Instant) -> Watching {
        let mut watched = lock(&self.watched);
        loop {
            if watched.watch == Watch::Over {
                return Watching::GivenUp;
            }
            if watched.count >= budget {
                return Watching::Spent;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Watching::Passed;
            };
            let waited = self.changed.wait_timeout(watched, left);
            watched = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends every watch.
    pub(crate) fn give_up(&self) {
        lock(&self.watched).watch = Watch::Over;
        self.changed.notify_all();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // The pool's threads end by themselves; the janitor waits for them.
        self.pool = None;
        // Outermost first: the application goes last, and it is what has state.
        let mut members = std::mem::take(&mut self.members);
        let application = members.pop();
        members.into_iter().for_each(|layer| retire::let_go(layer, None));
        if let Some(application) = application {
            retire::let_go(application, self.heir.take());
        }
    }
}

/// One core's share of a stack. Kept by the core's site for as long as the stack is served.
#[derive(Clone)]
pub(crate) struct Lease(Arc<Share>);

struct Share {
    stack: Arc<Stack>,
    /// Written by its core only.
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that was given to a stack, until its response has ended.
pub(crate) struct Counted(Lease);

impl Lease {
    /// The share of a core; the same one as long as somebody has it.
    pub(crate) fn share(stack: &Arc<Stack>, core: usize) -> Self {
        let mut shares = lock(&stack.shares);
        if shares.len() <= core {
            shares.resize_with(core + 1, Weak::new);
        }
        if let Some(share) = shares[core].upgrade() {
            return Self(share);
        }
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        let share = Arc::new(Share { stack: Arc::clone(stack), begun, ended });
        shares[core] = Arc::downgrade(&share);
        Self(share)
    }

    /// Counts a request, on the share's core.
    #[inline]
    pub(crate) fn count(&self) -> Counted {
        let begun = &self.0.begun;
        begun.store(begun.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

impl Counted {
    pub(crate) const fn lease(&self) -> &Lease {
        &self.0
    }
}

impl Drop for Counted {
    #[inline]
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let begun = self.begun.load(Ordering::Relaxed);
        self.stack.past.fetch_add(begun, Ordering::Relaxed);
    }
}

impl Deref for Lease {
    type Target = Stack;

    #[inline]
    fn deref(&self) -> &Stack {
        &self.0.stack
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.name())
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted({:?})", self.0)
    }
}
