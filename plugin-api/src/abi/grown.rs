//! Growable structs: lent by pointer, `size` first, fields only ever appended.
//!
//! Borrowed pointers inside are valid as each struct says. Out-structs are read only after
//! the answer `READY` (or the one named at the slot).

use std::ffi::c_void;

use super::leaf::{Bytes, Fault, Header, Keep, Str};
use super::object::{Body, Future, Upgrade};
use super::pointer::{In, growable};

/// What is known of a request before its body. Valid until its exchange handle is released.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = HeadRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Head {
    /// Size of this struct in the host's release.
    pub size: u32,
    /// HTTP version as major * 10 + minor: 10, 11, 20.
    pub protocol: u32,
    /// Bits of [`head_flag`].
    pub flags: u32,
    /// Port the request was received on; 0 when there is none.
    pub server_port: u32,
    /// Port of the peer; 0 when there is none.
    pub remote_port: u32,
    /// Bytes from one header row to the next.
    pub header_stride: u32,
    /// Number of header rows.
    pub header_count: u32,
    /// Number of variable rows.
    pub variable_count: u32,
    /// `GET`, `POST`, ... as received.
    pub method: Str,
    /// `http` or `https`.
    pub scheme: Str,
    /// Host and port as the client named them.
    pub authority: Str,
    /// The request target exactly as received.
    pub target: Str,
    /// Decoded path of the mount, without a trailing slash; empty at the root.
    pub script_name: Str,
    /// Decoded rest of the path; empty or starting with a slash.
    pub path_info: Str,
    /// What follows the first `?`, not decoded.
    pub query: Str,
    /// Name this server answers to; never empty.
    pub server_name: Str,
    /// Address of the peer without port; empty when there is none.
    pub remote_address: Str,
    /// Gateway in front of the application: `http`, `cgi`, `scgi`, `fastcgi`, `uwsgi`.
    pub gateway: Str,
    /// Name and version of the host.
    pub software: Str,
    /// First header row, names in lower case, in the order received.
    pub headers: *const Header,
    /// First row of variables that a front server tells or layers have set; same stride as
    /// `headers`.
    pub variables: *const Header,
    /// Length of the request body in bytes, when the flag `LENGTH` is set.
    pub content_length: u64,
    /// Number of the application's generation in this host.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub generation: u64,
}

/// Bits of [`Head::flags`].
pub mod head_flag {
    /// The length of the request body is known.
    pub const LENGTH: u32 = 1;
    /// The same application object may be called by several threads at once.
    pub const MULTITHREAD: u32 = 2;
    /// Other processes serve the same application too.
    pub const MULTIPROCESS: u32 = 4;
    /// The application is expected to be called only once in this process.
    pub const RUN_ONCE: u32 = 8;
}

/// What `derive` changes; all pointers are needed only during the call, the host copies.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = ChangesRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Changes {
    /// Size of this struct in the caller's release.
    pub size: u32,
    /// Bytes from one row to the next.
    pub variable_stride: u32,
    /// Number of rows.
    pub variable_count: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Rows of environ names and values: `PATH_INFO`, `HTTP_X_USER`, `my.key`. A null value
    /// pointer removes a header.
    pub variables: *const Header,
    /// A request body that replaces the client's. It passes to the host, even when the host
    /// refuses the changes. Null keeps the client's.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub input: *mut Body,
}

/// What `init` is told. Everything is valid during the call only, but `host`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = InitRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Init {
    /// Size of this struct in the host's release.
    pub size: u32,
    /// [`ABI`](super::ABI) of the host.
    pub abi: u32,
    /// One of [`purpose`].
    pub purpose: u32,
    /// One of [`previous`].
    pub previous: u32,
    /// Number of this generation in this host, from 1.
    pub generation: u64,
    /// Name of the application in this host.
    pub name: Str,
    /// The application's config as JSON text, an object.
    pub config: Str,
    /// Functions of the host, valid until `drop` has returned.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub host: In<super::object::HostTable>,
}

/// Why `init` is called.
pub mod purpose {
    /// In a short-lived child that only finds out whether the library works.
    pub const PROBE: u32 = 1;
    /// To serve.
    pub const SERVE: u32 = 2;
}

/// Whether another generation of the same application is at work.
pub mod previous {
    /// This one starts from nothing.
    pub const NONE: u32 = 1;
    /// This one will take over from a running one.
    pub const RUNNING: u32 = 2;
}

/// What `init` made: read `app` on `READY` and `fault` on `ERROR`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = InstanceRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Instance {
    /// Size of this struct in the host's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// First argument of every function of the application's table; may be null.
    pub app: *mut c_void,
    /// Why it failed.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub fault: Fault,
}

/// The answer to one request: read on `READY`; `future` on `PENDING`; `fault` on `ERROR`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = ReplyRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Reply {
    /// Size of this struct in the caller's release.
    pub size: u32,
    /// HTTP status, 200 to 999; or 101 with an upgrade.
    pub status: u32,
    /// Number of header rows.
    pub header_count: u32,
    /// Bytes from one header row to the next.
    pub header_stride: u32,
    /// First header row; valid until `keep` is released. Rows and texts may lie in `scratch`, so
    /// they are also gone when the caller gives that up.
    pub headers: *const Header,
    /// Reason phrase; empty for the usual one. Valid as long as `headers`.
    pub reason: Str,
    /// Storage of `headers` and `reason`.
    pub keep: Keep,
    /// One of [`body_kind`].
    pub body_kind: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// The body, of kind `WHOLE`.
    pub whole: Bytes,
    /// The body, of kind `STREAM`. Of kind `FILE`, and with an upgrade, it is null, or is only
    /// closed: told how sending the file, or the connection, ended.
    pub stream: *mut Body,
    /// The body, of kind `FILE`: an open descriptor that passes to the host, which closes it.
    pub file: i64,
    /// First byte of the file to send.
    pub file_offset: u64,
    /// Number of bytes of the file to send.
    pub file_length: u64,
    /// Takes the connection over after this answer, of which the body is of kind `EMPTY`; null
    /// when there is none.
    pub upgrade: *mut Upgrade,
    /// To be polled, on `PENDING`.
    pub future: *mut Future,
    /// Why it failed, on `ERROR`.
    pub fault: Fault,
    /// Lent by the caller, who sets it anew before each poll: room for the header table, aligned
    /// to 8 bytes. Null lends none.
    pub scratch: *mut u8,
    /// Bytes of room at `scratch`.
    pub scratch_length: u64,
    /// Counts who uses `scratch`, atomically; the caller is one. Who goes on using it after the
    /// call adds one within the call, and takes it away when done. Null: nobody may.
    pub scratch_users: *mut u32,
    /// Called by whoever takes the last one away.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub scratch_keep: Keep,
}

/// How a body is given.
pub mod body_kind {
    /// No body.
    pub const EMPTY: u32 = 0;
    /// All bytes at once, in `whole`.
    pub const WHOLE: u32 = 1;
    /// Pulled piece by piece from `stream`.
    pub const STREAM: u32 = 2;
    /// A range of an open file, which the host reads and sends.
    pub const FILE: u32 = 3;
}

/// One piece of a body: read on `READY`; `fault` on `ERROR`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = FrameRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Frame {
    /// Size of this struct in the caller's release.
    pub size: u32,
    /// One of [`frame_kind`].
    pub kind: u32,
    /// The bytes, of kind `DATA`; may be empty.
    pub data: Bytes,
    /// First trailer row, of kind `TRAILERS`; valid until `keep` is released.
    pub headers: *const Header,
    /// Number of trailer rows.
    pub header_count: u32,
    /// Bytes from one row to the next.
    pub header_stride: u32,
    /// Storage of the trailers.
    pub keep: Keep,
    /// Why it failed, on `ERROR`.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub fault: Fault,
}

/// What a frame carries.
pub mod frame_kind {
    /// Bytes of the body.
    pub const DATA: u32 = 1;
    /// Trailers; nothing follows them.
    pub const TRAILERS: u32 = 2;
}

/// A typed value of a layer. It is the exchange's from `set_value` on, and its maker frees it with
/// `keep` when the exchange ends, on any thread; `value` lends it, with no `keep`, until the handle
/// it was asked of is released. It is shared by all who ask, so it never changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = ValueRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct Value {
    /// Size of this struct in the caller's release.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// Name of the value's type, as its maker and its readers agree: kits in Rust say the crate and
    /// the struct, `shop::User`. Valid as long as the value, as the others.
    pub name: Str,
    /// Layout of the value's type, to be compared as text: `id: u64 at 0, name: Text at 8 (32); 40`
    /// is a struct of 40 bytes with two fields, and Text is one of 32 bytes, `Bytes` of UTF-8.
    pub layout: Str,
    /// The value.
    pub pointer: *const c_void,
    /// Who frees it.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub keep: Keep,
}

/// State handed from one generation to the next, in either direction: `export_state` fills
/// `format` and `bytes`, `import_state` is lent them for the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "layout-proof", derive(abi_stable::StableAbi))]
#[cfg_attr(feature = "layout-proof", sabi(kind(Prefix(prefix_ref = StateRef))))]
#[cfg_attr(feature = "layout-proof", sabi(missing_field(option)))]
pub struct State {
    /// Size of this struct in the caller's release.
    pub size: u32,
    /// Format number chosen by the application.
    pub format: u32,
    /// One of [`handover`], set by the caller.
    pub handover: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// The state itself.
    pub bytes: Bytes,
    /// Why it failed, on `ERROR`.
    #[cfg_attr(feature = "layout-proof", sabi(last_prefix_field))]
    pub fault: Fault,
}

/// When state is handed over.
pub mod handover {
    /// The generation that exports it goes on serving until the other one takes its place.
    pub const SNAPSHOT: u32 = 1;
    /// It is the last word of a generation at which nothing is at work any more.
    pub const FINAL: u32 = 2;
}

growable!(Head, Changes, Init, Instance, Reply, Frame, Value, State);
