//! The exchange of a request: the host's side of it, with one handle for each holder.
#![allow(unsafe_code, reason = "a host's functions take the boundary's raw pointers")]

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::input::Input;
use super::stack::Stack;
use super::texts::Texts;
use crate::Environ;
use crate::abi::answer;
use crate::abi::app::kind;
use crate::abi::grown::{Changes, Frame, Head, Reply, Value};
use crate::abi::leaf::{Fault, Header, Keep, Str, rows};
use crate::abi::object::{self, ExchangeTable};
use crate::abi::pointer::{In, Out};
use crate::bridge::body::{Stream, answer_of_pull};
use crate::bridge::bytes::{Failure, fault};
use crate::bridge::exchange::Handle;
use crate::bridge::{caught, waker};

/// What all exchanges of one request share.
#[derive(Default)]
pub(super) struct Course {
    /// Entries of the error log: level and text.
    pub(super) log: Mutex<Vec<(u32, String)>>,
    /// Whether the client has left.
    pub(super) gone: Arc<AtomicBool>,
}

/// A request on its way through a stack; one that was derived has its own.
pub(super) struct Exchange {
    stack: Arc<Stack>,
    course: Arc<Course>,
    texts: Texts,
    head: Head,
    _rows: [Vec<Header>; 2],
    input: Arc<Input>,
    values: Mutex<Vec<Given>>,
    parent: Option<Arc<Self>>,
}

// SAFETY: the head points to the texts and rows beside it, which never change.
unsafe impl Send for Exchange {}
// SAFETY: as above; everything else is behind locks.
unsafe impl Sync for Exchange {}

/// One handle.
#[repr(C)]
struct Held {
    table: &'static ExchangeTable,
    /// Place in the stack of whoever holds it.
    depth: AtomicUsize,
    exchange: Arc<Exchange>,
}

/// A value, until its exchange is over.
struct Given(Value);

// SAFETY: the boundary's rule: values are shared by all, and freed on any thread.
unsafe impl Send for Given {}

impl Drop for Given {
    fn drop(&mut self) {
        // SAFETY: owned, and freed once.
        unsafe { self.0.keep.free() };
    }
}

impl Exchange {
    pub(super) fn new(
        stack: Arc<Stack>,
        course: Arc<Course>,
        texts: Texts,
        input: Arc<Input>,
    ) -> Arc<Self> {
        Self::of(stack, course, texts, input, None)
    }

    fn of(
        stack: Arc<Stack>,
        course: Arc<Course>,
        texts: Texts,
        input: Arc<Input>,
        parent: Option<Arc<Self>>,
    ) -> Arc<Self> {
        // What a text or a table lies in does not move with its owner.
        let (head, rows) = texts.head();
        let values = Mutex::default();
        Arc::new(Self { stack, course, texts, head, _rows: rows, input, values, parent })
    }

    /// A new handle, for whoever stands at `depth`.
    pub(super) fn handle(self: &Arc<Self>, depth: usize) -> *mut object::Exchange {
        let depth = AtomicUsize::new(depth);
        Box::into_raw(Box::new(Held { table: &TABLE, depth, exchange: Arc::clone(self) })).cast()
    }

    /// An environ of somebody outside of the stack.
    pub(super) fn environ(self: &Arc<Self>) -> Environ {
        // SAFETY: just made, and passed on.
        let handle = unsafe { Handle::from_raw(self.handle(0)) };
        Environ::new(handle.expect("a handle"))
    }

    fn derive(self: &Arc<Self>, changes: &Changes) -> Result<Arc<Self>, String> {
        let input = if changes.input.is_null() {
            Arc::clone(&self.input)
        } else {
            // SAFETY: it passes to the host, whatever the host answers.
            Input::new(unsafe { Stream::from_raw(changes.input) })
        };
        let mut texts = self.texts.clone();
        // SAFETY: lent for this call.
        let rows =
            unsafe { rows(changes.variables, changes.variable_count, changes.variable_stride) };
        for row in rows {
            // SAFETY: lent for this call.
            let (name, value) = unsafe { (row.name.bytes(), row.value.bytes()) };
            let name = std::str::from_utf8(name).map_err(|_| "a name is not UTF-8")?;
            texts.set(name, (!row.value.ptr.is_null()).then_some(value))?;
        }
        let (stack, course) = (Arc::clone(&self.stack), Arc::clone(&self.course));
        Ok(Self::of(stack, course, texts, input, Some(Arc::clone(self))))
    }

    /// The newest value of a name, lent as long as this exchange.
    fn value(&self, name: &[u8]) -> Option<Value> {
        let own = lock(&self.values)
            .iter()
            .rev()
            // SAFETY: valid as long as the value.
            .find(|given| unsafe { given.0.name.bytes() == name })
            .map(|given| Value { keep: Keep::NOTHING, ..given.0 });
        own.or_else(|| self.parent.as_ref()?.value(name))
    }
}

static TABLE: ExchangeTable = ExchangeTable {
    size: size_of::<ExchangeTable>() as u32,
    reserved: 0,
    head: Some(head),
    clone: Some(clone),
    release: Some(release),
    read: Some(read),
    derive: Some(derive),
    inner: Some(inner),
    log: Some(log),
    cancelled: Some(cancelled),
    inform: None,
    value: Some(value),
    set_value: Some(set_value),
    member: Some(member),
    pass: Some(pass),
};

/// # Safety
/// A handle that was not released.
unsafe fn borrow<'a>(exchange: *const object::Exchange) -> &'a Held {
    // SAFETY: the caller's promise; made by `Exchange::handle`.
    unsafe { &*exchange.cast::<Held>() }
}

unsafe extern "C" fn head(exchange: *const object::Exchange) -> In<Head> {
    // SAFETY: the boundary's rule: an alive handle.
    In::lend(&unsafe { borrow(exchange) }.exchange.head)
}

unsafe extern "C" fn clone(exchange: *const object::Exchange) -> *mut object::Exchange {
    // SAFETY: the boundary's rule: an alive handle.
    let handle = unsafe { borrow(exchange) };
    handle.exchange.handle(handle.depth.load(Ordering::Relaxed))
}

unsafe extern "C" fn release(exchange: *mut object::Exchange) {
    // SAFETY: made by `Exchange::handle`, and given up by this call.
    drop(unsafe { Box::from_raw(exchange.cast::<Held>()) });
}

unsafe extern "C" fn read(
    exchange: *mut object::Exchange,
    lent: *const object::Waker,
    frame: Out<Frame>,
) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, and a waker lent for this call.
    let (handle, waker) = unsafe { (borrow(exchange), waker::borrow(lent)) };
    let Exchange { input, course, .. } = &*handle.exchange;
    if course.gone.load(Ordering::Relaxed) {
        return answer::CANCELLED;
    }
    if !input.is_of(exchange.addr()) {
        return answer::TAKEN;
    }
    let pulled = caught(|| input.pull(waker.as_deref()));
    // SAFETY: lent for this call with its size set.
    unsafe { answer_of_pull(pulled, frame) }
}

unsafe extern "C" fn derive(
    exchange: *const object::Exchange,
    changes: In<Changes>,
    why: *mut Fault,
) -> *mut object::Exchange {
    // SAFETY: the boundary's rule: an alive handle, and changes lent for this call.
    let (handle, changes) = unsafe { (borrow(exchange), changes.read()) };
    match handle.exchange.derive(&changes) {
        Ok(derived) => derived.handle(handle.depth.load(Ordering::Relaxed)),
        Err(text) => {
            if !why.is_null() {
                // SAFETY: lent for this call.
                unsafe { why.write(fault(Failure::new(500, text))) };
            }
            std::ptr::null_mut()
        }
    }
}

unsafe extern "C" fn inner(exchange: *mut object::Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: the boundary's rule: an alive handle.
    let handle = unsafe { borrow(exchange) };
    let depth = handle.depth.fetch_add(1, Ordering::Relaxed) + 1;
    let stack = Arc::clone(&handle.exchange.stack);
    if depth >= stack.0.len() {
        // SAFETY: the handle passed to this call.
        unsafe { release(exchange) };
        return answer::UNSUPPORTED;
    }
    // SAFETY: the handle passes on, and the reply is lent by whoever called.
    unsafe { stack.call_inner(depth, exchange, reply) }
}

unsafe extern "C" fn pass(
    _: *mut c_void,
    exchange: *mut object::Exchange,
    reply: Out<Reply>,
) -> u32 {
    // SAFETY: what was promised to this call.
    unsafe { inner(exchange, reply) }
}

unsafe extern "C" fn log(exchange: *const object::Exchange, level: u32, line: Str) {
    // SAFETY: the boundary's rule: an alive handle, and a text lent for this call.
    let (handle, line) = unsafe { (borrow(exchange), line.bytes()) };
    let line = String::from_utf8_lossy(line).into_owned();
    lock(&handle.exchange.course.log).push((level, line));
}

unsafe extern "C" fn cancelled(exchange: *const object::Exchange) -> u32 {
    // SAFETY: the boundary's rule: an alive handle.
    u32::from(unsafe { borrow(exchange) }.exchange.course.gone.load(Ordering::Relaxed))
}

unsafe extern "C" fn value(exchange: *const object::Exchange, name: Str, out: Out<Value>) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, and a name lent for this call.
    let found = unsafe { borrow(exchange).exchange.value(name.bytes()) };
    let Some(value) = found else { return answer::END };
    // SAFETY: lent for this call with its size set.
    unsafe { out.write(&value) };
    answer::READY
}

unsafe extern "C" fn set_value(exchange: *mut object::Exchange, value: In<Value>) -> u32 {
    // SAFETY: the boundary's rule: an alive handle, and a value that passes with this call.
    let (handle, value) = unsafe { (borrow(exchange), value.read()) };
    lock(&handle.exchange.values).push(Given(value));
    answer::READY
}

unsafe extern "C" fn member(
    exchange: *const object::Exchange,
    inwards: i32,
    told: *mut u32,
) -> Str {
    // SAFETY: the boundary's rule: an alive handle.
    let handle = unsafe { borrow(exchange) };
    let stack = &handle.exchange.stack.0;
    let at = usize::try_from(inwards.unsigned_abs()).ok().and_then(|steps| {
        let depth = handle.depth.load(Ordering::Relaxed);
        if inwards < 0 { depth.checked_sub(steps) } else { depth.checked_add(steps) }
    });
    let found = at.and_then(|at| Some((at, stack.get(at)?)));
    let (number, name) = match found {
        Some((at, member)) if at + 1 < stack.len() => (kind::LAYER, member.name),
        Some((_, member)) => (kind::APPLICATION, member.name),
        None => (0, ""),
    };
    if !told.is_null() {
        // SAFETY: lent for this call.
        unsafe { told.write(number) };
    }
    Str::lend(name.as_bytes())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
