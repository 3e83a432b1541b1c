//! The application and the layers around it, as a host calls them.
#![allow(unsafe_code, reason = "calls the functions of applications, as a host does")]

use std::ffi::c_void;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::abi::answer;
use crate::abi::app::{AppTable, flavour};
use crate::abi::grown::{self, Init, Instance, Reply, handover, purpose};
use crate::abi::leaf::{Bytes, Str};
use crate::abi::object::{Exchange, HostTable};
use crate::abi::pointer::{Growable, In, Out};
use crate::bridge::bytes::read_fault;
use crate::bridge::future::Pending;
use crate::export::{Entry, Linked, entrance};
use crate::{Error, Result, State};

/// One member, by its table.
pub(super) struct Member {
    table: AppTable,
    app: *mut c_void,
    flavour: u32,
    pub(super) name: &'static str,
}

// SAFETY: the boundary's rule: applications are called by any thread, several at once.
unsafe impl Send for Member {}
// SAFETY: as above.
unsafe impl Sync for Member {}

/// The members that a request goes through, outermost first.
pub(super) struct Stack(pub(super) Vec<Arc<Member>>);

impl Member {
    /// One that was made already.
    pub(super) fn linked(name: &'static str, linked: Linked) -> Self {
        Self { table: linked.table, app: linked.app, flavour: linked.descriptor.flavour, name }
    }

    /// One that is made from its config, a JSON text.
    pub(super) fn start<E: Entry>(name: &'static str, config: &str) -> Result<Self> {
        let entrance = entrance::<E>();
        let host = HostTable::absent();
        let init = Init {
            purpose: purpose::SERVE,
            generation: 1,
            name: Str::lend(name.as_bytes()),
            config: Str::lend(config.as_bytes()),
            host: In::lend(&host),
            ..Growable::absent()
        };
        let mut made = Instance::absent();
        let start = entrance.table.init.ok_or_else(|| Error::new("a table without `init`"))?;
        // SAFETY: everything is lent for the call; a fault came with the answer.
        unsafe {
            if start(In::lend(&init), Out::lend(&mut made)) != answer::READY {
                return Err(Error::new(read_fault(made.fault).message));
            }
        }
        let Instance { app, .. } = made;
        Ok(Self { table: entrance.table, app, flavour: entrance.flavour, name })
    }
}

impl Member {
    /// What it hands over; none where it is not asked.
    pub(super) fn export_state(&self) -> Result<Option<State>> {
        let Some(export) = self.table.export_state else { return Ok(None) };
        let mut state = grown::State { handover: handover::FINAL, ..Growable::absent() };
        // SAFETY: the member is alive, the struct is lent; what is in it came with the answer.
        unsafe {
            match export(self.app, Out::lend(&mut state)) {
                answer::READY => Ok(Some(State::owned(state.format, state.bytes))),
                answer::UNSUPPORTED => Ok(None),
                _ => Err(Error::new(read_fault(state.fault).message)),
            }
        }
    }

    /// Takes over what another one has handed over.
    pub(super) fn import_state(&self, state: &State) -> Result<()> {
        let Some(import) = self.table.import_state else {
            return Err(Error::new("it takes no state over"));
        };
        let format = state.format();
        let lent = Str::lend(state.bytes());
        let bytes = Bytes { ptr: lent.ptr, len: lent.len, ..Bytes::EMPTY };
        let handover = handover::FINAL;
        let mut lent = grown::State { format, handover, bytes, ..Growable::absent() };
        // SAFETY: the member is alive, struct and bytes are lent; a fault came with the answer.
        unsafe {
            match import(self.app, Out::lend(&mut lent)) {
                answer::READY => Ok(()),
                _ => Err(Error::new(read_fault(lent.fault).message)),
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // SAFETY: made with the table, and nobody uses it any more.
        unsafe {
            if let Some(drain) = self.table.drain {
                drain(self.app, 0);
            }
            if let Some(shutdown) = self.table.shutdown {
                shutdown(self.app);
            }
            if let Some(drop) = self.table.drop {
                drop(self.app);
            }
        }
    }
}

impl Stack {
    /// Calls the member at `depth`.
    ///
    /// # Safety
    /// The handle passes to this call, and `reply` is lent for it.
    pub(super) unsafe fn call(
        &self,
        depth: usize,
        handle: *mut Exchange,
        reply: Out<Reply>,
    ) -> u32 {
        let member = &self.0[depth];
        // SAFETY: the member is alive; the rest is the caller's promise.
        member
            .table
            .call
            .map_or(answer::UNSUPPORTED, |call| unsafe { call(member.app, handle, reply) })
    }

    /// The same for the member outside of it: waits for an answer that comes later, where that
    /// one cannot.
    ///
    /// # Safety
    /// As for [`call`](Self::call).
    pub(super) unsafe fn call_inner(
        &self,
        depth: usize,
        handle: *mut Exchange,
        reply: Out<Reply>,
    ) -> u32 {
        // SAFETY: the caller's promise.
        let answer = unsafe { self.call(depth, handle, reply) };
        if answer != answer::PENDING || self.0[depth - 1].flavour == flavour::ASYNC {
            return answer;
        }
        // SAFETY: lent for this call; ownership of the future came with the answer.
        let mut pending = unsafe { Pending::from_raw(reply.read().future) };
        wait(|waker| match pending.poll(waker, reply) {
            answer::PENDING => None,
            answer => Some(answer),
        })
    }
}

/// Polls until there is something, parked in between.
///
/// # Panics
/// When nobody wakes it within a minute.
#[track_caller]
pub(super) fn wait<T>(mut poll: impl FnMut(&Waker) -> Option<T>) -> T {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        if let Some(value) = poll(&waker) {
            return value;
        }
        assert!(bell.heard(), "the application waits, and nobody has woken it within a minute");
    }
}

/// What a waiting thread is woken by.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// Waits until it is rung; whether it was.
    fn heard(&self) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.heard.wait_timeout_while(rung, PATIENCE, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_all();
    }
}

/// Only decides how late a test that waits for ever is told.
const PATIENCE: Duration = Duration::from_secs(60);
