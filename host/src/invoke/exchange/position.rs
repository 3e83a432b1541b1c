//! Where a handle stands in its stack.

use std::sync::atomic::{AtomicPtr, Ordering};

use crate::lease::Lease;
use crate::plugin::application::step::Step;

/// The member that a handle is with. A handle has one user at a time, so this is no place where
/// threads meet; it lies in the exchange, next to the lease that keeps the steps.
#[derive(Debug)]
pub(super) struct Position(AtomicPtr<Step>);

impl Position {
    /// With the outermost member of a stack, whose lease outlives this.
    #[inline]
    pub(super) fn outermost(lease: &Lease) -> Self {
        Self::at(lease.steps().as_ptr())
    }

    const fn at(step: *const Step) -> Self {
        Self(AtomicPtr::new(step.cast_mut()))
    }

    /// Another handle's position, which goes its own way from here.
    pub(super) fn here(&self) -> Self {
        Self::at(self.0.load(Ordering::Relaxed))
    }

    /// The member.
    ///
    /// # Safety
    /// The stack is leased as long as the result lives.
    #[inline]
    pub(super) unsafe fn step<'a>(&self) -> &'a Step {
        // SAFETY: of the stack's row, see `inwards`; the rest is the caller's promise.
        unsafe { &*self.0.load(Ordering::Relaxed) }
    }

    /// Goes on to the next member inwards, or to nobody, and says to whom.
    ///
    /// # Safety
    /// As for `step`; and it has not gone to nobody before, which has given its handle up.
    #[inline]
    pub(super) unsafe fn inwards<'a>(&self) -> &'a Step {
        // SAFETY: behind every member there is one more step.
        let next = unsafe { self.0.load(Ordering::Relaxed).add(1) };
        self.0.store(next, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { &*next }
    }
}
