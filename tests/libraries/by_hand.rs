//! An application that depends on nothing, not even on the kit: the boundary written out by hand,
//! so that a test can build it in any profile within a second.

use std::ffi::{c_char, c_void};

#[repr(C)]
pub struct Descriptor {
    size: u32,
    abi: u32,
    flavour: u32,
    kind: u32,
    panic: u32,
    flags: u32,
    probe: u32,
    reserved: u32,
    name: [u8; 64],
    rest: [u8; 288],
}

#[repr(C, align(4))]
pub struct Note {
    name_size: u32,
    descriptor_size: u32,
    note_type: u32,
    name: [u8; 8],
    descriptor: Descriptor,
}

#[used]
#[unsafe(link_section = ".note.dsgi")]
static NOTE: Note = Note {
    name_size: 5,
    descriptor_size: 384,
    note_type: 1,
    name: *b"DSGI\0\0\0\0",
    descriptor: Descriptor {
        size: 384,
        abi: 0,
        flavour: 1,
        kind: 1,
        panic: if cfg!(panic = "unwind") { 1 } else { 2 },
        flags: 0,
        probe: 3,
        reserved: 0,
        name: {
            let mut name = [0; 64];
            name.split_at_mut(7).0.copy_from_slice(b"by-hand");
            name
        },
        rest: [0; 288],
    },
};

#[repr(C)]
pub struct Table {
    size: u32,
    abi: u32,
    descriptor: &'static Descriptor,
    init: extern "C" fn(*const c_void, *mut c_void) -> u32,
    call: unsafe extern "C" fn(*mut c_void, *mut Exchange, *mut Reply) -> u32,
    drop: extern "C" fn(*mut c_void),
}

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static dsgi_app_v1: Table = Table {
    size: size_of::<Table>() as u32,
    abi: 0,
    descriptor: &NOTE.descriptor,
    init,
    call,
    drop,
};

#[repr(C)]
pub struct Exchange {
    table: *const ExchangeTable,
}

#[repr(C)]
struct ExchangeTable {
    size: u32,
    reserved: u32,
    head: usize,
    clone: usize,
    release: unsafe extern "C" fn(*mut Exchange),
}

#[repr(C)]
pub struct Reply {
    size: u32,
    status: u32,
    header_count: u32,
    header_stride: u32,
    headers: *const Header,
    reason_and_keep: [usize; 4],
    body_kind: u32,
    reserved: u32,
    text: *const c_char,
    text_length: usize,
}

#[repr(C)]
struct Text(*const c_char, usize);

#[repr(C)]
struct Header {
    id: u32,
    reserved: u32,
    name: Text,
    value: Text,
}

// SAFETY: it points to constants.
unsafe impl Sync for Header {}

static CONTENT_TYPE: Header = Header {
    id: 0,
    reserved: 0,
    name: Text(c"content-type".as_ptr(), 12),
    value: Text(c"text/plain".as_ptr(), 10),
};

const READY: u32 = 1;
const WHOLE: u32 = 1;
const TEXT: &str = if cfg!(debug_assertions) { "debug\n" } else { "release\n" };

extern "C" fn init(_: *const c_void, _: *mut c_void) -> u32 {
    READY
}

unsafe extern "C" fn call(_: *mut c_void, exchange: *mut Exchange, reply: *mut Reply) -> u32 {
    // SAFETY: the exchange is owned and the reply lent for this call, by the boundary's rules.
    unsafe {
        ((*(*exchange).table).release)(exchange);
        (*reply).status = 200;
        (*reply).header_count = 1;
        (*reply).header_stride = size_of::<Header>() as u32;
        (*reply).headers = &CONTENT_TYPE;
        (*reply).body_kind = WHOLE;
        (*reply).text = TEXT.as_ptr().cast();
        (*reply).text_length = TEXT.len();
    }
    READY
}

extern "C" fn drop(_: *mut c_void) {}
