//! `exit`, when a library calls it in the process that serves.
//!
//! It would run what every library has registered for the end, while all of them are at work. The
//! child of a probe has not asked for this: there `exit` is what it is.

use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{image, next, with_caller};

type Exit = unsafe extern "C" fn(c_int) -> !;
type Tell = fn(c_int, usize);

/// What to call before the process ends; 0 while `exit` is the C library's.
static TELL: AtomicUsize = AtomicUsize::new(0);

/// How the process ends when a library has ended it.
pub(crate) const CODE: i32 = 70;

/// From now on a library's `exit` ends the process with [`CODE`], after `tell` was called with the
/// library's code and the address that it was called from.
pub(crate) fn watch(tell: Tell) {
    TELL.store(tell as usize, Ordering::Release);
}

with_caller!(exit => end, "rsi", "x1");

unsafe extern "C" fn end(code: c_int, caller: usize) -> ! {
    let tell = TELL.load(Ordering::Acquire);
    if tell != 0 && !image::is_host(caller) {
        // SAFETY: stored by `watch`.
        let tell: Tell = unsafe { std::mem::transmute(tell) };
        tell(code, caller);
        crate::platform::end(CODE);
    }
    // SAFETY: the function's type.
    let next: Exit = unsafe { next::EXIT.function() };
    // SAFETY: ends the process, as the caller wants.
    unsafe { next(code) }
}
