//! The functions of the C library that this program answers for itself, so that it knows what a
//! library leaves behind: destructors of thread-locals, thread keys, threads, signals, descriptors.
//!
//! The dynamic linker looks into the executable first, so libraries bind to the functions here.
//! They store plain addresses; whose these are is asked when a library is to go, by the ranges it
//! is mapped at. Invariant: what is not recorded must not be unmapped, so where the linker binds to
//! other functions than ours ([`verdict`]), nothing is.
#![allow(unsafe_code, reason = "defines functions of the C library")]

pub(crate) mod exit;
mod image;
pub(crate) mod keys;
mod next;
pub(crate) mod signals;
pub(crate) mod sockets;
pub(crate) mod thread_locals;
pub(crate) mod threads;

use std::ffi::CStr;
use std::sync::OnceLock;

use self::next::Next;

/// Why libraries of this process cannot be unmapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` of libraries leads elsewhere than into the host, so nobody knows what they leave")]
pub(crate) struct Bypassed(&'static str);

unsafe extern "C" {
    // The functions of the files below, by the names under which libraries find them.
    fn __cxa_thread_atexit_impl();
    fn pthread_key_create();
    fn pthread_key_delete();
    fn pthread_create();
    fn sigaction();
    fn signal();
    fn socketpair();
    fn exit();
}

/// Whether libraries bind to the functions here; looked at once.
///
/// # Errors
/// The first function that libraries find elsewhere.
pub(crate) fn verdict() -> Result<(), Bypassed> {
    static VERDICT: OnceLock<Result<(), Bypassed>> = OnceLock::new();
    VERDICT.get_or_init(judge).clone()
}

fn judge() -> Result<(), Bypassed> {
    next::resolve();
    let ours: [(&'static CStr, unsafe extern "C" fn()); 8] = [
        (c"__cxa_thread_atexit_impl", __cxa_thread_atexit_impl),
        (c"pthread_key_create", pthread_key_create),
        (c"pthread_key_delete", pthread_key_delete),
        (c"pthread_create", pthread_create),
        (c"sigaction", sigaction),
        (c"signal", signal),
        (c"socketpair", socketpair),
        (c"exit", exit),
    ];
    ours.into_iter().try_for_each(|(name, function)| compare(name, function as usize))
}

fn compare(name: &'static CStr, ours: usize) -> Result<(), Bypassed> {
    match image::is_host(ours) && Next::seen_by_libraries(name) == ours {
        true => Ok(()),
        false => Err(Bypassed(name.to_str().unwrap_or("a function"))),
    }
}

/// Defines an exported function that hands the address it was called from, as one more argument,
/// to a function of ours: for calls that name no code of the caller.
///
/// `$x86` and `$arm` are the registers of that further argument.
macro_rules! with_caller {
    ($name:ident => $inner:path, $x86:literal, $arm:literal) => {
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name() {
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(
                concat!("mov ", $x86, ", [rsp]"),
                "jmp {inner}",
                inner = sym $inner,
            );
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!(concat!("mov ", $arm, ", x30"), "b {inner}", inner = sym $inner);
        }
    };
}
use with_caller;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_bind_to_ours() {
        assert_eq!(verdict(), Ok(()));
        let elsewhere = compare(c"malloc", libraries_bind_to_ours as *const () as usize);
        assert_eq!(elsewhere, Err(Bypassed("malloc")), "the control fails");
    }
}
