//! A request as the boundary sees it: an object with a table, shared by counted handles.
//!
//! The first handle is the exchange itself, so that the usual request costs one allocation; further
//! handles are small objects beside it. A handle knows how deep in the stack it stands; passing it
//! inwards moves it one member down, and an inner call never looks at the site again, so one
//! exchange meets one generation of each member.
#![allow(unsafe_code, reason = "implements the boundary's exchange table")]

mod changes;
mod head;
pub(crate) mod input;
mod numbers;
mod position;
pub(super) mod spare;
mod tables;
#[cfg(test)]
mod tests;
mod values;
mod view;

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dsgi::abi::grown::Value;
use dsgi::abi::object::{Exchange as Object, ExchangeTable};
use http::{Extensions, Request, Version};

use self::changes::Derived;
use self::head::Head;
use self::input::Input;
use self::position::Position;
use self::values::Values;
use self::view::Laid;
use crate::lease::Lease;
use crate::message::Origin;
use crate::plugin::application::step::Step;

/// What dispatch has found out about a request.
#[derive(Debug)]
pub(crate) struct Mounted {
    /// The stack that answers.
    pub(crate) lease: Lease,
    /// Decoded path of the mount, without a trailing slash.
    pub(crate) script_name: Arc<str>,
    /// How many bytes of the path, as received, stand for it.
    pub(crate) script_length: usize,
}

/// One request, alive until its last handle is released.
#[repr(C)]
pub(crate) struct Exchange {
    /// First word of the object: the table of the first handle.
    table: &'static ExchangeTable,
    /// Where the first handle stands in the stack.
    position: Position,
    state: AtomicU32,
    head: Head,
    origin: Arc<Origin>,
    input: Input,
    /// Of an exchange that a layer has derived from another one.
    derived: Option<Box<Derived>>,
    values: Values,
    view: Laid,
    /// Dropped last: a body and values of layers are freed by code that it keeps loaded.
    pub(crate) mounted: Mounted,
}

/// An exchange that has the head of its request, and nothing else yet.
pub(crate) struct Begun<B> {
    place: Arc<MaybeUninit<Exchange>>,
    extensions: Extensions,
    body: B,
}

/// Takes the request in a variable apart where it lies. A function would have to be given it, and
/// that is a copy of 264 bytes.
macro_rules! begin {
    ($request:ident) => {{
        #[allow(unsafe_code, clippy::mem_forget, reason = "one step, of which nothing is seen")]
        {
            // SAFETY: it is forgotten at once.
            let begun = unsafe { $crate::invoke::exchange::Begun::of(&$request) };
            std::mem::forget($request);
            begun
        }
    }};
}
pub(crate) use begin;

/// The host's own share of an exchange; who gives the last one up keeps its memory.
#[derive(Debug)]
pub(super) struct Share(ManuallyDrop<Arc<Exchange>>);

/// What a client has still to send of a body when its request is answered.
#[derive(Debug)]
pub(crate) struct Rest(Share);

/// The exchange is over, whatever its application still does.
const CANCELLED: u32 = 1;

// SAFETY: the only fields that are not Sync by themselves are the raw pointers in `view`, which
// point into this very exchange and are only read.
unsafe impl Send for Exchange {}
// SAFETY: as above.
unsafe impl Sync for Exchange {}

impl Exchange {
    /// The first handle, as an object of the boundary; owned.
    #[inline]
    pub(crate) fn into_handle(self: Arc<Self>) -> *mut Object {
        Arc::into_raw(self).cast_mut().cast()
    }

    /// The member that the first handle is with, of the stack that is leased.
    #[inline]
    pub(crate) fn step<'a>(&self, _: &'a Lease) -> &'a Step {
        // SAFETY: whoever calls the exchange has the lease that it was given.
        unsafe { self.position.step() }
    }

    /// Gives the exchange up: whoever still works on it may find out.
    pub(crate) fn cancel(&self) {
        self.state.store(CANCELLED, Ordering::Release);
        self.input().end();
    }

    /// The rest of its body.
    pub(crate) fn rest(self: &Arc<Self>) -> Rest {
        Rest(Share::of(Arc::clone(self)))
    }

    pub(super) fn cancelled(&self) -> bool {
        let parent = || self.derived.as_ref().is_some_and(|derived| derived.parent.cancelled());
        self.state.load(Ordering::Acquire) == CANCELLED || parent()
    }

    #[inline]
    fn input(&self) -> &Input {
        self.derived.as_ref().map_or(&self.input, |derived| self.input_of(derived))
    }

    /// Its own input, or that of whom it was derived from.
    #[cold]
    fn input_of<'a>(&'a self, derived: &'a Derived) -> &'a Input {
        if self.input.is_inherited() { derived.parent.input() } else { &self.input }
    }

    /// The newest value of this name, here or in what this was derived from.
    fn value(&self, name: &[u8]) -> Option<Value> {
        let parents = || self.derived.as_ref()?.parent.value(name);
        self.values.find(name).or_else(parents)
    }
}

impl<B> Begun<B> {
    /// Takes a request apart, straight from where it is into the place where its head stays.
    ///
    /// # Safety
    /// The request is forgotten next.
    #[inline(always)]
    pub(crate) unsafe fn of(request: &Request<B>) -> Self {
        let place = spare::place();
        // SAFETY: nobody else has the memory yet. Each part is taken out once, by the caller's
        // promise, and nothing unwinds in between. `into_parts` would move everything twice, which
        // costs more than calling an application.
        unsafe {
            Head::place(&raw mut (*spare::inside(&place)).head, request);
            let (extensions, body) = (ptr::read(request.extensions()), ptr::read(request.body()));
            Self { place, extensions, body }
        }
    }

    /// The exchange, with what `input` makes of the body, if there is any.
    #[inline(always)]
    pub(crate) fn exchange(
        self,
        input: impl FnOnce(B) -> Option<Input>,
        mounted: Mounted,
        origin: Arc<Origin>,
    ) -> Arc<Exchange> {
        let Self { place, extensions, body } = self;
        // Nearly always empty, which is told without a call; nothing is ever taken out of them, so
        // that empty ones have no memory either.
        let extensions = ManuallyDrop::new(extensions);
        if !extensions.is_empty() {
            drop(ManuallyDrop::into_inner(extensions));
        }
        let input = input(body);
        // Filled where it stays: half a kilobyte is worth not being moved.
        let exchange = spare::inside(&place);
        // SAFETY: nobody else has the memory yet, and every field beside the head is written once.
        // Field by field, because the whole would be put together on the stack first.
        unsafe {
            match input {
                // Apart, because all of an input would be written for either.
                None => (&raw mut (*exchange).input).write(Input::ended()),
                Some(input) => (&raw mut (*exchange).input).write(input),
            }
            (&raw mut (*exchange).position).write(Position::outermost(&mounted.lease));
            (&raw mut (*exchange).mounted).write(mounted);
            (&raw mut (*exchange).table).write(&tables::FIRST);
            (&raw mut (*exchange).state).write(AtomicU32::new(0));
            (&raw mut (*exchange).origin).write(origin);
            (&raw mut (*exchange).derived).write(None);
            (&raw mut (*exchange).values).write(Values::none());
            (&raw mut (*exchange).view).write(Laid::not_yet());
        }
        // SAFETY: written just now.
        unsafe { place.assume_init() }
    }
}

impl Rest {
    /// Lets it go; whether there is some, and nobody who may still read it.
    pub(super) fn let_go(self) -> bool {
        self.0.let_rest_go()
    }
}

impl Share {
    /// The same for a share that is kept.
    pub(super) fn let_rest_go(&self) -> bool {
        // On a connection of many streams it is one stream's matter.
        let alone = self.head.version < Version::HTTP_2 && Arc::strong_count(self) == 1;
        alone && self.input.drop_unread()
    }

    pub(super) const fn of(exchange: Arc<Exchange>) -> Self {
        Self(ManuallyDrop::new(exchange))
    }
}

impl Deref for Share {
    type Target = Arc<Exchange>;

    fn deref(&self) -> &Arc<Exchange> {
        &self.0
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // SAFETY: never used again.
        spare::release(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({} {})", self.head.method, self.head.uri)
    }
}
