//! The functions of an exchange, for its first handle and for further ones.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

use dsgi::abi::grown::{Changes, Frame, Head, Reply, Value};
use dsgi::abi::leaf::{Fault, Header, Str};
use dsgi::abi::object::{self, ExchangeTable, level};
use dsgi::abi::pointer::{In, Out};
use dsgi::abi::{answer, app};
use dsgi::bridge::bytes::{Failure, fault};
use dsgi::bridge::{caught, waker};

use super::position::Position;
use super::{Exchange, spare};
use crate::invoke::call;
use crate::invoke::place::{self, Place};

/// Functions of the first handle: the object is the exchange itself.
pub(super) static FIRST: ExchangeTable = table::<Exchange>();

/// Functions of a further handle.
static FURTHER: ExchangeTable = table::<Further>();

/// A handle beside the first one.
#[repr(C)]
struct Further {
    table: &'static ExchangeTable,
    position: Position,
    exchange: Arc<Exchange>,
}

/// What the functions need to know of either kind of handle.
trait Handle: Sized {
    /// The exchange, still owned by the handle.
    ///
    /// # Safety
    /// `object` is a handle of this kind that was not released.
    unsafe fn exchange(object: *const object::Exchange) -> ManuallyDrop<Arc<Exchange>>;

    fn position(&self) -> &Position;

    /// # Safety
    /// As for `exchange`; the handle is gone afterwards.
    unsafe fn release(object: *mut object::Exchange);

    /// # Safety
    /// As for `exchange`.
    unsafe fn borrow<'a>(object: *const object::Exchange) -> &'a Self {
        // SAFETY: the caller's promise.
        unsafe { &*object.cast::<Self>() }
    }
}

impl Handle for Exchange {
    unsafe fn exchange(object: *const object::Exchange) -> ManuallyDrop<Arc<Exchange>> {
        // SAFETY: the first handle is the exchange, as `into_handle` made it.
        ManuallyDrop::new(unsafe { Arc::from_raw(object.cast()) })
    }

    fn position(&self) -> &Position {
        &self.position
    }

    unsafe fn release(object: *mut object::Exchange) {
        // SAFETY: as `into_handle` made it, and given up here.
        spare::release(unsafe { Arc::from_raw(object.cast_const().cast::<Exchange>()) });
    }
}

impl Handle for Further {
    unsafe fn exchange(object: *const object::Exchange) -> ManuallyDrop<Arc<Exchange>> {
        // SAFETY: a `Further`; the copy of its `Arc` is not dropped.
        ManuallyDrop::new(unsafe { ptr::read(&raw const (*object.cast::<Self>()).exchange) })
    }

    fn position(&self) -> &Position {
        &self.position
    }

    unsafe fn release(object: *mut object::Exchange) {
        // SAFETY: made by `further`, and given up here.
        drop(unsafe { Box::from_raw(object.cast::<Self>()) });
    }
}

const fn table<H: Handle>() -> ExchangeTable {
    ExchangeTable {
        size: size_of::<ExchangeTable>() as u32,
        reserved: 0,
        head: Some(head::<H>),
        clone: Some(clone::<H>),
        release: Some(release::<H>),
        read: Some(read::<H>),
        derive: Some(derive::<H>),
        inner: Some(inner::<H>),
        log: Some(log::<H>),
        cancelled: Some(cancelled::<H>),
        inform: Some(inform),
        value: Some(value::<H>),
        set_value: Some(set_value::<H>),
        member: Some(member::<H>),
        pass: Some(pass::<H>),
    }
}

fn further(exchange: Arc<Exchange>, position: Position) -> *mut object::Exchange {
    let further = Further { table: &FURTHER, position, exchange };
    Box::into_raw(Box::new(further)).cast()
}

unsafe extern "C" fn head<H: Handle>(object: *const object::Exchange) -> In<Head> {
    // SAFETY: the boundary's rule: an alive handle.
    let exchange = unsafe { H::exchange(object) };
    exchange.view().head()
}

unsafe extern "C" fn clone<H: Handle>(object: *const object::Exchange) -> *mut object::Exchange {
    // SAFETY: the boundary's rule: an alive handle.
    let (handle, exchange) = unsafe { (H::borrow(object), H::exchange(object)) };
    further(Arc::clone(&exchange), handle.position().here())
}

unsafe extern "C" fn release<H: Handle>(object: *mut object::Exchange) {
    // SAFETY: the boundary's rule: an alive handle, given up by this call.
    unsafe {
        H::exchange(object).input().give_up(object);
        H::release(object);
    }
}

unsafe extern "C" fn read<H: Handle>(
    object: *mut object::Exchange,
    lent: *const object::Waker,
    frame: Out<Frame>,
) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, and a waker lent for this call.
    let (exchange, waker) = unsafe { (H::exchange(object), waker::borrow(lent)) };
    if exchange.cancelled() {
        return answer::CANCELLED;
    }
    let lease = &exchange.mounted.lease;
    caught(|| exchange.input().read(object, waker.as_deref(), lease, frame))
        .unwrap_or(answer::ERROR)
}

unsafe extern "C" fn derive<H: Handle>(
    object: *const object::Exchange,
    changes: In<Changes>,
    refusal: *mut Fault,
) -> *mut object::Exchange {
    // SAFETY: the boundary's rule: an alive handle, and changes lent for this call.
    let (handle, exchange, changes) =
        unsafe { (H::borrow(object), H::exchange(object), changes.read()) };
    // SAFETY: everything in `changes` is lent for this call, but the input, which passes.
    match unsafe { exchange.derive(&changes, handle.position().here()) } {
        Ok(derived) => derived.into_handle(),
        Err(text) => {
            if !refusal.is_null() {
                // SAFETY: lent for this call.
                unsafe { refusal.write(fault(Failure::new(500, text))) };
            }
            ptr::null_mut()
        }
    }
}

unsafe extern "C" fn inner<H: Handle>(object: *mut object::Exchange, reply: Out<Reply>) -> u32 {
    if place::current() != Place::Core {
        // SAFETY: what was promised to this call.
        return unsafe { inner_elsewhere::<H>(object, reply) };
    }
    // SAFETY: the boundary's rule: an alive handle, which passes on, and a reply that is lent.
    unsafe {
        let position = H::borrow(object).position();
        // Both are kept by the lease of whoever has called the stack; the exchange may end before.
        let (outside, inside) = (position.step(), position.inwards());
        place::further(outside.number(), inside.number(), || inside.call(object, reply))
    }
}

/// The same where a call may wait.
///
/// # Safety
/// As for [`inner`].
#[inline(never)]
unsafe fn inner_elsewhere<H: Handle>(object: *mut object::Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, which passes on, and a reply that is lent.
    let (answer, outside, exchange) = unsafe {
        // Whoever is called may give the exchange up, and it says whether to go on waiting.
        let exchange = Arc::clone(&H::exchange(object));
        let position = H::borrow(object).position();
        let (outside, inside) = (position.step(), position.inwards());
        let call = || inside.call(object, reply);
        (place::further(outside.number(), inside.number(), call), outside, exchange)
    };
    match answer {
        // A caller of the sync form cannot wait for an answer that comes later.
        answer::PENDING if outside.flavour().returns() => {
            // SAFETY: filled for this answer, and its future was not taken yet.
            unsafe { call::wait(reply, &exchange) }
        }
        answer => answer,
    }
}

/// Whoever passes the exchange does nothing afterwards, so nothing waits for this to return: it is
/// a store for the watchdog and a jump.
unsafe extern "C" fn pass<H: Handle>(
    _: *mut c_void,
    object: *mut object::Exchange,
    reply: Out<Reply>,
) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, which passes on, and a reply that is lent.
    unsafe {
        let inside = H::borrow(object).position().inwards();
        place::on_to(inside.number());
        inside.call(object, reply)
    }
}

unsafe extern "C" fn log<H: Handle>(object: *const object::Exchange, severity: u32, text: Str) {
    // SAFETY: the boundary's rule: an alive handle, whose exchange is leased, and a lent text.
    let (generation, text) =
        unsafe { (H::borrow(object).position().step().number(), text.bytes()) };
    let severity = if severity == 0 { level::ERROR } else { severity };
    // SAFETY: as above.
    let exchange = unsafe { H::exchange(object) };
    if let Some(errors) = &exchange.origin.errors {
        errors.push(text);
    }
    let text = String::from_utf8_lossy(text);
    crate::log::from_library(generation, severity, "errors", &text);
}

unsafe extern "C" fn member<H: Handle>(
    object: *const object::Exchange,
    inwards: i32,
    kind: *mut u32,
) -> Str {
    // SAFETY: the boundary's rule: an alive handle.
    let (handle, exchange) = unsafe { (H::borrow(object), H::exchange(object)) };
    let lease = &exchange.mounted.lease;
    // SAFETY: the exchange has a lease on its stack.
    let depth = unsafe { handle.position().step() }.depth().checked_add_signed(inwards);
    let at = |depth: u32| lease.member(depth as usize);
    let (number, name) = match depth.and_then(|depth| Some((depth, at(depth)?))) {
        // The stack lives as long as the exchange, and with it the name.
        Some((depth, member)) if at(depth + 1).is_some() => (app::kind::LAYER, member.name()),
        Some((_, member)) => (app::kind::APPLICATION, member.name()),
        None => (0, ""),
    };
    if !kind.is_null() {
        // SAFETY: lent for this call.
        unsafe { kind.write(number) };
    }
    Str::lend(name.as_bytes())
}

unsafe extern "C" fn cancelled<H: Handle>(object: *const object::Exchange) -> u32 {
    // SAFETY: the boundary's rule: an alive handle.
    u32::from(unsafe { H::exchange(object) }.cancelled())
}

const unsafe extern "C" fn inform(
    _: *mut object::Exchange,
    _: u32,
    _: *const Header,
    _: u32,
    _: u32,
) -> u32 {
    answer::UNSUPPORTED
}

unsafe extern "C" fn value<H: Handle>(
    object: *const object::Exchange,
    name: Str,
    out: Out<Value>,
) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, and a name that is lent for this call.
    let found = unsafe { H::exchange(object).value(name.bytes()) };
    let Some(value) = found else { return answer::END };
    // SAFETY: lent for this call with its size set.
    unsafe { out.write(&value) };
    answer::READY
}

unsafe extern "C" fn set_value<H: Handle>(object: *mut object::Exchange, value: In<Value>) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, and a value that passes with this call.
    unsafe { H::exchange(object).values.add(value.read()) };
    answer::READY
}
