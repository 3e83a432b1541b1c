//! What stands at each mount of the host, and the cores that serve it.
//!
//! A swap is a new plan that every core takes between two requests. It waits for no request, and
//! no request waits for it. Invariant: whatever a plan gives up is given up by every core.
//!
//! Where an application's versions must not run side by side, a gate stands at its mounts between
//! the two. What waits there is in hand, so that the end of the host waits for it too.

use std::time::Instant;

use crate::cores::{Cores, Held};
use crate::gate::Gate;
use crate::plan::{Place, Plan};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use crate::tenure::Tenure;

/// The plan in force.
#[derive(Debug)]
pub(crate) struct Switch {
    state: Mutex<State>,
    /// A gate has opened.
    opened: Condvar,
}

/// A gate that stands at a name, until this is dropped.
#[derive(Debug)]
pub(crate) struct Closed(Arc<Switch>);

#[derive(Debug)]
struct State {
    plan: Plan,
    stage: Stage,
    /// Gates that stand somewhere.
    gates: usize,
}

#[derive(Debug)]
enum Stage {
    /// Nobody serves yet.
    Waiting,
    Serving(Arc<Cores>),
    /// The host ends: what stands stays until all is given up, but for gates.
    Ended(Weak<Cores>),
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// Every core has it.
    Everywhere,
    /// A core that an application holds takes it as soon as it can.
    Later,
}

/// The host ends, and changes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended;

impl Switch {
    pub(crate) fn new(plan: Plan) -> Self {
        let state = Mutex::new(State { plan, stage: Stage::Waiting, gates: 0 });
        Self { state, opened: Condvar::new() }
    }

    /// Gives the plan to cores, which `start` makes for it.
    pub(crate) fn serve<E>(
        &self,
        start: impl FnOnce(&Plan) -> Result<Arc<Cores>, E>,
    ) -> Result<Arc<Cores>, E> {
        let mut state = self.lock();
        let cores = start(&state.plan)?;
        state.stage = Stage::Serving(Arc::clone(&cores));
        Ok(cores)
    }

    /// Changes what stands at the mounts, and waits until every core has taken it.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Plan) -> T,
        until: Instant,
    ) -> Result<(T, Changed), Ended> {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Ended(_)) {
            return Err(Ended);
        }
        let result = change(&mut state.plan);
        Ok((result, state.install(until)))
    }

    /// Lets something else stand at a name.
    pub(crate) fn put(&self, name: &str, place: &Place, until: Instant) -> Result<Changed, Ended> {
        self.change(|plan| plan.replace(name, place), until).map(|((), changed)| changed)
    }

    /// Lets the requests of all mounts that a name is part of wait at a gate.
    pub(crate) fn close(
        switch: &Arc<Self>,
        name: &str,
        gate: &Arc<Gate>,
        until: Instant,
    ) -> Result<(Closed, Changed), Ended> {
        let hold = |plan: &mut Plan| plan.replace(name, &Place::Held(Arc::clone(gate)));
        let closed = Closed(Arc::clone(switch));
        switch.lock().gates += 1;
        switch.change(hold, until).map(|((), changed)| (closed, changed))
    }

    /// Ends all changes; what stands is told, and stands until [`Switch::clear`].
    pub(crate) fn end(&self) -> Vec<Arc<Tenure>> {
        let mut state = self.lock();
        let cores = match &state.stage {
            Stage::Serving(cores) => Arc::downgrade(cores),
            Stage::Ended(cores) => Weak::clone(cores),
            Stage::Waiting => Weak::new(),
        };
        state.stage = Stage::Ended(cores);
        state.plan.tenures().cloned().collect()
    }

    /// Waits until no gate stands anywhere, or the time is over.
    pub(crate) fn all_open(&self, until: Instant) {
        let mut state = self.lock();
        while state.gates > 0
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            let waited = self.opened.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives up everything.
    pub(crate) fn clear(&self) {
        // Not in the lock: a stack may end here.
        let before = std::mem::take(&mut self.lock().plan);
        drop(before);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn install(&self, until: Instant) -> Changed {
        let cores = match &self.stage {
            Stage::Serving(cores) => Some(Arc::clone(cores)),
            Stage::Ended(cores) => cores.upgrade(),
            Stage::Waiting => None,
        };
        match cores.map_or(Ok(()), |cores| cores.install(&self.plan, until)) {
            Ok(()) => Changed::Everywhere,
            Err(Held) => Changed::Later,
        }
    }
}

impl Closed {
    /// Opens the gate, also at the end of the host: what waits there is still in hand.
    pub(crate) fn open(&self, name: &str, place: &Place, until: Instant) -> Result<Changed, Ended> {
        let mut state = self.0.lock();
        state.plan.replace(name, place);
        let changed = state.install(until);
        match state.stage {
            Stage::Ended(_) => Err(Ended),
            Stage::Waiting | Stage::Serving(_) => Ok(changed),
        }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.lock().gates -= 1;
        self.0.opened.notify_all();
    }
}
