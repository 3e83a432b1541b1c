//! The symbol `dsgi_app_v1`, and the descriptor that is readable without running anything.

use std::ffi::c_void;

use super::grown::{Init, Instance, Reply, State};
use super::object::Exchange;
use super::pointer::{In, Out, growable};

/// What a library exports under [`SYMBOL`](super::SYMBOL): the only way in.
///
/// `call` is one shape for all: applications and layers, sync and async, linked in or loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = AppTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct AppTable {
    /// Size of this table in the library's release.
    pub size: u32,
    /// [`ABI`](super::ABI) of the library.
    pub abi: u32,
    /// The same descriptor as in the ELF note.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub descriptor: *const Descriptor,
    /// Makes the application: `READY` or `ERROR`. Mandatory.
    pub init: Option<unsafe extern "C" fn(init: In<Init>, instance: Out<Instance>) -> u32>,
    /// Answers one request; takes the exchange. `READY`, `PENDING` with `future` set, or
    /// `ERROR`. Any thread, several at once. Mandatory.
    pub call: Option<
        unsafe extern "C" fn(app: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32,
    >,
    /// Frees the application, after `shutdown`, when nothing uses it any more. Mandatory.
    pub drop: Option<unsafe extern "C" fn(app: *mut c_void)>,
    /// No new requests will come; those at work have so many milliseconds left.
    pub drain: Option<unsafe extern "C" fn(app: *mut c_void, deadline_ms: u64)>,
    /// Requests will come again after `drain`.
    pub resume: Option<unsafe extern "C" fn(app: *mut c_void)>,
    /// Nothing is at work any more: end threads, close connections.
    pub shutdown: Option<unsafe extern "C" fn(app: *mut c_void)>,
    /// Hands state to another generation: `READY` with `format` and `bytes`, which the host copies
    /// and releases at once; `UNSUPPORTED` when there is none; `ERROR`. Any thread, while requests
    /// are at work, and once more between the last of them and `shutdown`.
    pub export_state: Option<unsafe extern "C" fn(app: *mut c_void, state: Out<State>) -> u32>,
    /// Takes state over, by merging it: `format` and `bytes` are lent for the call. `READY`,
    /// `UNSUPPORTED`, or `ERROR` with `fault`. After `init` and before the first request, and while
    /// requests are at work; any thread, several at once.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub import_state: Option<unsafe extern "C" fn(app: *mut c_void, state: Out<State>) -> u32>,
}

growable!(AppTable);

// SAFETY: a constant table of function pointers, and a pointer to a constant.
unsafe impl Sync for AppTable {}

/// What a library says of itself. Texts are UTF-8, cut to fit and padded with zeros.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = DescriptorRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Descriptor {
    /// Size of this struct in the library's release.
    pub size: u32,
    /// [`ABI`](super::ABI) of the library.
    pub abi: u32,
    /// One of [`flavour`].
    pub flavour: u32,
    /// One of [`kind`].
    pub kind: u32,
    /// One of [`panic_mode`].
    pub panic: u32,
    /// Bits of [`trait_flag`].
    pub flags: u32,
    /// How far a probe may go, one of [`probe`]; 0 means `INIT`.
    pub probe: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Default name of the application.
    pub name: [u8; 64],
    /// Its version.
    pub version: [u8; 32],
    /// The compiler that built it.
    pub compiler: [u8; 96],
    /// Name and version of the kit it was written with.
    pub kit: [u8; 32],
    /// What a probe of depth `REQUEST` asks for with GET; the status must be below 500.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub probe_path: [u8; 128],
}

growable!(Descriptor);

/// How calls behave.
pub mod flavour {
    /// `call` and the body never wait: they run on a core.
    pub const NON_BLOCKING: u32 = 1;
    /// They may wait: they run on the application's pool of threads.
    pub const BLOCKING: u32 = 2;
    /// They answer `PENDING` instead of waiting: they run on a core.
    pub const ASYNC: u32 = 3;
    /// A layer that never waits itself, and answers when and as what is inside does, `PENDING` too:
    /// its stack runs where it would run without it. No flavour of an application.
    pub const AS_INSIDE: u32 = 4;
}

/// What the library is.
pub mod kind {
    /// Answers requests by itself.
    pub const APPLICATION: u32 = 1;
    /// Stands around an application.
    pub const LAYER: u32 = 2;
}

/// What a panic does.
pub mod panic_mode {
    /// It is caught inside the library.
    pub const UNWIND: u32 = 1;
    /// It ends the process.
    pub const ABORT: u32 = 2;
}

/// Bits of [`Descriptor::flags`].
pub mod trait_flag {
    /// Must never be unloaded.
    pub const PINNED: u32 = 1;
    /// Two generations must not run at the same time.
    pub const EXCLUSIVE: u32 = 2;
}

/// How far a probe may go.
pub mod probe {
    /// Open the library, which runs its constructors.
    pub const OPEN: u32 = 1;
    /// Also compare layouts.
    pub const LAYOUT: u32 = 2;
    /// Also run `init` with the purpose `PROBE`, `drain`, `shutdown` and `drop`.
    pub const INIT: u32 = 3;
    /// Also ask for `probe_path`.
    pub const REQUEST: u32 = 4;
}

/// The ELF note that holds the descriptor, in a section named [`NOTE_SECTION`].
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// Bytes of `name` that count.
    pub name_size: u32,
    /// Bytes of `descriptor`.
    pub descriptor_size: u32,
    /// [`NOTE_TYPE`].
    pub note_type: u32,
    /// [`NOTE_NAME`].
    pub name: [u8; 8],
    /// The descriptor.
    pub descriptor: Descriptor,
}

/// Section of the note.
pub const NOTE_SECTION: &str = ".note.dsgi";
/// Owner name of the note.
pub const NOTE_NAME: [u8; 8] = *b"DSGI\0\0\0\0";
/// Type of the note.
pub const NOTE_TYPE: u32 = 1;

impl Note {
    /// Wraps a descriptor.
    #[must_use]
    pub const fn new(descriptor: Descriptor) -> Self {
        Self {
            name_size: 5,
            descriptor_size: size_of::<Descriptor>() as u32,
            note_type: NOTE_TYPE,
            name: NOTE_NAME,
            descriptor,
        }
    }
}

/// Cuts and pads a text for a [`Descriptor`], on a character border.
#[must_use]
pub const fn text<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut end = if bytes.len() < N { bytes.len() } else { N };
    while end < bytes.len() && end > 0 && (bytes[end] & 0xC0) == 0x80 {
        end -= 1;
    }
    let mut cut = [0; N];
    let mut at = 0;
    while at < end {
        cut[at] = bytes[at];
        at += 1;
    }
    cut
}

/// The text of a descriptor's field, without padding; what is not UTF-8 is replaced.
#[must_use]
pub fn untext(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(text::<4>("ab"), *b"ab\0\0");
        assert_eq!(text::<4>("abcdef"), *b"abcd");
        assert_eq!(untext(&text::<4>("abc\u{e9}")), "abc");
        assert_eq!(untext(&text::<5>("abc\u{e9}")), "abc\u{e9}");
    }
}
