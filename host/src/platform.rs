//! What differs between systems, each with a portable fallback.
#![allow(unsafe_code, reason = "calls of the C library that std does not offer")]

/// Ends the process now, without running what libraries have registered for its end: their code
/// may be gone.
pub(crate) fn end(code: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: ends the process; nothing runs after it.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(unix))]
    std::process::exit(code)
}
