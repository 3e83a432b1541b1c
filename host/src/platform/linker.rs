//! Opening a library.
#![allow(unsafe_code, reason = "constructors are foreign code")]

use std::path::Path;

use libloading::{Error, Library};

/// Whether libraries of this system are ELF files, which can be read without running them.
pub(crate) const OPENS_ELF: bool = cfg!(all(unix, not(target_vendor = "apple")));

/// Maps the file and runs its constructors. Where the system can, all symbols are bound now, so
/// that a missing one is an error here and not the end of the process at the first call.
///
/// # Safety
/// Its constructors run: a probe has run them in a child before, or this is the child.
pub(crate) unsafe fn open(file: &Path) -> Result<Library, Error> {
    #[cfg(all(unix, not(dsgi_portable)))]
    {
        use libloading::os::unix;
        // SAFETY: the caller's promise.
        unsafe { unix::Library::open(Some(file), unix::RTLD_NOW | unix::RTLD_LOCAL) }
            .map(Library::from)
    }
    #[cfg(any(not(unix), dsgi_portable))]
    // SAFETY: the caller's promise.
    unsafe {
        Library::new(file)
    }
}
