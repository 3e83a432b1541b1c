//! Typed values that layers have given to a request.
//!
//! They are only ever added, the newest first, so whoever reads needs no lock, and what was read
//! stays where it is. Their makers free them when the exchange ends, under its lease.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use dsgi::abi::grown::Value;
use dsgi::abi::leaf::Keep;

/// The values of one exchange.
pub(super) struct Values {
    newest: AtomicPtr<Given>,
}

struct Given {
    value: Value,
    older: *mut Self,
}

impl Values {
    /// None.
    #[inline]
    pub(super) const fn none() -> Self {
        Self { newest: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Adds a value, in front of all others.
    ///
    /// # Safety
    /// What the value points to passes to the exchange, and its maker is a member of its stack.
    pub(super) unsafe fn add(&self, value: Value) {
        let given = Box::into_raw(Box::new(Given { value, older: ptr::null_mut() }));
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: nobody else has it yet.
            unsafe { (*given).older = newest };
            let order = (Ordering::Release, Ordering::Relaxed);
            match self.newest.compare_exchange_weak(newest, given, order.0, order.1) {
                Ok(_) => return,
                Err(other) => newest = other,
            }
        }
    }

    /// The newest value of this name, lent as long as the exchange.
    pub(super) fn find(&self, name: &[u8]) -> Option<Value> {
        let mut at = self.newest.load(Ordering::Acquire);
        // SAFETY: values are freed with the exchange only, and never change.
        while let Some(given) = unsafe { at.as_ref() } {
            // SAFETY: valid as long as the value, by the boundary's rule.
            if unsafe { given.value.name.bytes() } == name {
                return Some(Value { keep: Keep::NOTHING, ..given.value });
            }
            at = given.older;
        }
        None
    }
}

impl Drop for Values {
    #[inline]
    fn drop(&mut self) {
        let newest = *self.newest.get_mut();
        if !newest.is_null() {
            free(newest);
        }
    }
}

#[cold]
fn free(newest: *mut Given) {
    let mut at = newest;
    while !at.is_null() {
        // SAFETY: made by `add`, and the exchange has ended.
        let given = unsafe { Box::from_raw(at) };
        at = given.older;
        // SAFETY: owned; its maker is loaded, because the lease is dropped later.
        unsafe { given.value.keep.free() };
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;
    use std::sync::atomic::AtomicU32;

    use dsgi::abi::leaf::Str;
    use dsgi::abi::pointer::Growable;

    use super::*;

    /// What was freed so far, as digits.
    static FREED: AtomicU32 = AtomicU32::new(0);

    unsafe extern "C" fn freed(owner: *mut c_void) {
        FREED.store(FREED.load(Ordering::SeqCst) * 10 + owner.addr() as u32, Ordering::SeqCst);
    }

    #[test]
    fn the_newest_of_a_name_is_found_and_all_are_freed_once() {
        let value = |name: &'static str, number: usize| {
            let keep = Keep { owner: ptr::without_provenance_mut(number), release: Some(freed) };
            Value { name: Str::lend(name.as_bytes()), keep, ..Value::absent() }
        };
        let values = Values::none();
        for (name, number) in [("a", 1), ("b", 2), ("a", 3)] {
            // SAFETY: it owns nothing.
            unsafe {
                values
                    .add(Value { pointer: ptr::without_provenance(number), ..value(name, number) })
            };
        }
        let found = |name: &str| values.find(name.as_bytes()).map(|value| value.pointer.addr());
        assert_eq!(["a", "b", "c"].map(found), [Some(3), Some(2), None]);
        assert_eq!(FREED.load(Ordering::SeqCst), 0);
        drop(values);
        assert_eq!(FREED.load(Ordering::SeqCst), 321);
    }
}
