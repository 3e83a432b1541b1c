//! What stands at each mount of the host, and the cores that serve it.
//!
//! A swap is a new plan that every core takes between two requests. It waits for no request, and
//! no request waits for it. Invariant: whatever a plan gives up is given up by every core.

use std::time::Instant;

use crate::cores::Cores;
use crate::lease::Stack;
use crate::site::{Place, Plan};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The plan in force.
#[derive(Debug)]
pub(crate) struct Switch(Mutex<State>);

#[derive(Debug)]
struct State {
    plan: Plan,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nobody serves yet.
    Waiting,
    Serving(Arc<Cores>),
    /// The host ends: what stands stays until all is given up.
    Ended,
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
        Self(Mutex::new(State { plan, stage: Stage::Waiting }))
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
        let State { plan, stage } = &mut *state;
        if matches!(stage, Stage::Ended) {
            return Err(Ended);
        }
        let result = change(plan);
        let installed = match stage {
            Stage::Serving(cores) => cores.install(plan, until),
            Stage::Waiting | Stage::Ended => Ok(()),
        };
        Ok((result, installed.map_or(Changed::Later, |()| Changed::Everywhere)))
    }

    /// Puts something at every mount of an application.
    pub(crate) fn put(&self, app: &str, place: &Place, until: Instant) -> Result<Changed, Ended> {
        self.change(|plan| plan.replace(app, place), until).map(|((), changed)| changed)
    }

    /// Ends all changes; what stands is told, and stands until [`Switch::clear`].
    pub(crate) fn end(&self) -> Vec<Arc<Stack>> {
        let mut state = self.lock();
        state.stage = Stage::Ended;
        state.plan.stacks().into_iter().cloned().collect()
    }

    /// Gives up everything.
    pub(crate) fn clear(&self) {
        // Not in the lock: a stack may end here.
        let before = std::mem::take(&mut self.lock().plan);
        drop(before);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
