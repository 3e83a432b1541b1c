//! Wakers in both directions.
//!
//! A waker is lent for a poll. Whoever keeps it clones it through its table, and the clone is
//! freed through its own table, so neither side needs to know what the other's task is.

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::abi;
use crate::abi::object::WakerTable;
use crate::slot;

/// Lends `waker` to the other side for the length of `poll`.
#[inline]
pub fn lend<T>(waker: &Waker, poll: impl FnOnce(*const abi::object::Waker) -> T) -> T {
    let lent = Lent { table: &LENT, waker };
    poll((&raw const lent).cast())
}

/// A waker that the other side lends; `None` when it lends none, which means: wait.
///
/// # Safety
/// `waker` is null or alive for as long as the result is used.
#[inline]
#[must_use]
pub unsafe fn borrow(waker: *const abi::object::Waker) -> Option<ManuallyDrop<Waker>> {
    if waker.is_null() {
        return None;
    }
    // SAFETY: the functions of `FOREIGN` keep RawWaker's contract as long as the other side
    // keeps the boundary's; never dropped, because it is only lent.
    Some(ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(waker.cast(), &FOREIGN)) }))
}

#[repr(C)]
struct Lent<'a> {
    table: &'static WakerTable,
    waker: &'a Waker,
}

#[repr(C)]
struct Kept {
    table: &'static WakerTable,
    waker: Waker,
}

static LENT: WakerTable = WakerTable {
    size: size_of::<WakerTable>() as u32,
    reserved: 0,
    clone: Some(clone_lent),
    wake: Some(wake_lent),
    wake_by_ref: Some(wake_lent_by_ref),
    drop: Some(drop_lent),
};

static KEPT: WakerTable = WakerTable {
    size: size_of::<WakerTable>() as u32,
    reserved: 0,
    clone: Some(clone_kept),
    wake: Some(wake_kept),
    wake_by_ref: Some(wake_kept_by_ref),
    drop: Some(drop_kept),
};

unsafe extern "C" fn clone_lent(waker: *const abi::object::Waker) -> *mut abi::object::Waker {
    // SAFETY: this table is only ever behind a `Lent` that is alive.
    keep(unsafe { (*waker.cast::<Lent<'_>>()).waker })
}

unsafe extern "C" fn wake_lent(waker: *mut abi::object::Waker) {
    // SAFETY: as above; a lent waker is not consumed.
    unsafe { wake_lent_by_ref(waker) }
}

unsafe extern "C" fn wake_lent_by_ref(waker: *const abi::object::Waker) {
    // SAFETY: this table is only ever behind a `Lent` that is alive.
    let waker = unsafe { (*waker.cast::<Lent<'_>>()).waker };
    let _ = super::caught(|| waker.wake_by_ref());
}

const unsafe extern "C" fn drop_lent(_: *mut abi::object::Waker) {}

unsafe extern "C" fn clone_kept(waker: *const abi::object::Waker) -> *mut abi::object::Waker {
    // SAFETY: this table is only ever behind a `Kept` that is alive.
    keep(unsafe { &(*waker.cast::<Kept>()).waker })
}

unsafe extern "C" fn wake_kept(waker: *mut abi::object::Waker) {
    // SAFETY: made by `keep`, and consumed by this call.
    let kept = unsafe { Box::from_raw(waker.cast::<Kept>()) };
    let _ = super::caught(|| kept.waker.wake());
}

unsafe extern "C" fn wake_kept_by_ref(waker: *const abi::object::Waker) {
    // SAFETY: this table is only ever behind a `Kept` that is alive.
    let waker = unsafe { &(*waker.cast::<Kept>()).waker };
    let _ = super::caught(|| waker.wake_by_ref());
}

unsafe extern "C" fn drop_kept(waker: *mut abi::object::Waker) {
    // SAFETY: made by `keep`, and consumed by this call.
    let kept = unsafe { Box::from_raw(waker.cast::<Kept>()) };
    let _ = super::caught(|| drop(kept));
}

fn keep(waker: &Waker) -> *mut abi::object::Waker {
    super::caught(|| Box::into_raw(Box::new(Kept { table: &KEPT, waker: waker.clone() })).cast())
        .unwrap_or(ptr::null_mut())
}

static FOREIGN: RawWakerVTable =
    RawWakerVTable::new(clone_foreign, wake_foreign, wake_foreign_by_ref, drop_foreign);

/// Stands in for a waker that the other side could not clone.
static NOBODY: RawWakerVTable =
    RawWakerVTable::new(|_| RawWaker::new(ptr::null(), &NOBODY), |_| {}, |_| {}, |_| {});

unsafe fn clone_foreign(waker: *const ()) -> RawWaker {
    let waker = waker.cast::<abi::object::Waker>();
    // SAFETY: alive, by the promise of `borrow`, or a clone that was not dropped yet.
    let kept = unsafe { slot!(WakerTable, waker, clone).map(|clone| clone(waker)) };
    match kept {
        Some(kept) if !kept.is_null() => RawWaker::new(kept.cast_const().cast(), &FOREIGN),
        _ => RawWaker::new(ptr::null(), &NOBODY),
    }
}

unsafe fn wake_foreign(waker: *const ()) {
    let waker = waker.cast_mut().cast::<abi::object::Waker>();
    // SAFETY: a clone made by `clone_foreign`, consumed by this call.
    unsafe {
        if let Some(wake) = slot!(WakerTable, waker, wake) {
            wake(waker);
        }
    }
}

unsafe fn wake_foreign_by_ref(waker: *const ()) {
    let waker = waker.cast::<abi::object::Waker>();
    // SAFETY: alive, by the promise of `borrow`, or a clone that was not dropped yet.
    unsafe {
        if let Some(wake) = slot!(WakerTable, waker, wake_by_ref) {
            wake(waker);
        }
    }
}

unsafe fn drop_foreign(waker: *const ()) {
    let waker = waker.cast_mut().cast::<abi::object::Waker>();
    // SAFETY: a clone made by `clone_foreign`, consumed by this call.
    unsafe {
        if let Some(drop) = slot!(WakerTable, waker, drop) {
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_clone_outlives_the_loan_and_is_freed() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let clones = lend(&waker, |lent| {
            // SAFETY: lent for this closure.
            let foreign = unsafe { borrow(lent) }.unwrap();
            foreign.wake_by_ref();
            [(*foreign).clone(), (*foreign).clone()]
        });
        drop(waker);
        let [first, second] = clones;
        let third = second.clone();
        first.wake();
        second.wake_by_ref();
        drop(second);
        third.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 4);
        assert_eq!(Arc::strong_count(&count), 1, "a clone was leaked");
    }
}
