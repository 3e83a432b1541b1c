//! What a request says before its body.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

use http::{HeaderMap, Method, Request, Uri, Version};

use super::spare;

/// The head of a request.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: Fields,
}

/// Header fields, whose memory is used again.
pub(super) struct Fields(ManuallyDrop<HeaderMap>);

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
            (&raw mut (*place).headers).write(Fields(headers));
        }
    }
}

impl Head {
    /// The same with no header fields.
    pub(super) fn without_fields(&self) -> Self {
        let (method, uri) = (self.method.clone(), self.uri.clone());
        let headers = Fields(ManuallyDrop::new(HeaderMap::new()));
        Self { method, uri, version: self.version, headers }
    }
}

impl Deref for Fields {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
    }
}

impl DerefMut for Fields {
    fn deref_mut(&mut self) -> &mut HeaderMap {
        &mut self.0
    }
}

impl Drop for Fields {
    #[inline]
    fn drop(&mut self) {
        // Emptied where it is: moving it first costs as much as emptying it.
        spare::empty(&mut self.0);
        // SAFETY: never used again.
        spare::keep(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}
