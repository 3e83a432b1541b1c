//! `start_response` as authors call it: like a function, without a box.

use std::fmt;
use std::mem::MaybeUninit;

use super::started::{HeaderList, Shared, Started};
use crate::Result;

/// [`Started::start`] as a closure that lies inline, so that whoever derefs to it needs no box
/// (measured: a box is 72 instructions of the 10,600 of a small request).
pub struct Callable {
    started: Shared,
    closure: Place,
}

/// What `start_response` is called as.
pub type Call = dyn Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync;

/// Where the closure of [`closure`] lies, whose type has no name.
type Place = MaybeUninit<Lent>;

/// A head that its holder keeps alive.
#[derive(Clone, Copy)]
struct Lent(*const Started);

// SAFETY: as for `&Started`, which it stands for.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

/// # Safety
/// The head outlives the closure.
unsafe fn closure(head: Lent) -> impl Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync {
    move |status: &str, headers: HeaderList<'_>| {
        let head = head;
        // SAFETY: the caller's promise.
        unsafe { &*head.0 }.start(status, headers)
    }
}

/// Where a closure made by `_make` lies; inferring is the only way to its type.
const fn lies<F>(_make: unsafe fn(Lent) -> F) -> fn(*const Place) -> *const Call
where
    F: Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync + 'static,
{
    const {
        assert!(size_of::<F>() == size_of::<Place>() && align_of::<F>() <= align_of::<Place>());
        assert!(!std::mem::needs_drop::<F>(), "places drop nothing");
    }
    |place| place.cast::<F>()
}

impl Callable {
    const LIES: fn(*const Place) -> *const Call = lies(closure);

    /// Refers to a head that it keeps alive.
    #[inline]
    #[must_use]
    pub fn new(started: Shared) -> Self {
        let mut place = Place::uninit();
        // SAFETY: the closure fits, as `lies` proves, and is dropped with `started`.
        unsafe { write(&mut place, closure(Lent(started.0.as_ptr()))) };
        Self { started, closure: place }
    }

    /// The head.
    #[must_use]
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// The closure.
    #[inline]
    pub fn call(&self) -> &Call {
        // SAFETY: `new` has written a closure of that very type, and it is borrowed.
        unsafe { &*Self::LIES(&raw const self.closure) }
    }
}

/// # Safety
/// The closure fits.
#[inline]
const unsafe fn write<F>(place: &mut Place, closure: F) {
    // SAFETY: the caller's promise.
    unsafe { place.as_mut_ptr().cast::<F>().write(closure) }
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.started.fmt(f)
    }
}
