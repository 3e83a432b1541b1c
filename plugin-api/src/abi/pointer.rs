//! Pointers to structs that may grow, and the size rule in one place.
//!
//! The caller allocates a growable struct, zeroes it and sets `size`; the other side touches
//! only what lies within `size`; zero means absent for every field. `In` and `Out` are the only
//! way such a struct crosses, so a release that appends a field stays compatible in both
//! directions without either side thinking about it.

use std::fmt;
use std::mem::MaybeUninit;

#[cfg(feature = "layout-proof")]
use abi_stable::std_types::RStr;

/// A struct that later releases may append fields to.
///
/// # Safety
/// The type is `repr(C)`, its first field is `size: u32`, and all-zero bytes are a valid value.
pub unsafe trait Growable: Copy {
    /// Name of the type. Part of the layout proof: a slot that takes an `Out<Frame>` does not
    /// pass for one that takes an `Out<Reply>`.
    const NAME: &'static str = "";

    /// A value with every field absent and `size` set.
    #[must_use]
    fn absent() -> Self {
        let mut value = MaybeUninit::<Self>::zeroed();
        let size = u32::try_from(size_of::<Self>()).unwrap_or(u32::MAX);
        // SAFETY: the first field is `size: u32` and all-zero bytes are valid, both by the
        // contract of this trait.
        unsafe {
            value.as_mut_ptr().cast::<u32>().write(size);
            value.assume_init()
        }
    }
}

/// A growable struct lent for reading during one call.
#[repr(transparent)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(not_stableabi(T)))]
#[cfg_attr(feature = "layout-proof", sabi(bound(T: Growable)))]
#[cfg_attr(feature = "layout-proof", sabi(phantom_const_param = RStr::from_str(T::NAME)))]
pub struct In<T> {
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pointer: *const T,
}

/// A growable struct lent for writing during one call; the borrower fills it.
#[repr(transparent)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(not_stableabi(T)))]
#[cfg_attr(feature = "layout-proof", sabi(bound(T: Growable)))]
#[cfg_attr(feature = "layout-proof", sabi(phantom_const_param = RStr::from_str(T::NAME)))]
pub struct Out<T> {
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pointer: *mut T,
}

/// Declares that types keep the promise of [`Growable`].
macro_rules! growable {
    ($($name:ident),* $(,)?) => {
        $(
            // SAFETY: `repr(C)`, `size: u32` first, integers, bytes and nullable pointers only.
            unsafe impl $crate::abi::pointer::Growable for $name {
                const NAME: &'static str = stringify!($name);
            }

            // SAFETY: the type stands for itself. The proof needs it to tell pointers apart.
            #[cfg(feature = "layout-proof")]
            unsafe impl abi_stable::abi_stability::GetStaticEquivalent_ for $name {
                type StaticEquivalent = $name;
            }
        )*
    };
}
pub(super) use growable;

impl<T: Growable> In<T> {
    /// Lends `value`; the pointer is valid as long as the borrow.
    pub const fn lend(value: &T) -> Self {
        Self { pointer: value }
    }

    /// Wraps a pointer that another compilation unit lends.
    pub const fn from_raw(pointer: *const T) -> Self {
        Self { pointer }
    }

    /// Copies what the lender's release knows; every younger field reads as absent.
    ///
    /// # Safety
    /// The pointer is null, or points to a struct of the lender's release with `size` set.
    #[inline]
    #[must_use]
    pub unsafe fn read(self) -> T {
        let mut value = T::absent();
        if self.pointer.is_null() {
            return value;
        }
        // SAFETY: `size` is the first field in every release; only the smaller of both sizes is
        // copied, and zero bytes are valid for the rest.
        unsafe {
            let size = self.pointer.cast::<u32>().read() as usize;
            let known = size.min(size_of::<T>());
            (&raw mut value).cast::<u8>().copy_from_nonoverlapping(self.pointer.cast(), known);
        }
        value
    }

    /// Looks at the lender's struct, if its release knows every field of this one.
    ///
    /// # Safety
    /// As for [`In::read`], and nobody writes to it as long as the result lives.
    #[inline]
    #[must_use]
    pub unsafe fn borrow<'a>(self) -> Option<&'a T> {
        // SAFETY: the caller's promise is the same.
        unsafe { Out::from_raw(self.pointer.cast_mut()).borrow() }
    }
}

impl<T: Growable> Out<T> {
    /// Lends `value` for writing; the pointer is valid as long as the borrow.
    pub const fn lend(value: &mut T) -> Self {
        Self { pointer: value }
    }

    /// Wraps a pointer that another compilation unit lends.
    pub const fn from_raw(pointer: *mut T) -> Self {
        Self { pointer }
    }

    /// Writes what the lender's release has room for, and keeps the lender's `size`.
    ///
    /// # Safety
    /// The pointer is null, or points to a struct of the lender's release with `size` set.
    #[inline]
    pub unsafe fn write(self, value: &T) {
        if self.pointer.is_null() {
            return;
        }
        // SAFETY: `size` is the first field in every release; only the smaller of both sizes is
        // copied, starting behind `size`.
        unsafe {
            let size = self.pointer.cast::<u32>().read() as usize;
            let known = size.min(size_of::<T>());
            let from = (&raw const *value).cast::<u8>().add(4);
            let to = self.pointer.cast::<u8>().add(4);
            to.copy_from_nonoverlapping(from, known.saturating_sub(4));
        }
    }

    /// The lender's struct, to be changed where it is, if its release knows each field of this one.
    ///
    /// # Safety
    /// As for [`fill`](Self::fill), as long as the result lives.
    #[inline(always)]
    pub(crate) unsafe fn whole<'a>(self) -> Option<&'a mut T> {
        if self.pointer.is_null() {
            return None;
        }
        // SAFETY: `size` is the first field in every release, and large enough for a whole `T`.
        unsafe {
            let size = self.pointer.cast::<u32>().read() as usize;
            (size >= size_of::<T>()).then(|| &mut *self.pointer)
        }
    }

    /// Changes fields where they are; those that the lender's release has no room for are lost.
    ///
    /// # Safety
    /// The pointer is null, or points to a struct of the lender's release with `size` set, and
    /// nobody else uses it during the call.
    #[inline]
    pub unsafe fn fill(self, change: impl FnOnce(&mut T)) {
        if self.pointer.is_null() {
            return;
        }
        // SAFETY: `size` is the first field in every release; a lender of this release or a later
        // one lends a whole `T`.
        unsafe {
            if let Some(value) = self.whole() {
                change(value);
            } else {
                let mut value = self.read();
                change(&mut value);
                self.write(&value);
            }
        }
    }

    /// Looks at the lender's struct, if its release knows every field of this one.
    ///
    /// # Safety
    /// As for [`In::read`], and nobody writes to it as long as the result lives.
    #[inline]
    #[must_use]
    pub unsafe fn borrow<'a>(self) -> Option<&'a T> {
        if self.pointer.is_null() {
            return None;
        }
        // SAFETY: `size` is the first field in every release, and large enough for a whole `T`.
        unsafe {
            let size = self.pointer.cast::<u32>().read() as usize;
            (size >= size_of::<T>()).then(|| &*self.pointer)
        }
    }

    /// Copies what is there, as [`In::read`] does.
    ///
    /// # Safety
    /// As for [`In::read`].
    #[inline]
    #[must_use]
    pub unsafe fn read(self) -> T {
        // SAFETY: the caller's promise is the same.
        unsafe { In::from_raw(self.pointer).read() }
    }
}

impl<T> Clone for In<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> fmt::Debug for In<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "In({:p})", self.pointer)
    }
}

impl<T> fmt::Debug for Out<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Out({:p})", self.pointer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug)]
    struct Old {
        size: u32,
        first: u32,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Debug)]
    struct New {
        size: u32,
        first: u32,
        second: u64,
    }

    // SAFETY: plain integers behind a leading size.
    unsafe impl Growable for Old {}
    // SAFETY: plain integers behind a leading size.
    unsafe impl Growable for New {}

    #[test]
    fn a_newer_reader_sees_absent_fields_of_an_older_lender() {
        let old = Old { first: 7, ..Old::absent() };
        // SAFETY: `Old` is a prefix of `New` and carries its own size.
        let read = unsafe { In::<New>::from_raw((&raw const old).cast()).read() };
        assert_eq!((read.first, read.second), (7, 0));
    }

    #[test]
    fn a_newer_writer_stays_within_an_older_lender() {
        let mut room = [Old::absent(), Old { size: 8, first: 99 }];
        let out = Out::<New> { pointer: (&raw mut room[0]).cast() };
        // SAFETY: `Old` is a prefix of `New` and carries its own size.
        unsafe { out.write(&New { first: 5, second: u64::MAX, ..New::absent() }) };
        assert_eq!((room[0].size, room[0].first), (8, 5));
        assert_eq!((room[1].size, room[1].first), (8, 99), "the neighbour was overwritten");
    }
}
