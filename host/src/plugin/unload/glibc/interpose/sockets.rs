//! Socket pairs that libraries open: tokio's signal driver keeps one for good in each library.
//!
//! Invariant: a descriptor is closed only while it is the very socket that was recorded.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{image, next, with_caller};
use crate::plugin::unload::glibc::ranges::Ranges;

type SocketPair = unsafe extern "C" fn(c_int, c_int, c_int, *mut c_int) -> c_int;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Socket {
    device: u64,
    inode: u64,
    caller: usize,
}

/// By descriptor: a number that is used again replaces what it was.
static RECORDED: Mutex<BTreeMap<c_int, Socket>> = Mutex::new(BTreeMap::new());

with_caller!(socketpair => pair, "r8", "x4");

unsafe extern "C" fn pair(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    pair: *mut c_int,
    caller: usize,
) -> c_int {
    // SAFETY: the function's type.
    let next: SocketPair = unsafe { next::SOCKETPAIR.function() };
    // SAFETY: the caller's arguments.
    let result = unsafe { next(domain, kind, protocol, pair) };
    if result == 0 && !image::is_host(caller) {
        // SAFETY: the call above has written two descriptors.
        let both = unsafe { [*pair, *pair.add(1)] };
        let mut recorded = lock();
        for descriptor in both {
            if let Some((device, inode)) = identity(descriptor) {
                recorded.insert(descriptor, Socket { device, inode, caller });
            }
        }
    }
    result
}

/// Closes what libraries that are gone have left open; returns how many there were.
pub(crate) fn close_left(ranges: &Ranges) -> usize {
    let mut theirs = Vec::new();
    lock().retain(|descriptor, socket| {
        let is_theirs = ranges.contain(socket.caller);
        if is_theirs {
            theirs.push((*descriptor, *socket));
        }
        !is_theirs
    });
    let still = |(descriptor, socket): &(c_int, Socket)| {
        identity(*descriptor) == Some((socket.device, socket.inode))
    };
    let left: Vec<_> = theirs.into_iter().filter(still).collect();
    for (descriptor, _) in &left {
        // SAFETY: it is the socket that a library opened, and the library is gone.
        unsafe { libc::close(*descriptor) };
    }
    left.len()
}

fn identity(descriptor: c_int) -> Option<(u64, u64)> {
    let mut told = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: takes any number, and writes what it is lent.
    match unsafe { libc::fstat(descriptor, told.as_mut_ptr()) } {
        // SAFETY: written by the call above.
        0 => Some(unsafe { (told.assume_init_ref().st_dev, told.assume_init_ref().st_ino) }),
        _ => None,
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<c_int, Socket>> {
    RECORDED.lock().unwrap_or_else(PoisonError::into_inner)
}
