//! Objects: thin pointers whose first word is the table of their maker.
//!
//! A table belongs to whoever implements it. `size` says how many bytes of it the maker's
//! release has; [`slot!`](crate::slot) reads a slot only within it, and an absent slot means the
//! maker does not do this. Every `waker` is borrowed for the call; a maker that keeps it clones it.
#![allow(
    clippy::should_implement_trait,
    reason = "the layout proof makes an accessor for each slot, also for one named `clone`"
)]

use std::ffi::c_void;

use super::grown::{Changes, Frame, Head, Reply, Value};
use super::leaf::{Bytes, Fault, Header, Str};
use super::pointer::{In, Out, growable};

/// One request and what may be done with it, made by a host. A handle is owned: whoever
/// receives one in a call passes it on or releases it, once. Handles of one exchange are
/// independent: different threads may use them at the same time.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Exchange {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const ExchangeTable,
}

/// A pull stream of frames. `close` consumes it.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Body {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const BodyTable,
}

/// A call that has not answered yet. Dropping it cancels the call.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Future {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const FutureTable,
}

/// Wakes a task of its maker, from any thread.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Waker {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const WakerTable,
}

/// Takes a connection over after the head of a response with status 101.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Upgrade {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const UpgradeTable,
}

/// Both directions of a taken-over connection, made by a host. One call at a time, from any thread;
/// reading and writing may wait with different wakers.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Duplex {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const DuplexTable,
}

/// An object with functions that a value carries from one library to another.
#[repr(C)]
#[derive(Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
pub struct Remote {
    /// Table of the maker.
    #[cfg_attr(feature = "layout-proof", sabi(unsafe_opaque_field))]
    pub table: *const RemoteTable,
}

/// Functions of an [`Exchange`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = ExchangeTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct ExchangeTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// The head; valid until this handle is released.
    pub head: Option<unsafe extern "C" fn(exchange: *const Exchange) -> In<Head>>,
    /// A second handle of the same exchange.
    pub clone: Option<unsafe extern "C" fn(exchange: *const Exchange) -> *mut Exchange>,
    /// Gives this handle up.
    pub release: Option<unsafe extern "C" fn(exchange: *mut Exchange)>,
    /// The next frame of the request body: `READY`, `PENDING`, `END`, `ERROR`, `CANCELLED`,
    /// `TAKEN`. With a null waker it waits, or answers `WOULD_BLOCK` on a core.
    pub read: Option<
        unsafe extern "C" fn(
            exchange: *mut Exchange,
            waker: *const Waker,
            frame: Out<Frame>,
        ) -> u32,
    >,
    /// A new handle with changes; null when a change is refused, and `fault` says why. Takes
    /// `changes.input` in either case.
    pub derive: Option<
        unsafe extern "C" fn(
            exchange: *const Exchange,
            changes: In<Changes>,
            fault: *mut Fault,
        ) -> *mut Exchange,
    >,
    /// Calls the next application inwards; takes the handle, answers as `AppTable::call`.
    pub inner: Option<unsafe extern "C" fn(exchange: *mut Exchange, reply: Out<Reply>) -> u32>,
    /// Writes one entry of the error log.
    pub log: Option<unsafe extern "C" fn(exchange: *const Exchange, level: u32, text: Str)>,
    /// 1 once the exchange was given up, else 0.
    pub cancelled: Option<unsafe extern "C" fn(exchange: *const Exchange) -> u32>,
    /// Sends an informational (1xx) response. Reserved: `UNSUPPORTED`.
    pub inform: Option<
        unsafe extern "C" fn(
            exchange: *mut Exchange,
            status: u32,
            headers: *const Header,
            count: u32,
            stride: u32,
        ) -> u32,
    >,
    /// The newest value of this name that a layer has set: `READY`, or `END` when there is none.
    pub value:
        Option<unsafe extern "C" fn(exchange: *const Exchange, name: Str, out: Out<Value>) -> u32>,
    /// Adds a value, which this exchange and those derived of it have from now on; takes it:
    /// `READY`, or `UNSUPPORTED`, and then it is still the caller's.
    pub set_value: Option<unsafe extern "C" fn(exchange: *mut Exchange, value: In<Value>) -> u32>,
    /// Name of the member that stands so far inwards of whoever holds this handle, or outwards
    /// where negative; valid until this handle is released. Empty where none stands. `kind` is set
    /// to one of [`kind`](super::app::kind), or 0.
    pub member: Option<
        unsafe extern "C" fn(exchange: *const Exchange, inwards: i32, kind: *mut u32) -> Str,
    >,
    /// As `inner`, for a layer that is done with the request: it is given what the layer's `call`
    /// was given, the layer answers what this answers, and does nothing in between, so that both
    /// are a jump. Never absent where a layer is called, so that nobody has to ask.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub pass: Option<
        unsafe extern "C" fn(app: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32,
    >,
}

/// Functions of a [`Body`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = BodyTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct BodyTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// The next frame: `READY`, `PENDING`, `END`, `ERROR`. Not polled after `END` or `ERROR`.
    /// With a null waker it may wait; if it answers `PENDING` then, it is polled with one.
    pub poll: Option<
        unsafe extern "C" fn(body: *mut Body, waker: *const Waker, frame: Out<Frame>) -> u32,
    >,
    /// Least and most bytes still to come: `READY`, or `UNSUPPORTED` when unknown.
    pub size_hint:
        Option<unsafe extern "C" fn(body: *const Body, least: *mut u64, most: *mut u64) -> u32>,
    /// The end, with one of [`outcome`](super::outcome); takes the body.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub close: Option<unsafe extern "C" fn(body: *mut Body, outcome: u32, bytes_sent: u64)>,
}

/// Functions of a [`Future`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = FutureTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct FutureTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// `READY`, `PENDING` or `ERROR`; not polled again after the others than `PENDING`.
    pub poll: Option<
        unsafe extern "C" fn(future: *mut Future, waker: *const Waker, reply: Out<Reply>) -> u32,
    >,
    /// Frees the future, answered or not.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub drop: Option<unsafe extern "C" fn(future: *mut Future)>,
}

/// Functions of a [`Waker`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = WakerTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct WakerTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// A waker to keep, for the same task.
    pub clone: Option<unsafe extern "C" fn(waker: *const Waker) -> *mut Waker>,
    /// Wakes; takes the waker.
    pub wake: Option<unsafe extern "C" fn(waker: *mut Waker)>,
    /// Wakes, and leaves the waker.
    pub wake_by_ref: Option<unsafe extern "C" fn(waker: *const Waker)>,
    /// Frees the waker.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub drop: Option<unsafe extern "C" fn(waker: *mut Waker)>,
}

/// Functions of an [`Upgrade`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = UpgradeTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct UpgradeTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Runs the connection: takes the upgrade and the duplex, and answers as `AppTable::call`.
    /// `READY`, at once or from the future, says that the connection has ended; nothing else of
    /// `reply` is read then.
    pub start: Option<
        unsafe extern "C" fn(upgrade: *mut Upgrade, duplex: *mut Duplex, reply: Out<Reply>) -> u32,
    >,
    /// Frees an upgrade that was not started.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub drop: Option<unsafe extern "C" fn(upgrade: *mut Upgrade)>,
}

/// Functions of a [`Duplex`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = DuplexTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct DuplexTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Bytes from the client: `READY`, `PENDING`, `END`, `ERROR`.
    pub read: Option<
        unsafe extern "C" fn(duplex: *mut Duplex, waker: *const Waker, frame: Out<Frame>) -> u32,
    >,
    /// Bytes to the client; `written` says how many were taken.
    pub write: Option<
        unsafe extern "C" fn(
            duplex: *mut Duplex,
            waker: *const Waker,
            bytes: Str,
            written: *mut u64,
        ) -> u32,
    >,
    /// Everything written has left: `READY`, `PENDING`, `ERROR`.
    pub flush: Option<unsafe extern "C" fn(duplex: *mut Duplex, waker: *const Waker) -> u32>,
    /// Ends the direction to the client: `READY`, `PENDING`, `ERROR`.
    pub shutdown: Option<unsafe extern "C" fn(duplex: *mut Duplex, waker: *const Waker) -> u32>,
    /// Gives the connection up.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub drop: Option<unsafe extern "C" fn(duplex: *mut Duplex)>,
}

/// Functions of a [`Remote`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = RemoteTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct RemoteTable {
    /// Size of this table in the maker's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Answers a request of bytes, which are lent for the call: `READY` with `response`, which
    /// passes to the caller, or `ERROR` with `fault`. Any thread, several at once: the maker lets
    /// them wait for each other.
    pub call: Option<
        unsafe extern "C" fn(
            remote: *mut Remote,
            request: Str,
            response: *mut Bytes,
            fault: *mut Fault,
        ) -> u32,
    >,
    /// Frees the object.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub drop: Option<unsafe extern "C" fn(remote: *mut Remote)>,
}

/// Functions of the host that do not belong to an exchange. Callable from any thread.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = HostTableRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct HostTable {
    /// Size of this table in the host's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Writes one entry of the host's log, with one of [`level`] and the writer's generation.
    pub log: Option<unsafe extern "C" fn(generation: u64, level: u32, target: Str, text: Str)>,
    /// Whether its log takes entries of this level and target: one of [`interest`]. An empty
    /// target asks for any. Who asks first need not write out what nobody reads.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub enabled: Option<unsafe extern "C" fn(generation: u64, level: u32, target: Str) -> u32>,
}

/// Levels of log entries.
pub mod level {
    /// Something failed.
    pub const ERROR: u32 = 1;
    /// Something is wrong, and work goes on.
    pub const WARN: u32 = 2;
    /// Worth knowing.
    pub const INFO: u32 = 3;
    /// For whoever looks for a fault.
    pub const DEBUG: u32 = 4;
    /// Each step.
    pub const TRACE: u32 = 5;
}

/// Whether a log takes entries. An unknown number is read as `NOW`.
pub mod interest {
    /// As long as the library is there, no such entry is written.
    pub const NEVER: u32 = 1;
    /// Not now, but ask again for each entry.
    pub const NOT_NOW: u32 = 2;
    /// Now, but ask again for each entry.
    pub const NOW: u32 = 3;
    /// As long as the library is there, each of them is written.
    pub const ALWAYS: u32 = 4;
}

growable!(
    ExchangeTable,
    BodyTable,
    FutureTable,
    WakerTable,
    UpgradeTable,
    DuplexTable,
    RemoteTable,
    HostTable
);

/// Reads one slot of an object's table: `slot!(BodyTable, body, poll)` is `None` when the maker's
/// release has no such slot, or leaves it empty. Neither does a null object have any, nor one
/// without a table.
///
/// The expansion dereferences the object, so it stands in an `unsafe` block: the object is null,
/// or it is alive and its first word is null or points to a table that starts with its size.
#[macro_export]
#[doc(hidden)]
macro_rules! slot {
    ($table:ty, $object:expr, $slot:ident) => {{
        let object = $object;
        let table: *const $table =
            if object.is_null() { ::core::ptr::null() } else { (*object).table };
        let end = ::core::mem::offset_of!($table, $slot) + ::core::mem::size_of::<usize>();
        if !table.is_null() && (*table.cast::<u32>()) as usize >= end {
            (*table).$slot
        } else {
            None
        }
    }};
}
