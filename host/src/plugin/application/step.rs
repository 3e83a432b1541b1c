//! One member as whoever walks along a stack finds it: all that a call takes, in one place.
//!
//! A stack keeps a row of these, with one behind the last member that answers for nobody, so that
//! a step inwards is the next address and no question.

use std::ffi::c_void;
use std::ptr;

use dsgi::abi::answer;
use dsgi::abi::grown::Reply;
use dsgi::abi::object::{Exchange, ExchangeTable};
use dsgi::abi::pointer::Out;
use dsgi::slot;

use super::{Application, Call};
use crate::plugin::generation::{Flavour, Generation};

/// A member of a stack, to be called.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Step {
    app: *mut c_void,
    call: Call,
    number: u64,
    depth: u32,
    flavour: Flavour,
}

// SAFETY: as `Application`, of which this is a part.
unsafe impl Send for Step {}
// SAFETY: as above.
unsafe impl Sync for Step {}

impl Step {
    /// A member that stands so deep. Nothing calls it once that generation is gone.
    pub(crate) const fn of(member: &Generation, depth: u32) -> Self {
        let Application { app, call, .. } = member.application();
        let (number, flavour) = (member.number(), member.flavour());
        Self { app: *app, call: *call, number, depth, flavour }
    }

    /// What stands behind the last member.
    pub(crate) const fn nobody(depth: u32) -> Self {
        let (app, flavour) = (ptr::null_mut(), Flavour::Async);
        Self { app, call: nobody, number: 0, depth, flavour }
    }

    /// Number of the member's generation; 0 for nobody.
    #[inline]
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// How many members stand around it.
    #[inline]
    pub(crate) const fn depth(&self) -> u32 {
        self.depth
    }

    pub(crate) const fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Calls the member; the exchange passes to it.
    ///
    /// # Safety
    /// The member's generation is there. `exchange` is an owned handle, and `reply` is lent for the
    /// call.
    #[inline]
    pub(crate) unsafe fn call(&self, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
        // SAFETY: started and not dropped; the rest is the caller's promise.
        unsafe { (self.call)(self.app, exchange, reply) }
    }
}

unsafe extern "C" fn nobody(_: *mut c_void, exchange: *mut Exchange, _: Out<Reply>) -> u32 {
    // SAFETY: the handle passes to this call.
    unsafe {
        if let Some(release) = slot!(ExchangeTable, exchange, release) {
            release(exchange);
        }
    }
    answer::UNSUPPORTED
}
