//! A value that is made when it is first asked for, and costs one word until then.
//!
//! Nearly no environ is ever laid out whole; that there is nothing to drop is told without a call
//! here, which `OnceLock` does not offer.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Made once. Two threads that ask at the same time may both make one; the first one stays.
#[derive(Debug)]
pub struct Once<T>(AtomicPtr<T>);

// SAFETY: as a box of `T` that is written once.
unsafe impl<T: Send> Send for Once<T> {}
// SAFETY: as `OnceLock`: shared ones lend `&T`, and one thread may drop what another has made.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Not made yet.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The value, made by `make` if there is none.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.get_or_put(|| Box::new(make()))
    }

    /// The same of a value that `make` makes where it stays.
    #[inline]
    pub fn get_or_put(&self, make: impl FnOnce() -> Box<T>) -> &T {
        let mut made = self.0.load(Ordering::Acquire);
        if made.is_null() {
            made = self.put(make());
        }
        // SAFETY: made by `put`, and never dropped while this is borrowed.
        unsafe { &*made }
    }

    /// The value, if it was made.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: null, or made by `put` and never dropped while this is borrowed.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The value, to be changed, if it was made.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: null, or made by `put` and borrowed by nobody else.
        unsafe { self.0.get_mut().as_mut() }
    }

    /// The value, to be changed; made if there is none.
    pub fn get_mut_or_default(&mut self) -> &mut T
    where
        T: Default,
    {
        if self.0.get_mut().is_null() {
            self.put(Box::default());
        }
        // SAFETY: made by `put`, and borrowed by nobody else.
        unsafe { &mut **self.0.get_mut() }
    }

    /// The value, given away.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.into_box().map(|made| *made)
    }

    /// The same where it is.
    #[inline(always)]
    #[must_use]
    pub fn into_box(mut self) -> Option<Box<T>> {
        let made = std::mem::replace(self.0.get_mut(), ptr::null_mut());
        // SAFETY: made by `put`, and taken once.
        (!made.is_null()).then(|| unsafe { Box::from_raw(made) })
    }

    #[cold]
    fn put(&self, value: Box<T>) -> *mut T {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let value = Box::into_raw(value);
        match self.0.compare_exchange(ptr::null_mut(), value, order.0, order.1) {
            Ok(_) => value,
            Err(first) => {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(value) });
                first
            }
        }
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Once<T> {
    #[inline(always)]
    fn drop(&mut self) {
        let made = *self.0.get_mut();
        if !made.is_null() {
            // SAFETY: made by `put`, and nobody borrows it any more.
            unsafe { end(made) };
        }
    }
}

/// Out of line, so that the usual drop is a comparison and no call.
///
/// # Safety
/// `made` was made by `put`, and nobody borrows it any more.
#[cold]
#[inline(never)]
unsafe fn end<T>(made: *mut T) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(made) });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_first_value_stays_and_is_dropped_once() {
        let value = Arc::new(1);
        let once = Once::new();
        assert_eq!(**once.get_or_init(|| Arc::clone(&value)), 1);
        assert_eq!(**once.get_or_init(|| Arc::new(2)), 1, "made a second time");
        assert_eq!(once.get().map(|value| **value), Some(1));
        let late = once.put(Box::new(Arc::new(3)));
        // SAFETY: it is the first one, and still there.
        assert_eq!(unsafe { &**late }, &1, "the first one was replaced");
        assert_eq!(Arc::strong_count(&value), 2);
        drop(once);
        assert_eq!(Arc::strong_count(&value), 1);
        drop(Once::<Arc<u8>>::new());
    }

    #[test]
    fn a_value_is_changed_and_given_away() {
        let mut once = Once::<Vec<Arc<u8>>>::new();
        assert!(once.get().is_none() && once.get_mut().is_none(), "made by nobody");
        let value = Arc::new(1);
        once.get_mut_or_default().push(Arc::clone(&value));
        once.get_mut().expect("it was made").push(Arc::clone(&value));
        let given = once.into_inner().expect("it was made");
        assert_eq!((given.len(), Arc::strong_count(&value)), (2, 3), "dropped with its place");
        assert!(Once::<u8>::new().into_inner().is_none());
    }
}
