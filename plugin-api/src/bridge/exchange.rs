//! The handle of an exchange, as an application or a layer holds it.
//!
//! The boundary allows one user of a handle at a time. The handle itself keeps that rule, with a
//! lock around every call that only borrows it, so that it is `Sync` here: an async application
//! may hold a borrowed value of its environ while it waits for something else.

use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::body::{Failure, Pulled, Stream, read_frame};
use super::bytes;
use super::waker;
use crate::abi::grown::{Changes, Head, Reply};
use crate::abi::leaf::{Fault, Header, Str, rows};
use crate::abi::object::{Exchange, ExchangeTable};
use crate::abi::pointer::{Growable, In, Out};
use crate::abi::{self, answer};
use crate::slot;

/// One handle of an exchange, owned. Dropping it releases it.
pub struct Handle {
    exchange: NonNull<Exchange>,
    /// The head as it lies at the host until the handle is released, or, with the last bit set, a
    /// copy of what a host has that knows less of it. Null until it was asked for.
    head: AtomicPtr<Head>,
    turn: Mutex<()>,
}

/// Says of a pointer to a head that it is a box of this handle.
const OWNED: usize = 1;

// SAFETY: the boundary's rule: exchanges are Send, used by one side at a time.
unsafe impl Send for Handle {}
// SAFETY: whatever borrows the handle and calls the host takes its turn first; what the head
// points to never changes.
unsafe impl Sync for Handle {}

/// The texts of a head, see [`Head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// `GET`, `POST`, ... as received.
    Method,
    /// `http` or `https`.
    Scheme,
    /// Host and port as the client named them.
    Authority,
    /// The request target exactly as received.
    Target,
    /// Decoded path of the mount.
    ScriptName,
    /// Decoded rest of the path.
    PathInfo,
    /// What follows the first `?`.
    Query,
    /// Name this server answers to.
    ServerName,
    /// Address of the peer.
    RemoteAddress,
    /// Gateway in front of the application.
    Gateway,
    /// Name and version of the host.
    Software,
}

impl Text {
    /// This text of a head.
    pub(super) const fn of(self, head: &Head) -> Str {
        match self {
            Self::Method => head.method,
            Self::Scheme => head.scheme,
            Self::Authority => head.authority,
            Self::Target => head.target,
            Self::ScriptName => head.script_name,
            Self::PathInfo => head.path_info,
            Self::Query => head.query,
            Self::ServerName => head.server_name,
            Self::RemoteAddress => head.remote_address,
            Self::Gateway => head.gateway,
            Self::Software => head.software,
        }
    }
}

/// What [`Handle::derive`] changes.
#[derive(Debug, Default)]
pub struct Derivation<'a> {
    /// Environ names with their new values; `None` removes a header.
    pub variables: Vec<(&'a str, Option<&'a [u8]>)>,
    /// A request body that replaces the client's.
    pub input: Option<Stream>,
}

impl Handle {
    /// Takes a handle that the host handed over; `None` if it is null.
    ///
    /// # Safety
    /// `exchange` is owned by the caller and follows the boundary's rules.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(exchange: *mut Exchange) -> Option<Self> {
        NonNull::new(exchange).map(|exchange| Self {
            exchange,
            head: AtomicPtr::new(ptr::null_mut()),
            turn: Mutex::new(()),
        })
    }

    /// Hands the handle over.
    #[must_use]
    #[allow(clippy::mem_forget, reason = "ownership passes to the other side")]
    pub fn into_raw(mut self) -> *mut Exchange {
        let exchange = self.exchange.as_ptr();
        self.forget_head();
        std::mem::forget(self);
        exchange
    }

    /// What is known of the request before its body; asked for once.
    #[inline]
    fn head(&self) -> &Head {
        let mut head = self.head.load(Ordering::Acquire);
        if head.is_null() {
            head = self.ask();
        }
        // SAFETY: lent or owned until this handle is released, and it never changes.
        unsafe { &*head.map_addr(|address| address & !OWNED) }
    }

    #[cold]
    fn ask(&self) -> *mut Head {
        let (exchange, _turn) = self.borrow();
        let known = self.head.load(Ordering::Acquire);
        if !known.is_null() {
            return known;
        }
        // SAFETY: owned and alive; the host's struct carries its size.
        let head = unsafe {
            let lent = slot!(ExchangeTable, exchange, head).map(|head| head(exchange));
            match lent.and_then(|head| head.borrow()) {
                Some(head) => ptr::from_ref(head).cast_mut(),
                None => {
                    let copy = Box::new(lent.map_or_else(Head::absent, |head| head.read()));
                    Box::into_raw(copy).map_addr(|address| address | OWNED)
                }
            }
        };
        self.head.store(head, Ordering::Release);
        head
    }

    #[inline]
    fn forget_head(&mut self) {
        let head = *self.head.get_mut();
        if head.addr() & OWNED != 0 {
            // SAFETY: made by `ask`, and never used again.
            unsafe { free(head) };
        }
    }

    /// The exchange, for as long as nobody else uses it through this handle.
    fn borrow(&self) -> (*mut Exchange, MutexGuard<'_, ()>) {
        // Nothing unwinds while the lock is held: the calls of the boundary never do.
        (self.exchange.as_ptr(), self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs code with the exchange, which nobody else uses through this handle meanwhile.
    pub(super) fn with<T>(&self, code: impl FnOnce(*mut Exchange) -> T) -> T {
        let (exchange, _turn) = self.borrow();
        code(exchange)
    }

    /// One text of the head.
    #[must_use]
    pub fn text(&self, text: Text) -> &[u8] {
        // SAFETY: the host keeps the texts until this handle is released, and it is borrowed.
        unsafe { text.of(self.head()).bytes() }
    }

    /// HTTP version as major * 10 + minor.
    #[must_use]
    pub fn protocol(&self) -> u32 {
        self.head().protocol
    }

    /// Bits of [`head_flag`](abi::grown::head_flag).
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.head().flags
    }

    /// Port the request was received on, and port of the peer; 0 when there is none.
    #[must_use]
    pub fn ports(&self) -> (u32, u32) {
        (self.head().server_port, self.head().remote_port)
    }

    /// Length of the request body in bytes, where it is known.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        let known = self.head().flags & abi::grown::head_flag::LENGTH != 0;
        known.then_some(self.head().content_length)
    }

    /// Number of the application's generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.head().generation
    }

    /// Header fields: lower-case names and values, in the order received.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let head = self.head();
        self.fields(head.headers, head.header_count)
    }

    /// Variables that a front server tells or layers have set.
    pub fn variables(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let head = self.head();
        self.fields(head.variables, head.variable_count)
    }

    /// A variable that a front server tells or a layer has set.
    #[inline]
    #[must_use]
    pub fn variable(&self, key: &str) -> Option<&[u8]> {
        if self.head().variable_count == 0 {
            return None;
        }
        self.variables().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    /// The same with the number that a known name has; 0 for others.
    #[cfg(feature = "tower")]
    pub(crate) fn numbered(&self) -> impl ExactSizeIterator<Item = (u32, &[u8], &[u8])> + Clone {
        let head = self.head();
        self.rows(head.headers, head.header_count)
    }

    fn fields(
        &self,
        first: *const Header,
        count: u32,
    ) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.rows(first, count).map(|(_, name, value)| (name, value))
    }

    fn rows(
        &self,
        first: *const Header,
        count: u32,
    ) -> impl ExactSizeIterator<Item = (u32, &[u8], &[u8])> + Clone {
        // SAFETY: the host keeps the rows until this handle is released, and it is borrowed.
        unsafe { rows(first, count, self.head().header_stride) }
            // SAFETY: as above.
            .map(|row| unsafe { (row.id, row.name.bytes(), row.value.bytes()) })
    }

    /// A second handle; `None` when the host gives none.
    #[must_use]
    pub fn duplicate(&self) -> Option<Self> {
        let (exchange, _turn) = self.borrow();
        // SAFETY: owned and alive; the result is owned by the caller.
        unsafe { Self::from_raw(slot!(ExchangeTable, exchange, clone)?(exchange)) }
    }

    /// The next frame of the request body; without a waker it waits.
    pub fn read(&mut self, waker: Option<&Waker>) -> Pulled {
        self.pull(waker)
    }

    /// The same for a handle that is shared: never without a waker, so that nobody else waits.
    #[cfg(feature = "tower")]
    pub(crate) fn poll_read(&self, waker: &Waker) -> Pulled {
        self.pull(Some(waker))
    }

    fn pull(&self, waker: Option<&Waker>) -> Pulled {
        let (exchange, _turn) = self.borrow();
        // SAFETY: owned and alive.
        let Some(read) = (unsafe { slot!(ExchangeTable, exchange, read) }) else {
            return Poll::Ready(None);
        };
        let mut frame: abi::grown::Frame = Growable::absent();
        let out = Out::lend(&mut frame);
        let answer = match waker {
            // SAFETY: alive, one user at a time; waker and frame are lent.
            Some(waker) => waker::lend(waker, |lent| unsafe { read(exchange, lent, out) }),
            // SAFETY: as above.
            None => unsafe { read(exchange, ptr::null(), out) },
        };
        // SAFETY: filled by the host for this answer.
        unsafe { read_frame(answer, &frame) }
    }

    /// A new handle with changes.
    ///
    /// # Errors
    /// The host's reason when it refuses a change.
    pub fn derive(&self, derivation: Derivation<'_>) -> Result<Self, Failure> {
        let (exchange, _turn) = self.borrow();
        // SAFETY: owned and alive.
        let Some(derive) = (unsafe { slot!(ExchangeTable, exchange, derive) }) else {
            return Err(refused(String::from("this host changes no requests")));
        };
        let variables: Vec<Header> = derivation.variables.iter().map(variable).collect();
        let changes = Changes {
            variables: variables.as_ptr(),
            variable_count: u32::try_from(variables.len()).unwrap_or(u32::MAX),
            variable_stride: size_of::<Header>() as u32,
            input: derivation.input.map_or(ptr::null_mut(), Stream::into_raw),
            ..Growable::absent()
        };
        let mut fault = Fault::NONE;
        // SAFETY: owned and alive; everything in `changes` is lent, but `input`, which passes.
        let made = unsafe { derive(exchange, In::lend(&changes), &raw mut fault) };
        // SAFETY: the new handle is owned; without one, the fault is.
        unsafe {
            Self::from_raw(made).ok_or_else(|| {
                let failure = bytes::read_fault(fault);
                Failure { message: refused(failure.message).message, ..failure }
            })
        }
    }

    /// Calls the next application inwards and lets it fill `reply`.
    pub fn inner(self, reply: Out<Reply>) -> u32 {
        let exchange = self.exchange.as_ptr();
        // SAFETY: owned and alive.
        match unsafe { slot!(ExchangeTable, exchange, inner) } {
            // SAFETY: the handle passes to the host; the reply is lent.
            Some(inner) => unsafe { inner(self.into_raw(), reply) },
            None => answer::UNSUPPORTED,
        }
    }

    /// Writes one entry of the error log, with one of [`level`](abi::object::level).
    pub fn log(&self, level: u32, text: &str) {
        let (exchange, _turn) = self.borrow();
        // SAFETY: owned and alive; the text is lent.
        unsafe {
            if let Some(log) = slot!(ExchangeTable, exchange, log) {
                log(exchange, level, Str::lend(text.as_bytes()));
            }
        }
    }

    /// Who stands so far inwards of this handle's holder, or outwards where negative: one of
    /// [`kind`](abi::app::kind), and a name. `None` where nobody stands, or the host does not say.
    #[must_use]
    pub fn member(&self, inwards: i32) -> Option<(u32, String)> {
        let (exchange, _turn) = self.borrow();
        let mut kind = 0;
        // SAFETY: owned and alive; the number is lent, and the name is copied at once.
        unsafe {
            let member = slot!(ExchangeTable, exchange, member)?;
            let name = member(exchange, inwards, &raw mut kind);
            let name = String::from_utf8_lossy(name.bytes()).into_owned();
            (kind != 0).then_some((kind, name))
        }
    }

    /// Whether the exchange was given up.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        let (exchange, _turn) = self.borrow();
        // SAFETY: owned and alive.
        unsafe {
            slot!(ExchangeTable, exchange, cancelled).is_some_and(|asked| asked(exchange) != 0)
        }
    }
}

fn refused(message: String) -> Failure {
    let unsaid = message.is_empty();
    let message = if unsaid { String::from("the host refused a change") } else { message };
    Failure::new(0, message)
}

fn variable((name, value): &(&str, Option<&[u8]>)) -> Header {
    let value = value.map_or(Str::EMPTY, |value| {
        // A null pointer means removal, so an empty value must not be null.
        Str { ptr: value.as_ptr(), len: value.len() }
    });
    Header { id: 0, reserved: 0, name: Str::lend(name.as_bytes()), value }
}

/// Frees a head that is a handle's own; out of the way of those that are not.
///
/// # Safety
/// Made by [`Handle::ask`], marked as [`OWNED`], and never used again.
#[cold]
#[inline(never)]
unsafe fn free(head: *mut Head) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(head.map_addr(|address| address & !OWNED)) });
}

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        self.forget_head();
        let exchange = self.exchange.as_ptr();
        // SAFETY: owned, and never used again.
        unsafe {
            if let Some(release) = slot!(ExchangeTable, exchange, release) {
                release(exchange);
            }
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({:p})", self.exchange)
    }
}
