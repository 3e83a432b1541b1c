//! Where this program itself is mapped: what tells its own calls from those of libraries.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// Whether an address lies in this program's own file. Takes no lock and allocates nothing.
pub(super) fn is_host(address: usize) -> bool {
    if END.load(Ordering::Acquire) == 0 {
        find();
    }
    (START.load(Ordering::Relaxed)..END.load(Ordering::Relaxed)).contains(&address)
}

/// An address in this program, for whoever wants to know whose a destructor is.
pub(super) fn within() -> *mut c_void {
    (&raw const START).cast_mut().cast()
}

/// Looks where the program is mapped.
pub(super) fn find() {
    // SAFETY: calls `first` with what is mapped; it stops at once.
    unsafe { libc::dl_iterate_phdr(Some(first), std::ptr::null_mut()) };
}

/// The executable is the first object.
unsafe extern "C" fn first(
    object: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut c_void,
) -> c_int {
    // SAFETY: lent for the call.
    let range = unsafe { crate::plugin::unload::glibc::mapped::range_of(&*object) };
    START.store(range.start, Ordering::Relaxed);
    END.store(range.end, Ordering::Release);
    1
}
