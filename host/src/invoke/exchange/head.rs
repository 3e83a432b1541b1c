//! What a request says before its body.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

use http::{HeaderMap, Method, Request, Uri, Version};

/// The head of a request.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: Fields,
}

/// Header fields, whose memory is used again.
pub(super) struct Fields {
    map: ManuallyDrop<HeaderMap>,
    life: Life,
}

/// Whose the map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// The head's.
    Head,
    /// The thread's: the head is over, and the map empty.
    Kept,
    /// Nobody's: it is gone.
    Gone,
}

/// A map with room for more fields is not worth keeping.
const FIELDS_MAX: usize = 32;

impl Head {
    /// Takes the head out of a request, straight from where it is into the place where it stays.
    ///
    /// # Safety
    /// `place` is valid for writes, and what was taken is not used or dropped in the request.
    #[inline(always)]
    pub(super) unsafe fn place<B>(place: *mut Self, request: &Request<B>) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*place).method).write(ptr::read(request.method()));
            (&raw mut (*place).uri).write(ptr::read(request.uri()));
            (&raw mut (*place).version).write(request.version());
            let headers = ManuallyDrop::new(ptr::read(request.headers()));
            (&raw mut (*place).headers).write(Fields { map: headers, life: Life::Head });
        }
    }

    /// The same with no header fields.
    pub(super) fn without_fields(&self) -> Self {
        let (method, uri) = (self.method.clone(), self.uri.clone());
        let headers = Fields { map: ManuallyDrop::new(HeaderMap::new()), life: Life::Head };
        Self { method, uri, version: self.version, headers }
    }
}

impl Fields {
    /// No fields, and no map either.
    ///
    /// # Safety
    /// `place` is valid for writes, and nothing is done with it but what is done with a map that is
    /// kept.
    pub(super) unsafe fn none(place: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*place).life).write(Life::Gone) };
    }

    /// Lets the map outlive its head, empty and where it is: moving it costs as much as emptying it.
    #[inline(always)]
    pub(super) fn keep(&mut self) {
        if self.map.capacity() <= FIELDS_MAX {
            self.map.clear();
            self.life = Life::Kept;
        }
    }

    /// Gives away a map that was kept; none when it is gone.
    ///
    /// # Safety
    /// `place` is that of a map that was kept, or of none.
    #[inline(always)]
    pub(super) unsafe fn give(place: *mut Self) -> Option<HeaderMap> {
        // SAFETY: the caller's promise.
        let life = unsafe { &mut (*place).life };
        if *life != Life::Kept {
            return None;
        }
        *life = Life::Gone;
        // SAFETY: it is there, and taken once.
        Some(unsafe { ManuallyDrop::take(&mut (*place).map) })
    }
}

impl Deref for Fields {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.map
    }
}

impl DerefMut for Fields {
    fn deref_mut(&mut self) -> &mut HeaderMap {
        &mut self.map
    }
}

impl Drop for Fields {
    #[inline(always)]
    fn drop(&mut self) {
        if self.life == Life::Head {
            self.life = Life::Gone;
            // SAFETY: never used again.
            unsafe { ManuallyDrop::drop(&mut self.map) };
        }
    }
}
