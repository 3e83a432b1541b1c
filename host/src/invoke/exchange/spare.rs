//! Memory of an exchange that is over, for the next one of the same thread.
//!
//! A request ends on the thread that the next one begins on, nearly always; asking the allocator in
//! between costs a small request 5 % of its instructions (measured: three pairs of allocations). A
//! thread keeps the memory of one exchange, and in it the header map, for the next response.

use std::cell::Cell;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr;
use std::sync::Arc;

use http::HeaderMap;

use super::Exchange;
use super::head::Fields;

/// Memory that nobody else has. Nothing in it is an exchange's any more but its header map, if that
/// is kept.
struct Over(Arc<MaybeUninit<Exchange>>);

thread_local! {
    static OVER: Cell<Option<Over>> = const { Cell::new(None) };
    /// A map whose place has become another exchange's before a response has taken it, as where a
    /// pool answers: it begins its response after the exchange.
    static UNUSED: Cell<Option<HeaderMap>> = const { Cell::new(None) };
}

/// Where an exchange can be put; nobody else has it.
#[inline(always)]
pub(super) fn place() -> Arc<MaybeUninit<Exchange>> {
    OVER.take().unwrap_or_else(Over::new).into_place()
}

/// Ends an exchange if this was its last handle, and keeps its memory.
#[inline(always)]
pub(super) fn release(mut exchange: Arc<Exchange>) {
    let Some(over) = Arc::get_mut(&mut exchange) else { return };
    over.head.headers.keep();
    let over = Arc::into_raw(exchange).cast_mut();
    // SAFETY: unique, and dropped just once: from here on the memory is not an exchange any more.
    let place = unsafe {
        ptr::drop_in_place(over);
        Arc::from_raw(over.cast::<MaybeUninit<Exchange>>())
    };
    let over = Over(place);
    // A thread that ends has no place any more, and frees it.
    let _ = OVER.try_with(|spare| spare.set(Some(over)));
}

/// Gives an empty map that has no room yet the room of one that is over.
#[inline(always)]
pub(in crate::invoke) fn headers(headers: &mut HeaderMap) {
    if headers.capacity() > 0 {
        return;
    }
    let Some(mut over) = OVER.take() else { return unused(headers) };
    if let Some(map) = over.give() {
        // Empty and without memory of its own: even finding that out costs something.
        let _ = ManuallyDrop::new(mem::replace(headers, map));
    }
    // Nothing was put there meanwhile.
    let _ = ManuallyDrop::new(OVER.replace(Some(over)));
}

impl Over {
    #[cold]
    fn new() -> Self {
        let place: Arc<MaybeUninit<Exchange>> = Arc::new_uninit();
        // SAFETY: just made.
        unsafe { Fields::none(fields(&place)) };
        Self(place)
    }

    /// The header map that was kept.
    #[inline(always)]
    fn give(&mut self) -> Option<HeaderMap> {
        // SAFETY: it was kept, or is none.
        unsafe { Fields::give(fields(&self.0)) }
    }

    #[inline(always)]
    fn into_place(mut self) -> Arc<MaybeUninit<Exchange>> {
        if let Some(map) = self.give() {
            leave(map);
        }
        let over = ManuallyDrop::new(self);
        // SAFETY: taken once.
        unsafe { ptr::read(&raw const over.0) }
    }
}

/// Gives a map that no response has taken yet.
#[cold]
fn unused(headers: &mut HeaderMap) {
    if let Some(map) = UNUSED.take() {
        *headers = map;
    }
}

/// Leaves a map to the response, where its place is needed first.
#[cold]
fn leave(map: HeaderMap) {
    UNUSED.set(Some(map));
}

#[inline(always)]
fn fields(place: &Arc<MaybeUninit<Exchange>>) -> *mut Fields {
    // SAFETY: within the memory of an exchange; only an address is taken.
    unsafe { &raw mut (*inside(place)).head.headers }
}

/// Where the exchange is to be, for writing: nobody else has the place.
#[inline(always)]
pub(super) fn inside(place: &Arc<MaybeUninit<Exchange>>) -> *mut Exchange {
    Arc::as_ptr(place).cast_mut().cast()
}

impl Drop for Over {
    fn drop(&mut self) {
        drop(self.give());
    }
}
