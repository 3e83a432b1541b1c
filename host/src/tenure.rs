//! One generation's time in service, from its threads to what it hands over.
//!
//! A name in the plan leads to a tenure, and the stacks that the name is a member of hold it. When
//! nothing at its name and no stack with a lease holds it any more, it is dropped: exactly one side
//! sees that, because it is the drop of the last `Arc`. It then gives its generation to the
//! janitor, for nothing of a library may run where the last lease happens to be dropped. What the
//! generation has to hand over goes to the heir that the tenure was given when it left service.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::lease::Stack;
use crate::limits::Limits;
use crate::panics::Panics;
use crate::plugin::generation::{Flavour, Generation};
use crate::plugin::inspect::Kind;
use crate::plugin::retire::{self, Heir};
use crate::pool::Pool;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// A generation that serves, or is kept at rest.
pub(crate) struct Tenure {
    /// There until it is given away, in the drop of this.
    generation: Option<Arc<Generation>>,
    /// Where its calls wait; none where nobody waits, or not yet.
    pool: OnceLock<Arc<Pool>>,
    debug_headers: DebugHeaders,
    limits: Arc<Limits>,
    panics: Arc<Panics>,
    /// What it is a member of, as long as that is there.
    stacks: Mutex<Vec<Weak<Stack>>>,
    /// Requests that were given to stacks that are gone.
    past: AtomicU64,
    /// Who is told when nothing is at work here any more.
    heir: OnceLock<Arc<dyn Heir>>,
    /// Outlives the drop of the tenure itself, which gives the generation away.
    present: Arc<()>,
    /// How often it has left service, and come back.
    moves: AtomicU64,
}

/// Whether responses say which generation made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DebugHeaders {
    Hidden,
    Shown,
}

/// How much a tenure has done, and has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Requests that its stacks were given.
    pub(crate) requests: u64,
    /// Those whose response has not ended.
    pub(crate) in_flight: u64,
    pub(crate) panics: u64,
}

/// Something of it was still at work when the time was over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy;

impl Tenure {
    /// A generation goes into service. A blocking application gets its pool of threads here; layers
    /// usually run on those of the application.
    pub(crate) fn open(
        generation: Arc<Generation>,
        debug_headers: DebugHeaders,
        limits: &Arc<Limits>,
    ) -> io::Result<Arc<Self>> {
        let tenure = Self::new(generation, debug_headers, limits);
        let generation = tenure.generation();
        if (generation.kind(), generation.flavour()) == (Kind::Application, Flavour::Blocking) {
            tenure.staff()?;
        }
        Ok(Arc::new(tenure))
    }

    fn new(generation: Arc<Generation>, debug_headers: DebugHeaders, limits: &Arc<Limits>) -> Self {
        let (limits, generation) = (Arc::clone(limits), Some(generation));
        let (stacks, past) = (Mutex::default(), AtomicU64::new(0));
        let (panics, heir, present) = (Arc::default(), OnceLock::new(), Arc::default());
        let (pool, moves) = (OnceLock::new(), AtomicU64::new(0));
        Self { generation, pool, debug_headers, limits, panics, stacks, past, heir, present, moves }
    }

    /// The same generation, out of service: it is kept, and the tenure that serves can end.
    pub(crate) fn at_rest(&self) -> Arc<Self> {
        let generation = Arc::clone(self.generation());
        Arc::new(Self::new(generation, self.debug_headers, &self.limits))
    }

    /// The same generation, to be put into service.
    pub(crate) fn again(&self) -> io::Result<Arc<Self>> {
        Self::open(Arc::clone(self.generation()), self.debug_headers, &self.limits)
    }

    pub(crate) fn generation(&self) -> &Arc<Generation> {
        self.generation.as_ref().expect("it is given away in the drop only")
    }

    pub(crate) fn name(&self) -> &str {
        self.generation().name()
    }

    pub(crate) const fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(crate) const fn debug_headers(&self) -> DebugHeaders {
        self.debug_headers
    }

    pub(crate) const fn panics(&self) -> &Arc<Panics> {
        &self.panics
    }

    /// Alive until the generation of a tenure that has ended is with the janitor.
    pub(crate) fn present(&self) -> Weak<()> {
        Arc::downgrade(&self.present)
    }

    /// It is taken out of service: what its generation has to hand over goes there, once.
    pub(crate) fn bequeath(&self, heir: Arc<dyn Heir>) {
        // A tenure is taken out of service once.
        let _ = self.heir.set(heir);
    }

    /// Its pool; the threads are started if it has none yet.
    pub(crate) fn staff(&self) -> io::Result<Arc<Pool>> {
        if let Some(pool) = self.pool.get() {
            return Ok(Arc::clone(pool));
        }
        let Limits { pool_threads, pool_queue, .. } = *self.limits;
        let pool = Arc::new(Pool::start(self.name(), pool_threads, pool_queue)?);
        // Of two that start one at the same time the first is right.
        Ok(Arc::clone(self.pool.get_or_init(|| pool)))
    }

    /// It is a member of another stack.
    pub(crate) fn joins(&self, stack: &Arc<Stack>) {
        let mut stacks = lock(&self.stacks);
        stacks.retain(|known| known.strong_count() > 0);
        stacks.push(Arc::downgrade(stack));
    }

    /// A stack that it was a member of is gone, and was given so many requests.
    pub(crate) fn left(&self, requests: u64) {
        self.past.fetch_add(requests, Ordering::Relaxed);
    }

    /// What it has done so far.
    pub(crate) fn work(&self) -> Work {
        let (requests, panics) = (self.past.load(Ordering::Relaxed), self.panics.count());
        let mut work = Work { requests, in_flight: 0, panics };
        for stack in self.stacks() {
            let (begun, in_flight) = stack.requests();
            work.requests += begun;
            work.in_flight += in_flight;
        }
        work
    }

    /// Waits until no thread of a pool works for a stack that it is in.
    pub(crate) fn quiet(&self, until: Instant) -> Result<(), Busy> {
        let own = self.pool.get().cloned();
        let pools = self.stacks().into_iter().filter_map(|stack| stack.pool().cloned());
        let mut pools = own.into_iter().chain(pools);
        pools.try_for_each(|pool| pool.quiet(until).map_err(|_| Busy))
    }

    /// Tells its generation that no new requests will come.
    pub(crate) fn drain(&self, deadline: Duration) {
        self.generation().drain(deadline);
    }

    /// It leaves service or comes back; the number of this move.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Its time is over: what has no end of its own is told; how many were. Not if it has moved
    /// since.
    pub(crate) fn farewell(&self, moved: u64) -> usize {
        if self.moves.load(Ordering::Relaxed) != moved {
            return 0;
        }
        self.stacks().iter().map(|stack| stack.farewell().say()).sum()
    }

    /// Held for a moment only: where the last lease goes meanwhile, a stack ends here.
    fn stacks(&self) -> Vec<Arc<Stack>> {
        lock(&self.stacks).iter().filter_map(Weak::upgrade).collect()
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        // The pool's threads end by themselves; the janitor waits for them.
        drop(self.pool.take());
        if let Some(generation) = self.generation.take() {
            retire::let_go(generation, self.heir.take());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenure({:?})", self.generation)
    }
}
