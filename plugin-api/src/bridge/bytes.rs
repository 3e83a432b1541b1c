//! Owned bytes that know who frees them.

use std::ffi::c_void;
use std::fmt;
use std::ops::Deref;

use crate::abi::leaf::{Bytes, Fault};

/// Bytes of either side; dropping them calls their maker's release function.
#[repr(transparent)]
pub struct SharedBytes(Bytes);

// SAFETY: the boundary's rule: objects are Send, released by their maker's function on any
// thread, and the bytes never change.
unsafe impl Send for SharedBytes {}
// SAFETY: the bytes never change.
unsafe impl Sync for SharedBytes {}

impl SharedBytes {
    /// Constants of this library.
    #[must_use]
    pub const fn constant(bytes: &'static [u8]) -> Self {
        Self(Bytes::constant(bytes))
    }

    /// Hands over anything that derefs to bytes at a stable address.
    #[must_use]
    pub fn from_owner<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Self {
        let owner = Box::into_raw(Box::new(owner));
        // SAFETY: just made. It is not moved any more, so bytes inside of it stay where they are.
        let bytes = unsafe { (*owner).as_ref() };
        let (ptr, len) = (bytes.as_ptr(), bytes.len());
        Self(Bytes { ptr, len, owner: owner.cast(), release: Some(release::<T>) })
    }

    /// Takes what the other side handed over.
    ///
    /// # Safety
    /// `bytes` is owned by the caller and was made by the rules of the boundary; its library
    /// stays loaded as long as the result lives.
    #[must_use]
    pub const unsafe fn from_raw(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Leaves the first `count` bytes out.
    ///
    /// # Panics
    /// When there are fewer.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "advanced past the end");
        self.0.ptr = self.0.ptr.wrapping_add(count);
        self.0.len -= count;
    }

    /// Leaves everything behind the first `length` bytes out.
    #[inline]
    pub fn truncate(&mut self, length: usize) {
        self.0.len = self.0.len.min(length);
    }

    /// Hands the bytes over; the receiver releases them.
    #[must_use]
    #[allow(clippy::mem_forget, reason = "ownership passes to the other side")]
    pub fn into_raw(self) -> Bytes {
        let bytes = self.0;
        std::mem::forget(self);
        bytes
    }
}

unsafe extern "C" fn release<T>(owner: *mut c_void) {
    // A panic in a destructor must not cross; there is nobody to tell.
    let _ = super::caught(|| {
        // SAFETY: `owner` came from `Box::into_raw` in `from_owner`, and is released once.
        drop(unsafe { Box::from_raw(owner.cast::<T>()) });
    });
}

impl Deref for SharedBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: not released before drop.
        unsafe { self.0.bytes() }
    }
}

impl Drop for SharedBytes {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: owned, so this is the one release; the maker is loaded by `from_raw`'s promise.
        unsafe { self.0.free() };
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() { Self::constant(b"") } else { Self::from_owner(bytes) }
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBytes({} bytes)", self.len())
    }
}

/// What went wrong on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status that suits, 0 when the failing side suggests none.
    pub status: u16,
    /// What happened.
    pub message: String,
    /// Generation of the library that panicked, 0 when none did; see [`Fault::generation`].
    pub generation: u64,
}

impl Failure {
    /// A failure that is no panic.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), generation: 0 }
    }

    /// A panic of this library.
    #[cold]
    #[must_use]
    pub fn panicked(text: &str) -> Self {
        let generation = match crate::generation() {
            0 => Fault::UNKNOWN,
            generation => generation,
        };
        Self { status: 0, message: format!("panicked: {text}"), generation }
    }
}

/// The same as a fault, which its receiver releases.
#[must_use]
pub fn fault(failure: Failure) -> Fault {
    let Failure { status, message, generation } = failure;
    let message = SharedBytes::from(message.into_bytes()).into_raw();
    Fault { status: u32::from(status), reserved: 0, generation, message }
}

/// Copies a fault's text and releases it.
///
/// # Safety
/// The fault is owned by the caller, and its maker is still loaded.
#[must_use]
pub unsafe fn read_fault(fault: Fault) -> Failure {
    // SAFETY: the caller's promise.
    let message = unsafe { SharedBytes::from_raw(fault.message) };
    let status = u16::try_from(fault.status).unwrap_or(0);
    let message = String::from_utf8_lossy(&message).into_owned();
    Failure { status, message, generation: fault.generation }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Its bytes lie in itself, so that they would move with it.
    struct Counted {
        bytes: [u8; 7],
        _count: Arc<()>,
    }

    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }

    #[test]
    fn an_owner_is_freed_once_after_a_round_trip() {
        let owners = Arc::new(());
        let counted = Counted { bytes: *b"counted", _count: Arc::clone(&owners) };
        let bytes = SharedBytes::from_owner(counted);
        // SAFETY: just made here.
        let bytes = unsafe { SharedBytes::from_raw(bytes.into_raw()) };
        assert_eq!((&*bytes, Arc::strong_count(&owners)), (b"counted".as_slice(), 2));
        drop(bytes);
        assert_eq!(Arc::strong_count(&owners), 1);
    }

    #[test]
    fn parts_that_are_left_out_are_freed_with_the_rest() {
        let owners = Arc::new(());
        let counted = Counted { bytes: *b"counted", _count: Arc::clone(&owners) };
        let mut bytes = SharedBytes::from_owner(counted);
        bytes.truncate(9);
        bytes.advance(2);
        bytes.truncate(3);
        assert_eq!(&*bytes, b"unt");
        bytes.advance(3);
        assert_eq!((bytes.len(), Arc::strong_count(&owners)), (0, 2));
        drop(bytes);
        assert_eq!(Arc::strong_count(&owners), 1);
    }

    #[test]
    #[should_panic(expected = "past the end")]
    fn no_bytes_are_made_up() {
        let mut bytes = SharedBytes::constant(b"abc");
        bytes.truncate(2);
        bytes.advance(3);
    }

    #[test]
    fn a_fault_keeps_status_text_and_origin() {
        for generation in [0, 7] {
            let failure = Failure { generation, ..Failure::new(404, "no such page") };
            // SAFETY: just made here.
            assert_eq!(unsafe { read_fault(fault(failure.clone())) }, failure);
        }
    }
}
