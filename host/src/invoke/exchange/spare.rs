//! Memory of an exchange that is over, for the next one of the same thread.
//!
//! A request ends on the thread that the next one begins on, nearly always; asking the allocator in
//! between costs a small request 5 % of its instructions (measured: three pairs of allocations). A
//! thread keeps the memory of one exchange and of one header map, of whichever kind.

use std::cell::Cell;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr;
use std::sync::Arc;

use http::HeaderMap;

use super::Exchange;

/// A map with room for more fields is not worth keeping.
const FIELDS_MAX: usize = 32;

thread_local! {
    static PLACE: Cell<Option<Arc<MaybeUninit<Exchange>>>> = const { Cell::new(None) };
    static HEADERS: Cell<Option<HeaderMap>> = const { Cell::new(None) };
}

/// Where an exchange can be put; nobody else has it.
#[inline]
pub(super) fn place() -> Arc<MaybeUninit<Exchange>> {
    PLACE.take().unwrap_or_else(Arc::new_uninit)
}

/// Ends an exchange if this was its last handle, and keeps its memory.
#[inline]
pub(super) fn release(mut exchange: Arc<Exchange>) {
    let Some(over) = Arc::get_mut(&mut exchange) else { return };
    // SAFETY: unique, and dropped just once: from here on the memory is not an exchange any more.
    let place = unsafe {
        ptr::drop_in_place(over);
        Arc::from_raw(Arc::into_raw(exchange).cast::<MaybeUninit<Exchange>>())
    };
    // A thread that ends has no place any more, and frees it.
    let _ = PLACE.try_with(|spare| spare.set(Some(place)));
}

/// Gives an empty map that has no room yet the room of one that is over.
#[inline]
pub(in crate::invoke) fn headers(headers: &mut HeaderMap) {
    if headers.capacity() > 0 {
        return;
    }
    if let Some(spare) = HEADERS.take() {
        // Empty and without memory of its own: even finding that out costs something.
        let _ = ManuallyDrop::new(mem::replace(headers, spare));
    }
}

/// Empties a map that is to be kept.
#[inline]
pub(super) fn empty(headers: &mut HeaderMap) {
    if headers.capacity() <= FIELDS_MAX {
        headers.clear();
    }
}

/// Keeps the memory of an empty map that is over; any other is dropped.
#[inline]
pub(super) fn keep(headers: HeaderMap) {
    if headers.is_empty() && headers.capacity() <= FIELDS_MAX {
        let _ = HEADERS.try_with(|spare| spare.set(Some(headers)));
    }
}
