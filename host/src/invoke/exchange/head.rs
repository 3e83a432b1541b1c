//! What a request says before its body.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

use http::{HeaderMap, Method, Request, Uri, Version};

use super::spare;

/// The head of a request.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) headers: Fields,
}

/// Header fields, whose memory is used again.
#[derive(Clone)]
pub(super) struct Fields(ManuallyDrop<HeaderMap>);

impl Head {
    /// Takes a request apart, straight from where it is into the place where its head stays, and
    /// gives its body away. `None`, and nothing written, when no request is there.
    ///
    /// # Safety
    /// `place` is valid for writes.
    #[inline(always)]
    pub(super) unsafe fn place<B>(
        place: *mut Self,
        from: &mut Option<Request<B>>,
        take: impl FnOnce(B),
    ) -> Option<()> {
        let request = from.as_ref()?;
        // SAFETY: each part is taken out once, and what is left is overwritten without being
        // dropped. `into_parts` would move everything twice, which costs more than calling an
        // application.
        unsafe {
            (&raw mut (*place).method).write(ptr::read(request.method()));
            (&raw mut (*place).uri).write(ptr::read(request.uri()));
            (&raw mut (*place).version).write(request.version());
            let headers = ManuallyDrop::new(ptr::read(request.headers()));
            (&raw mut (*place).headers).write(Fields(headers));
            let (extensions, body) = (ptr::read(request.extensions()), ptr::read(request.body()));
            ptr::write(from, None);
            drop(extensions);
            take(body);
            Some(())
        }
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
