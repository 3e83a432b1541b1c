//! Frozen leaf structs: they cross by value, in arrays and nested, so they never grow.

use std::ffi::c_void;
use std::fmt;
use std::ptr;
use std::slice;

/// Borrowed bytes. They live until the handle they were read from is released, or for the
/// length of the call that lends them, as the slot that hands them out says.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Str {
    /// First byte; may be null when `len` is 0.
    pub ptr: *const u8,
    /// Length in bytes.
    pub len: usize,
}

/// Bytes handed over: whoever holds them calls `release(owner)` once, from any thread.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Bytes {
    /// First byte; may be null when `len` is 0.
    pub ptr: *const u8,
    /// Length in bytes.
    pub len: usize,
    /// What `release` is called with.
    pub owner: *mut c_void,
    /// Absent when nothing needs to be freed, as with constants of the library.
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

/// Something that must be kept until it is released, as the storage of a header table.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Keep {
    /// What `release` is called with.
    pub owner: *mut c_void,
    /// Absent when nothing needs to be freed.
    pub release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
}

/// One header field, or one variable of an environ. Tables of it carry a stride.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Header {
    /// Known name, see [`known`](super::known); 0 when the name is not in that list.
    pub id: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Field name as bytes; lower case in what a host hands out.
    pub name: Str,
    /// Field value as bytes, without surrounding white space.
    pub value: Str,
}

/// What went wrong, as data.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Fault {
    /// HTTP status that the failing side suggests; 0 means 500.
    pub status: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Generation of the library that panicked; 0 when none did, [`Fault::UNKNOWN`] when one did
    /// that does not know its number. Whoever hands a fault on leaves it.
    pub generation: u64,
    /// One or more lines of UTF-8 for the log.
    pub message: Bytes,
}

impl Str {
    /// No bytes.
    pub const EMPTY: Self = Self { ptr: ptr::null(), len: 0 };

    /// Lends `bytes`.
    #[must_use]
    pub const fn lend(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// The lender's promise still holds for `'a`.
    #[inline]
    #[must_use]
    pub const unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: see `slice_of`; the caller vouches for the lifetime.
        unsafe { slice_of(self.ptr, self.len) }
    }
}

impl Bytes {
    /// No bytes.
    pub const EMPTY: Self =
        Self { ptr: ptr::null(), len: 0, owner: ptr::null_mut(), release: None };

    /// Constants of this library: nothing to free.
    #[must_use]
    pub const fn constant(bytes: &'static [u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len(), owner: ptr::null_mut(), release: None }
    }

    /// The bytes.
    ///
    /// # Safety
    /// They have not been released, and will not be within `'a`.
    #[inline]
    #[must_use]
    pub const unsafe fn bytes<'a>(&self) -> &'a [u8] {
        // SAFETY: see `slice_of`; the caller vouches for the lifetime.
        unsafe { slice_of(self.ptr, self.len) }
    }

    /// Gives the bytes back to their maker.
    ///
    /// # Safety
    /// Called once, and the library that made them is still loaded.
    #[inline]
    pub unsafe fn free(self) {
        if let Some(release) = self.release {
            // SAFETY: the maker set `owner` for exactly this function.
            unsafe { release(self.owner) };
        }
    }
}

impl Keep {
    /// Nothing to free.
    pub const NOTHING: Self = Self { owner: ptr::null_mut(), release: None };

    /// Gives the thing back to its maker.
    ///
    /// # Safety
    /// Called once, and the library that made it is still loaded.
    #[inline]
    pub unsafe fn free(self) {
        if let Some(release) = self.release {
            // SAFETY: the maker set `owner` for exactly this function.
            unsafe { release(self.owner) };
        }
    }
}

impl Fault {
    /// No fault.
    pub const NONE: Self = Self { status: 0, reserved: 0, generation: 0, message: Bytes::EMPTY };

    /// Stands for the generation of whoever does not know its number.
    pub const UNKNOWN: u64 = u64::MAX;
}

/// Rows of a table whose maker may be of a release with larger rows. A stride that cannot be one
/// gives no rows.
///
/// # Safety
/// `first` is null or points to `count` rows, `stride` bytes apart, valid for `'a`, each
/// starting with a [`Header`].
pub unsafe fn rows<'a>(
    first: *const Header,
    count: u32,
    stride: u32,
) -> impl ExactSizeIterator<Item = &'a Header> + Clone {
    let stride = stride as usize;
    let fits = stride >= size_of::<Header>() && stride % align_of::<Header>() == 0;
    let count = if first.is_null() || !fits { 0 } else { count as usize };
    (0..count).map(move |row| {
        // SAFETY: within the table by the caller's promise, and aligned like the first row.
        unsafe { &*first.byte_add(row * stride) }
    })
}

/// # Safety
/// `ptr` is null or valid for `len` bytes during `'a`.
const unsafe fn slice_of<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    if ptr.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: not null, and valid for `len` bytes by the caller's promise.
    unsafe { slice::from_raw_parts(ptr, len) }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Str({:p}, {})", self.ptr, self.len)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({:p}, {})", self.ptr, self.len)
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keep({:p})", self.owner)
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({}, {:?}, {:?})", self.id, self.name, self.value)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({}, {}, {:?})", self.status, self.generation, self.message)
    }
}
