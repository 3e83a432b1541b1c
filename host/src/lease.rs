//! A stack of generations, and the right to use it, as ownership.
//!
//! Whoever holds a pointer into a library holds a lease on its stack. A lease is a clone of one
//! core's share, so cores never write to the same counter; a clone of a lease stays in its parent's
//! share, on whatever thread it is made. When a stack was taken out of every core's site and the
//! last lease is dropped, the stack itself is dropped: exactly one side sees that, because it is
//! the drop of the last `Arc`.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::limits::Limits;
use crate::plugin::generation::{Flavour, Generation};
use crate::pool::Pool;

/// Layers around an application, outermost first, and where their calls run.
#[derive(Debug)]
pub(crate) struct Stack {
    members: Vec<Arc<Generation>>,
    pool: Option<Pool>,
    flavour: Flavour,
    pub(crate) limits: Arc<Limits>,
}

impl Stack {
    /// A stack; a blocking one gets its pool of threads here.
    pub(crate) fn new(
        members: Vec<Arc<Generation>>,
        limits: &Arc<Limits>,
    ) -> std::io::Result<Arc<Self>> {
        let flavour =
            members.iter().map(|member| member.flavour()).max().unwrap_or(Flavour::Blocking);
        let name = members.last().map_or("", |member| member.name());
        let pool = match flavour {
            Flavour::Blocking => Some(Pool::start(name, limits.pool_threads, limits.pool_queue)?),
            Flavour::NonBlocking | Flavour::Async => None,
        };
        Ok(Arc::new(Self { members, pool, flavour, limits: Arc::clone(limits) }))
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

    /// Where blocking calls run.
    pub(crate) const fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }
}

/// One core's share of a stack. Kept by the core's site for as long as the stack is served.
#[derive(Clone)]
pub(crate) struct Lease(Arc<Share>);

struct Share {
    stack: Arc<Stack>,
}

impl Lease {
    /// A further share, for one more core.
    pub(crate) fn share(stack: &Arc<Stack>) -> Self {
        Self(Arc::new(Share { stack: Arc::clone(stack) }))
    }
}

impl Deref for Lease {
    type Target = Stack;

    #[inline]
    fn deref(&self) -> &Stack {
        &self.0.stack
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({}, {} at work)", self.name(), Arc::strong_count(&self.0) - 1)
    }
}
