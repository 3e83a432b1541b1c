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

    /// Lets the map outlive its head, empty and where it is: moving it costs as much as emptying
    /// it.
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

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use http::HeaderValue;
    use http::header::HOST;

    use super::*;

    /// What is left of a map with room for so many fields once its head is over.
    fn left(room: usize) -> (Option<HeaderMap>, Option<HeaderMap>) {
        let mut map = HeaderMap::with_capacity(room);
        map.insert(HOST, HeaderValue::from_static("a"));
        let mut place = MaybeUninit::new(Fields { map: ManuallyDrop::new(map), life: Life::Head });
        // SAFETY: written just now.
        unsafe { place.assume_init_mut() }.keep();
        // SAFETY: dropped once.
        unsafe { place.assume_init_drop() };
        let mut give = || {
            // SAFETY: what was kept lies there, or nothing.
            unsafe { Fields::give(place.as_mut_ptr()) }
        };
        (give(), give())
    }

    #[test]
    fn a_map_outlives_its_head_once_and_empty() {
        let (map, again) = left(4);
        let map = map.expect("a small map is kept");
        assert!(map.is_empty() && map.capacity() >= 4, "{map:?}");
        assert_eq!(again, None, "given twice");
    }

    #[test]
    fn a_large_map_ends_with_its_head() {
        assert_eq!(left(FIELDS_MAX + 1), (None, None));
    }

    #[test]
    fn where_no_map_was_none_is_given() {
        let mut place = MaybeUninit::uninit();
        // SAFETY: room for one.
        unsafe { Fields::none(place.as_mut_ptr()) };
        // SAFETY: there is none.
        assert_eq!(unsafe { Fields::give(place.as_mut_ptr()) }, None);
    }
}
