//! A stack of generations, and the right to use it, as ownership.
//!
//! Whoever holds a pointer into a library holds a lease on its stack. A lease is a clone of one
//! core's share, so cores never write to the same counter; a clone of a lease stays in its parent's
//! share, on whatever thread it is made. When a stack was taken out of every core's site and the
//! last lease is dropped, the stack itself is dropped, and with it its hold on the tenures of its
//! members; those that nothing else holds end there.

use std::fmt;
use std::ops::Deref;

use crate::farewell::Farewell;
use crate::limits::Limits;
use crate::plugin::application::step::Step;
use crate::plugin::generation::{Flavour, Generation};
use crate::pool::Pool;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use crate::tenure::{DebugHeaders, Tenure};

/// Layers around an application, outermost first, and where their calls run.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The members to be called, and one for nobody.
    steps: Box<[Step]>,
    members: Vec<Member>,
    pool: Option<Arc<Pool>>,
    flavour: Flavour,
    runs: u64,
    debug_headers: DebugHeaders,
    pub(crate) limits: Arc<Limits>,
    /// One for each core, as long as somebody has it.
    shares: Mutex<Vec<Weak<Share>>>,
    /// Requests that were counted by shares that are gone.
    past: AtomicU64,
    farewell: Farewell,
}

/// A member. Drop order: the generation first, which its last tenure gives away.
#[derive(Debug)]
struct Member {
    generation: Arc<Generation>,
    tenure: Arc<Tenure>,
}

impl Stack {
    /// These around each other, outermost first; the last one is the application.
    pub(crate) fn new(application: &Arc<Tenure>, layers: &[Arc<Tenure>]) -> Arc<Self> {
        let members: Vec<Member> = layers.iter().chain([application]).map(Member::of).collect();
        let steps = steps(&members);
        let flavour = flavour(&members);
        let pool = if flavour == Flavour::Blocking { pool(&members) } else { None };
        let (debug_headers, limits) = (application.debug_headers(), application.limits());
        let limits = Arc::clone(limits);
        let (shares, past) = (Mutex::default(), AtomicU64::new(0));
        let runs = members.iter().find(|it| it.generation.flavour() != Flavour::AsInside);
        let runs = runs.map_or(0, |member| member.generation.number());
        let farewell = Farewell::default();
        let stack = Self {
            steps,
            members,
            pool,
            flavour,
            runs,
            debug_headers,
            limits,
            shares,
            past,
            farewell,
        };
        let stack = Arc::new(stack);
        stack.members.iter().for_each(|member| member.tenure.joins(&stack));
        stack
    }

    /// Requests that it was given, and those whose response has not ended.
    pub(crate) fn requests(&self) -> (u64, u64) {
        let shares = lock(&self.shares);
        let (mut requests, mut in_flight) = (self.past.load(Ordering::Relaxed), 0);
        for share in shares.iter().filter_map(Weak::upgrade) {
            // What ended is read first: a request may begin meanwhile, but none end unbegun.
            let ended = share.ended.load(Ordering::Acquire);
            let begun = share.begun.load(Ordering::Relaxed);
            requests += begun;
            in_flight += begun.saturating_sub(ended);
        }
        (requests, in_flight)
    }

    /// What tells those that have no end of their own.
    pub(crate) const fn farewell(&self) -> &Farewell {
        &self.farewell
    }

    /// The member at a depth, 0 for the outermost.
    #[inline]
    pub(crate) fn member(&self, depth: usize) -> Option<&Generation> {
        self.members.get(depth).map(|member| &*member.generation)
    }

    /// All members, outermost first, to be called as long as this is leased; behind the last one
    /// stands nobody.
    #[inline]
    pub(crate) const fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whose code runs where the body or the future of the stack does: the outermost member that
    /// is not wherever its inside is. Anything further in is called by that one's own code.
    #[inline]
    pub(crate) const fn runs(&self) -> u64 {
        self.runs
    }

    /// How many members there are.
    #[inline]
    pub(crate) const fn depth(&self) -> usize {
        self.members.len()
    }

    /// The application under the layers.
    pub(crate) fn application(&self) -> Option<&Generation> {
        self.members.last().map(|member| &*member.generation)
    }

    pub(crate) fn name(&self) -> &str {
        self.application().map_or("", Generation::name)
    }

    /// A member has panicked: the one of this generation, the application if there is none.
    #[cold]
    pub(crate) fn panicked(&self, generation: u64) {
        if let Some(member) = self.of(generation) {
            member.tenure.panics().add();
        }
    }

    /// The name of the member of this generation, of the application if there is none.
    #[cold]
    pub(crate) fn name_of(&self, generation: u64) -> &str {
        self.of(generation).map_or("", |member| member.generation.name())
    }

    fn of(&self, generation: u64) -> Option<&Member> {
        let it = self.members.iter().find(|member| member.generation.number() == generation);
        it.or(self.members.last())
    }

    #[inline]
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
    pub(crate) const fn pool(&self) -> Option<&Arc<Pool>> {
        self.pool.as_ref()
    }
}

fn steps(members: &[Member]) -> Box<[Step]> {
    let steps = (0..).zip(members).map(|(depth, member)| Step::of(&member.generation, depth));
    let nobody = Step::nobody(u32::try_from(members.len()).unwrap_or(u32::MAX));
    steps.chain([nobody]).collect()
}

/// The most blocking one of its members; and a layer that calls on inwards as a function returns
/// cannot answer later, so what it has around itself must be able to wait.
fn flavour(members: &[Member]) -> Flavour {
    let of = |member: &Member| member.generation.flavour();
    let most = members.iter().map(of).max().unwrap_or(Flavour::Blocking);
    let waits = || {
        let mut inwards = members.iter().map(of).skip_while(|it| !it.returns());
        inwards.any(|it| it == Flavour::Async)
    };
    if most == Flavour::Async && waits() { Flavour::Blocking } else { most }
}

/// That of the innermost member whose calls wait; its threads may start here.
fn pool(members: &[Member]) -> Option<Arc<Pool>> {
    let (application, layers) = members.split_last()?;
    let of = |member: &Member| member.generation.flavour();
    let application = Some(application).filter(|it| of(it) == Flavour::Blocking);
    let layers = layers.iter().rev().filter(|it| of(it).returns());
    let waits = application.into_iter().chain(layers).next()?;
    let started = waits.tenure.staff();
    let tell = |error: &std::io::Error| {
        tracing::error!(app = waits.tenure.name(), "no threads for its calls: {error}");
    };
    started.inspect_err(tell).ok()
}

impl Member {
    fn of(tenure: &Arc<Tenure>) -> Self {
        Self { generation: Arc::clone(tenure.generation()), tenure: Arc::clone(tenure) }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let past = self.past.load(Ordering::Relaxed);
        self.members.iter().for_each(|member| member.tenure.left(past));
        self.pool = None;
        // Outermost first: the application goes last, and it is what has state.
        self.members.drain(..).for_each(drop);
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

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use dsgi::abi::app::flavour;
    use dsgi::export::link;
    use dsgi::{Environ, StartResponse};

    use super::*;

    fn answer(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 0]> {
        start_response("200 OK", &[])?;
        Ok([])
    }

    /// A member of each flavour; `Tenure::open` starts threads for the blocking ones.
    fn members(flavours: &[u32]) -> Vec<Arc<Tenure>> {
        let limits = Arc::new(Limits { pool_threads: 1, ..Limits::default() });
        let tenure = |flavour: &u32| {
            let mut linked = link(answer);
            linked.descriptor.flavour = *flavour;
            let generation = Generation::linked(&linked).expect("it has its functions");
            Tenure::open(Arc::new(generation), DebugHeaders::Hidden, &limits).expect("threads")
        };
        flavours.iter().map(tenure).collect()
    }

    #[test]
    fn a_stack_waits_where_a_member_must() {
        const SYNC: u32 = flavour::BLOCKING;
        const QUICK: u32 = flavour::NON_BLOCKING;
        const LATER: u32 = flavour::ASYNC;
        const NONE: u32 = flavour::AS_INSIDE;
        for (flavours, expected, whose_pool) in [
            (&[QUICK][..], Flavour::NonBlocking, None),
            (&[LATER], Flavour::Async, None),
            (&[QUICK, QUICK], Flavour::NonBlocking, None),
            (&[LATER, QUICK], Flavour::Async, None),
            (&[LATER, LATER], Flavour::Async, None),
            (&[SYNC], Flavour::Blocking, Some(0)),
            // Its calls return, and what is inside answers later.
            (&[QUICK, LATER], Flavour::Blocking, Some(0)),
            (&[LATER, QUICK, LATER], Flavour::Blocking, Some(1)),
            (&[QUICK, LATER, QUICK], Flavour::Blocking, Some(0)),
            (&[SYNC, LATER], Flavour::Blocking, Some(0)),
            (&[SYNC, QUICK, LATER], Flavour::Blocking, Some(1)),
            (&[SYNC, SYNC], Flavour::Blocking, Some(1)),
            (&[SYNC, QUICK], Flavour::Blocking, Some(0)),
            (&[LATER, SYNC], Flavour::Blocking, Some(1)),
            // What runs as its inside makes no difference anywhere.
            (&[NONE, QUICK], Flavour::NonBlocking, None),
            (&[NONE, LATER], Flavour::Async, None),
            (&[QUICK, NONE, QUICK], Flavour::NonBlocking, None),
            (&[QUICK, NONE, LATER], Flavour::Blocking, Some(0)),
            (&[NONE, QUICK, LATER], Flavour::Blocking, Some(1)),
            (&[SYNC, NONE, QUICK], Flavour::Blocking, Some(0)),
            (&[NONE, SYNC], Flavour::Blocking, Some(1)),
        ] {
            let members = members(flavours);
            let (application, layers) = members.split_last().unwrap();
            let stack = Stack::new(application, layers);
            assert_eq!(stack.flavour(), expected, "{flavours:?}");
            let runs = flavours.iter().position(|it| *it != NONE).unwrap();
            assert_eq!(stack.runs(), members[runs].generation().number(), "{flavours:?}");
            let is_it = |tenure: &Arc<Tenure>| {
                let own = stack.pool().map(Arc::as_ptr);
                own.is_some() && tenure.staff().ok().as_ref().map(Arc::as_ptr) == own
            };
            assert_eq!(members.iter().position(is_it), whose_pool, "{flavours:?}");
        }
    }

    #[test]
    fn a_tenure_counts_what_its_stacks_were_given() {
        let members = members(&[flavour::NON_BLOCKING; 3]);
        let [layer, shop, blog] = &members[..] else { return };
        let stacks = [shop, blog].map(|app| Stack::new(app, &[Arc::clone(layer)]));
        let leases = stacks.each_ref().map(|stack| Lease::share(stack, 0));
        let work = |tenure: &Tenure| (tenure.work().requests, tenure.work().in_flight);
        let in_hand = leases.each_ref().map(Lease::count);
        drop(leases[1].count());
        assert_eq!([layer, shop, blog].map(|it| work(it)), [(3, 2), (1, 1), (2, 1)]);
        drop((stacks, leases));
        let [of_shop, of_blog] = in_hand;
        drop(of_shop);
        assert_eq!([layer, shop, blog].map(|it| work(it)), [(3, 1), (1, 0), (2, 1)]);
        drop(of_blog);
        assert_eq!([layer, shop, blog].map(|it| work(it)), [(3, 0), (1, 0), (2, 0)]);
    }

    #[test]
    fn a_panic_is_counted_for_the_member_that_it_was() {
        let members = members(&[flavour::NON_BLOCKING; 2]);
        let [layer, shop] = &members[..] else { return };
        let stack = Stack::new(shop, &[Arc::clone(layer)]);
        stack.panicked(layer.generation().number());
        stack.panicked(0);
        stack.panicked(u64::MAX);
        assert_eq!([layer, shop].map(|it| it.panics().count()), [1, 2]);
    }
}
