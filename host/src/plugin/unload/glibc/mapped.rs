//! What the dynamic linker has mapped right now.
#![allow(unsafe_code, reason = "asks the dynamic linker")]

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ranges::Ranges;

/// One object: the program, a library, or something that the kernel brought along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// The name under which it was opened; empty for the program itself.
    pub(super) file: PathBuf,
    /// From its first byte to the end of its last segment.
    pub(super) range: Range<usize>,
}

/// Everything that is mapped, the program first.
pub(super) fn objects() -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    // SAFETY: `each` is called with the vector, which is lent for the call.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut objects).cast()) };
    objects
}

unsafe extern "C" fn each(
    object: *mut libc::dl_phdr_info,
    _: libc::size_t,
    objects: *mut c_void,
) -> c_int {
    // SAFETY: both are lent for the call; the second is what `objects` passed.
    let (object, objects) = unsafe { (&*object, &mut *objects.cast::<Vec<Object>>()) };
    let name = match object.dlpi_name.is_null() {
        true => c"",
        // SAFETY: a string that stays as long as the object is mapped, which it is for the call.
        false => unsafe { CStr::from_ptr(object.dlpi_name) },
    };
    let file = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    // SAFETY: the object is described as the linker mapped it.
    objects.push(Object { file, range: unsafe { range_of(object) } });
    0
}

/// Where an object is mapped.
///
/// # Safety
/// The description comes from the dynamic linker and is lent by it.
pub(super) unsafe fn range_of(object: &libc::dl_phdr_info) -> Range<usize> {
    let (headers, count) = (object.dlpi_phdr, usize::from(object.dlpi_phnum));
    if headers.is_null() {
        return 0..0;
    }
    // SAFETY: the linker's table of program headers.
    let headers = unsafe { std::slice::from_raw_parts(headers, count) };
    let base = usize::try_from(object.dlpi_addr).unwrap_or(0);
    let (mut start, mut end) = (usize::MAX, 0);
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        let first = base.wrapping_add(usize::try_from(header.p_vaddr).unwrap_or(0));
        let last = first.wrapping_add(usize::try_from(header.p_memsz).unwrap_or(0));
        start = start.min(first);
        end = end.max(last);
    }
    start.min(end)..end
}

static HOLD: AtomicBool = AtomicBool::new(false);

/// From now on, addresses of libraries that are gone stay reserved: a call that comes too late is
/// a crash then, and not by luck another library's code. For tests: it takes up address space.
pub(crate) fn hold_what_is_gone() {
    HOLD.store(true, Ordering::Relaxed);
}

/// Reserves the addresses, when that is wanted.
pub(super) fn hold(ranges: &Ranges) {
    if !HOLD.load(Ordering::Relaxed) {
        return;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    for range in ranges.iter() {
        // Segments begin at pages, whose size divides this.
        const PAGE: usize = 4096;
        let start = range.start / PAGE * PAGE;
        let address = std::ptr::without_provenance_mut(start);
        // SAFETY: takes only addresses that are free; where somebody was faster, nothing is done.
        unsafe {
            libc::mmap(
                address,
                range.end - start,
                libc::PROT_NONE,
                flags | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
    }
}
