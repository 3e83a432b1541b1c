//! The C library's own functions behind ours.
//!
//! Invariant: all of them are looked up before `main`, because std's start calls one of ours, so
//! that what runs in a signal or between `fork` and `exec` only loads an address.

use std::ffi::{CStr, c_void};
use std::mem::transmute_copy;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// One function of the C library.
#[derive(Debug)]
pub(super) struct Next {
    name: &'static CStr,
    address: AtomicUsize,
}

pub(super) static THREAD_ATEXIT: Next = Next::named(c"__cxa_thread_atexit_impl");
pub(super) static KEY_CREATE: Next = Next::named(c"pthread_key_create");
pub(super) static KEY_DELETE: Next = Next::named(c"pthread_key_delete");
pub(super) static THREAD_CREATE: Next = Next::named(c"pthread_create");
pub(super) static SIGACTION: Next = Next::named(c"sigaction");
pub(super) static SOCKETPAIR: Next = Next::named(c"socketpair");
pub(super) static EXIT: Next = Next::named(c"exit");

const ALL: [&Next; 7] =
    [&THREAD_ATEXIT, &KEY_CREATE, &KEY_DELETE, &THREAD_CREATE, &SIGACTION, &SOCKETPAIR, &EXIT];

static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Whether this is the process that looked them up, and not one that was forked from it.
pub(super) fn is_this_process() -> bool {
    // SAFETY: asks for a number.
    PROCESS.load(Ordering::Relaxed) == unsafe { libc::getpid() }
}

/// Looks all of them up.
pub(super) fn resolve() {
    // SAFETY: asks for a number.
    PROCESS.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    super::image::find();
    for next in ALL {
        next.find();
    }
    super::threads::prepare();
}

impl Next {
    const fn named(name: &'static CStr) -> Self {
        Self { name, address: AtomicUsize::new(0) }
    }

    /// The function, as what it is.
    ///
    /// # Safety
    /// `F` is the function's type.
    pub(super) unsafe fn function<F: Copy>(&self) -> F {
        const { assert!(size_of::<F>() == size_of::<usize>(), "a pointer to a function") };
        let mut address = self.address.load(Ordering::Acquire);
        if address == 0 {
            resolve();
            address = self.address.load(Ordering::Acquire);
        }
        // SAFETY: the address of a function whose type is the caller's promise.
        unsafe { transmute_copy(&address) }
    }

    /// Where a library that calls the function ends up.
    pub(super) fn seen_by_libraries(name: &CStr) -> usize {
        // SAFETY: looks a name up.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.addr()
    }

    fn find(&self) {
        // SAFETY: looks a name up.
        let found: *mut c_void = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        if found.is_null() {
            // Nothing works without it: not even a panic, which needs threads' locals.
            crate::platform::end(70);
        }
        self.address.store(found.expose_provenance(), Ordering::Release);
    }
}
