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

/// Closes every descriptor but the three standard ones: for a child at its very start, before it
/// has any of its own.
pub(crate) fn close_inherited() {
    #[cfg(target_os = "linux")]
    // SAFETY: nothing of this process has opened a descriptor yet. An older kernel refuses, and
    // leaves what the parent's parent has left open.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
    }
}
