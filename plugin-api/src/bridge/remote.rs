//! Objects with functions that a value carries from one library to another.

use std::fmt;
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use super::bytes::{self, Failure, SharedBytes};
use super::caught;
use crate::abi::answer;
use crate::abi::leaf::{Bytes, Fault, Str};
use crate::abi::object::{self, RemoteTable};
use crate::{Error, Result, slot};

/// What stands behind a [`Remote`]: it answers requests of bytes, one after the other.
pub trait Service: Send + 'static {
    /// Answers one request.
    ///
    /// # Errors
    /// Whatever keeps it from answering; the caller is told status and text.
    fn call(&mut self, request: &[u8]) -> Result<Vec<u8>>;
}

/// An object of one library that others call, as a field of a [`value!`](crate::value): a
/// connection to a database, a cache, the session of a visitor.
///
/// Its maker's code runs where it is called, and a panic in it is an error for the caller. It is
/// dropped by its maker when the value is.
///
/// ```
/// use dsgi::{Remote, Service};
///
/// struct Counter(u64);
///
/// impl Service for Counter {
///     fn call(&mut self, request: &[u8]) -> dsgi::Result<Vec<u8>> {
///         self.0 += std::str::from_utf8(request)?.parse::<u64>()?;
///         Ok(self.0.to_string().into_bytes())
///     }
/// }
///
/// let counter = Remote::new(Counter(40));
/// assert_eq!(counter.call(b"2").unwrap(), b"42");
/// assert!(counter.call(b"two").is_err());
/// ```
#[repr(transparent)]
pub struct Remote(NonNull<object::Remote>);

// SAFETY: the boundary's rule: a remote is called on any thread, several at once.
unsafe impl Send for Remote {}
// SAFETY: as above.
unsafe impl Sync for Remote {}

#[repr(C)]
struct Made<S> {
    table: &'static RemoteTable,
    service: Mutex<S>,
}

impl<S: Service> Made<S> {
    const TABLE: RemoteTable = RemoteTable {
        size: size_of::<RemoteTable>() as u32,
        reserved: 0,
        call: Some(call::<S>),
        drop: Some(drop_made::<S>),
    };
}

impl Remote {
    /// An object of this library.
    pub fn new(service: impl Service) -> Self {
        Self(made(service))
    }

    /// Asks it, and waits until it has answered whoever asked before.
    ///
    /// # Errors
    /// The service's own; a panic in it is one too.
    pub fn call(&self, request: &[u8]) -> Result<Vec<u8>> {
        let (object, mut response, mut fault) = (self.0.as_ptr(), Bytes::EMPTY, Fault::NONE);
        // SAFETY: alive as long as this; everything else is lent.
        let answer = unsafe {
            let Some(call) = slot!(RemoteTable, object, call) else {
                return Err(Error::new("it cannot be called"));
            };
            call(object, Str::lend(request), &raw mut response, &raw mut fault)
        };
        match answer {
            // SAFETY: ownership came with the answer, and its maker is loaded as long as this.
            answer::READY => Ok(unsafe { SharedBytes::from_raw(response) }.to_vec()),
            // SAFETY: as above.
            answer::ERROR => Err(Error::from_failure(unsafe { bytes::read_fault(fault) })),
            _ => Err(Error::new("an answer outside the specification")),
        }
    }
}

fn made<S: Service>(service: S) -> NonNull<object::Remote> {
    let made = Made { table: &Made::<S>::TABLE, service: Mutex::new(service) };
    NonNull::from(Box::leak(Box::new(made))).cast()
}

unsafe extern "C" fn call<S: Service>(
    remote: *mut object::Remote,
    request: Str,
    response: *mut Bytes,
    fault: *mut Fault,
) -> u32 {
    // SAFETY: made by `made`, and alive; the request is lent for this call.
    let (made, request) = unsafe { (&*remote.cast::<Made<S>>(), request.bytes()) };
    let called = caught(|| {
        // What a panic has left behind is the service's own affair.
        let mut service = made.service.lock().unwrap_or_else(PoisonError::into_inner);
        service.call(request)
    });
    let failure = match called {
        Ok(Ok(said)) => {
            // SAFETY: lent for this call.
            unsafe { response.write(SharedBytes::from(said).into_raw()) };
            return answer::READY;
        }
        Ok(Err(error)) => Failure::from(error),
        Err(panic) => Failure::panicked(&panic),
    };
    // SAFETY: lent for this call.
    unsafe { fault.write(bytes::fault(failure)) };
    answer::ERROR
}

unsafe extern "C" fn drop_made<S: Service>(remote: *mut object::Remote) {
    // SAFETY: made by `made`, given up by this call.
    let made = unsafe { Box::from_raw(remote.cast::<Made<S>>()) };
    if let Err(panic) = caught(|| drop(made)) {
        crate::export::report(&format!("panicked while a service was dropped: {panic}"));
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let object = self.0.as_ptr();
        // SAFETY: owned, and never used again.
        unsafe {
            if let Some(drop) = slot!(RemoteTable, object, drop) {
                drop(object);
            }
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({:p})", self.0)
    }
}
