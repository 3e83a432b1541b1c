//! The functions of `dsgi_app_v1`, one instance for each exported application.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use super::form::{Called, Entry};
use super::log::{connect, disconnect, logged, report};
use crate::abi::app::{AppTable, Descriptor};
use crate::abi::grown::{self, Init, Instance, Reply};
use crate::abi::object::{Exchange, ExchangeTable};
use crate::abi::pointer::{Growable, In, Out};
use crate::abi::{ABI, answer};
use crate::bridge::bytes::fault;
use crate::bridge::caught;
use crate::bridge::exchange::Handle;
use crate::bridge::glance::Glance;
use crate::bridge::reply::{answer_later, answer_of};
use crate::bridge::room::Asked;
use crate::{Error, Handover, Purpose, Request, State, slot};

/// The table of an entry.
#[must_use]
pub const fn table<E: Entry>(descriptor: *const Descriptor) -> AppTable {
    AppTable {
        size: size_of::<AppTable>() as u32,
        abi: ABI,
        descriptor,
        init: Some(init::<E>),
        call: Some(call::<E>),
        drop: Some(drop_app::<E>),
        drain: Some(drain::<E>),
        resume: Some(resume::<E>),
        shutdown: Some(shutdown::<E>),
        export_state: if E::STATEFUL { Some(export_state::<E>) } else { None },
        import_state: if E::STATEFUL { Some(import_state::<E>) } else { None },
    }
}

unsafe extern "C" fn init<E: Entry>(init: In<Init>, instance: Out<Instance>) -> u32 {
    // SAFETY: lent for this call, with its size set.
    let given = unsafe { init.read() };
    let made = caught(|| {
        connect(&given);
        let purpose = Purpose::from_raw(given.purpose, given.previous);
        // SAFETY: both are lent for this call.
        let (name, config) = unsafe { (given.name.bytes(), given.config.bytes()) };
        purpose.remember(given.generation, name);
        let config = std::str::from_utf8(config)?;
        logged(|| E::init(config, purpose))
    });
    let mut filled = Instance::absent();
    let answer = match made.unwrap_or_else(|panic| Err(Error::panic(&panic))) {
        Ok(app) => {
            filled.app = Arc::into_raw(Arc::new(app)).cast_mut().cast();
            answer::READY
        }
        Err(error) => {
            disconnect();
            filled.fault = fault(error.into());
            answer::ERROR
        }
    };
    // SAFETY: lent for this call, with its size set.
    unsafe { instance.write(&filled) };
    answer
}

unsafe extern "C" fn call<E: Entry>(
    app: *mut c_void,
    exchange: *mut Exchange,
    reply: Out<Reply>,
) -> u32 {
    // SAFETY: what was promised to this call; `app` was made by `init`, and is alive until
    // `drop_app`.
    unsafe {
        let ours = borrow::<E>(app);
        match concerns::<E>(&ours, exchange) {
            Ok(true) => take::<E>(&ours, exchange, reply),
            // Nothing is left to be done here, so that it is a jump.
            Ok(false) => pass(app, exchange, reply),
            Err(panic) => {
                drop(Handle::from_raw(exchange));
                panicked(&panic, reply)
            }
        }
    }
}

/// # Safety
/// The exchange is null, or alive, and nobody uses it during this call.
#[inline(always)]
unsafe fn concerns<E: Entry>(app: &E::App, exchange: *mut Exchange) -> Result<bool, String> {
    // SAFETY: the caller's promise.
    let glance = unsafe { Glance::of(exchange) };
    caught(|| E::concerns(app, &Request::new(glance)))
}

/// # Safety
/// The exchange passes to this call, and `reply` is lent for it.
#[inline]
unsafe fn take<E: Entry>(app: &Arc<E::App>, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
    // Handle and answer are made and used up inside of the catch: what goes into it and comes out
    // of it is copied, and both are hundreds of bytes.
    let called = caught(|| {
        // SAFETY: the exchange passes to this call.
        let Some(handle) = (unsafe { Handle::from_raw(exchange) }) else {
            return answer::UNSUPPORTED;
        };
        // SAFETY: lent for this call, with its size set.
        let asked = unsafe { Asked::new(reply) };
        match E::call(app, handle, asked) {
            // SAFETY: lent for this call, with its size set.
            Called::Answered(answered) => unsafe { answer_of(answered, reply) },
            // SAFETY: as above.
            Called::Later(future) => unsafe { answer_later(future, reply) },
            Called::Filled(answer) => answer,
        }
    });
    // SAFETY: as above; whoever panicked has not filled it.
    called.unwrap_or_else(|panic| unsafe { panicked(&panic, reply) })
}

/// Passes the request on inwards as it is.
///
/// # Safety
/// The exchange passes to this call, and `reply` is lent for it.
#[inline(always)]
unsafe fn pass(app: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: the caller's promise; no host calls a layer without having this slot.
    unsafe {
        debug_assert!(slot!(ExchangeTable, exchange, pass).is_some(), "a host for layers has it");
        (*(*exchange).table).pass.unwrap_unchecked()(app, exchange, reply)
    }
}

/// # Safety
/// `reply` is lent for this call, with its size set.
#[cold]
unsafe fn panicked(panic: &str, reply: Out<Reply>) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { answer_of(Err(Error::panic(panic)), reply) }
}

unsafe extern "C" fn drain<E: Entry>(app: *mut c_void, deadline_ms: u64) {
    // SAFETY: made by `init`, and alive until `drop_app`.
    let app = unsafe { borrow::<E>(app) };
    told("drain", || E::drain(&app, Duration::from_millis(deadline_ms)));
}

unsafe extern "C" fn resume<E: Entry>(app: *mut c_void) {
    // SAFETY: made by `init`, and alive until `drop_app`.
    let app = unsafe { borrow::<E>(app) };
    told("resume", || E::resume(&app));
}

unsafe extern "C" fn shutdown<E: Entry>(app: *mut c_void) {
    // SAFETY: made by `init`, and alive until `drop_app`.
    let app = unsafe { borrow::<E>(app) };
    told("shutdown", || E::shutdown(&app));
}

unsafe extern "C" fn export_state<E: Entry>(app: *mut c_void, state: Out<grown::State>) -> u32 {
    // SAFETY: made by `init`, and alive until `drop_app`.
    let app = unsafe { borrow::<E>(app) };
    let exported = caught(|| E::export_state(&app));
    let mut filled = grown::State::absent();
    let answer = match exported.unwrap_or_else(|panic| Err(Error::panic(&panic))) {
        Ok(None) => return answer::UNSUPPORTED,
        Ok(Some(exported)) => {
            (filled.format, filled.bytes) = exported.into_raw();
            answer::READY
        }
        Err(error) => {
            filled.fault = fault(error.into());
            answer::ERROR
        }
    };
    // SAFETY: lent for this call, with its size set.
    unsafe { state.write(&filled) };
    answer
}

unsafe extern "C" fn import_state<E: Entry>(app: *mut c_void, state: Out<grown::State>) -> u32 {
    // SAFETY: made by `init`, and alive until `drop_app`.
    let app = unsafe { borrow::<E>(app) };
    let imported = caught(|| {
        // SAFETY: lent for this call, with its size set.
        let given = unsafe { state.read() };
        // SAFETY: its bytes are lent for this call, and end with it.
        let lent = unsafe { State::lent(given.format, given.bytes) };
        E::import_state(&app, &lent, Handover::from_raw(given.handover))
    });
    match imported.unwrap_or_else(|panic| Err(Error::panic(&panic))) {
        Ok(()) => answer::READY,
        Err(error) => {
            let why = fault(error.into());
            // SAFETY: lent for this call, with its size set.
            unsafe { state.fill(|state| state.fault = why) };
            answer::ERROR
        }
    }
}

unsafe extern "C" fn drop_app<E: Entry>(app: *mut c_void) {
    // SAFETY: made by `init` or `link`, and given up by this call.
    let app = unsafe { Arc::from_raw(app.cast_const().cast::<E::App>()) };
    told("drop", || drop(app));
    disconnect();
}

/// # Safety
/// `app` was made by `init` or `link` for the same entry, and not dropped yet.
#[inline]
unsafe fn borrow<E: Entry>(app: *mut c_void) -> ManuallyDrop<Arc<E::App>> {
    // SAFETY: the count stays with the caller, see above.
    ManuallyDrop::new(unsafe { Arc::from_raw(app.cast_const().cast()) })
}

fn told(step: &str, code: impl FnOnce()) {
    if let Err(panic) = caught(code) {
        report(&format!("panicked in {step}: {panic}"));
    }
}
