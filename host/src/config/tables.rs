//! The tables of a config file, key by key, exactly as they are written.
//!
//! What stands above a key is what editors show and what `docs/config.md` says; a default at its
//! end, in brackets, is the real one. Tests hold all three. Invariant: a key that means nothing is
//! refused, so that a mistyped one is never a default.

mod times;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

pub(super) use self::times::Time;
use crate::limits::Limits;
use crate::plugin::probe::Reach;
use crate::slot::Keep;

/// What a host serves, and how: `host --config host.toml`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tables {
    /// More files whose tables belong to this one, in the order of their names. A path is meant
    /// from the folder of its file, and its last part may have a `*`.
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub(super) include: Vec<Spanned<String>>,
    /// Layers around every mount, outermost first: names of `[layers]`, or kinds that are linked
    /// into the host.
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub(super) enable: Vec<Spanned<String>>,
    /// The host itself.
    pub(super) server: Server,
    /// Addresses to listen on, beside those of `server.listen`.
    pub(super) listen: Vec<Listen>,
    /// Applications by name. A name has letters, digits, `-` and `_`.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, App>"))]
    pub(super) apps: BTreeMap<Spanned<String>, App>,
    /// Layers by name. Applications and layers share their names.
    #[cfg_attr(test, schemars(with = "BTreeMap<String, Layer>"))]
    pub(super) layers: BTreeMap<Spanned<String>, Layer>,
    /// What is served where.
    pub(super) mount: Vec<Mount>,
}

/// `[server]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    /// Addresses to listen on, as `--listen` [default: ["127.0.0.1:8080"]]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub(super) listen: Vec<Spanned<String>>,
    /// The folder that keeps versions for the next start, as `--state`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) state: Option<Spanned<PathBuf>>,
    /// The socket that `host ps` and its like ask, as `--control`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) control: Option<Spanned<PathBuf>>,
    /// Say in each response which generation made it, as `--debug-headers` [default: false]
    pub(super) debug_headers: Option<bool>,
    /// How long a shutdown waits for what is in hand [default: "30s"]
    drain_timeout: Option<Time>,
    /// From the end of a request's head to the first byte of its response; then 504
    /// [default: "60s"]
    request_timeout: Option<Time>,
    /// Generations of an application that may be out of service and still mapped before each
    /// further deploy warns of them [default: 8]
    retained_limit: Option<usize>,
    /// What clients and applications may use.
    limits: LimitsTable,
}

/// `[server.limits]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    /// Bytes of a request's head; more is answered 431 [default: 65536]
    header_bytes: Option<usize>,
    /// Header fields of a request; more is answered 431 [default: 100]
    header_count: Option<usize>,
    /// Bytes of a request's target; more is answered 414 [default: 8192]
    target_bytes: Option<usize>,
    /// Bytes of a request's body; more is answered 413 [default: 16777216]
    body_bytes: Option<u64>,
    /// From the first byte of a request, or the beginning of a connection, to the end of the head
    /// [default: "10s"]
    header_timeout: Option<Time>,
    /// How long a connection may stay open without a request [default: "75s"]
    keep_alive_timeout: Option<Time>,
    /// How long a client may pause within a request's body [default: "30s"]
    body_timeout: Option<Time>,
    /// How long a client may take nothing of a response that is ready [default: "30s"]
    write_timeout: Option<Time>,
    /// Connections at once; more wait in the kernel's queue [default: 16384]
    connections: Option<usize>,
    /// Streams at once on one connection of HTTP/2 [default: 128]
    streams: Option<u32>,
    /// Threads of each blocking application [default: 16]
    pool_threads: Option<usize>,
    /// Requests that wait for a thread of one application; more are answered 503 [default: 1024]
    pool_queue: Option<usize>,
    /// How long a child may take to try a library [default: "10s"]
    probe_timeout: Option<Time>,
    /// How long an application may take to start [default: "60s"]
    init_timeout: Option<Time>,
    /// How long a version may take to hand its state over, or to take over another's
    /// [default: "10s"]
    handover_timeout: Option<Time>,
    /// Bytes of state that a version may hand over [default: 67108864]
    handover_bytes: Option<usize>,
}

/// `[[listen]]`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    /// The address: `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`, where port 0 takes a free
    /// one, or a Unix socket: `unix:/run/app.sock`.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) bind: Spanned<String>,
    /// What is spoken there: `http`, which is HTTP/1.1 and HTTP/2, `fastcgi`, `scgi` or `uwsgi`
    /// [default: "http"]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) protocol: Option<Spanned<String>>,
    /// Who may connect to a Unix socket: permission bits, as `"660"`. Without it they are the
    /// system's usual ones.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) mode: Option<Spanned<String>>,
    /// Whose a Unix socket is: `"user"`, `"user:group"` or `":group"`, by names or numbers.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) owner: Option<Spanned<String>>,
    /// Whether each connection begins with a header of the PROXY protocol, version 1 or 2, that
    /// says who is there; one without it is not served [default: false]
    #[serde(default)]
    pub(super) proxy_protocol: bool,
    /// Whom to believe about who the client is: addresses, networks as `10.0.0.0/8`, and `unix` for
    /// whoever may connect to a Unix socket. Others' fields are fields like any.
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    #[serde(default)]
    pub(super) trusted: Vec<Spanned<String>>,
    /// Where they say it: in `X-Forwarded-For` and `X-Forwarded-Proto`, or in `Forwarded`
    /// [default: "x_forwarded"]
    #[cfg_attr(test, schemars(with = "Option<Forwarded>"))]
    pub(super) forwarded: Option<Spanned<Forwarded>>,
}

/// Fields that forwarders write into.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Forwarded {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// `[apps.NAME]`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct App {
    /// A library, or the folder of a crate that the host builds.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) path: Spanned<PathBuf>,
    /// What the application is given at its start, as `--set NAME.KEY=VALUE`.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    pub(super) config: toml::Table,
    /// How its versions are replaced.
    #[serde(default)]
    pub(super) deploy: Deploy,
}

/// `[layers.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct Layer {
    /// A library, or the folder of a crate that the host builds.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) path: Option<Spanned<PathBuf>>,
    /// What is linked into the host under this name, in place of a library: by default what has
    /// the layer's own name.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) kind: Option<Spanned<String>>,
    /// What the layer is given at its start, as `--set NAME.KEY=VALUE`.
    #[cfg_attr(test, schemars(with = "serde_json::Map<String, serde_json::Value>"))]
    pub(super) config: toml::Table,
    /// How its versions are replaced. What is linked into the host has none.
    #[cfg_attr(test, schemars(with = "Option<Deploy>"))]
    pub(super) deploy: Option<Spanned<Deploy>>,
}

/// `[apps.NAME.deploy]` and `[layers.NAME.deploy]`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(super) struct Deploy {
    /// What is kept of the version before, for a rollback [default: "file"]
    pub(super) keep_previous: Option<KeepPrevious>,
    /// How long requests wait where one version must end before the next one starts
    /// [default: "10s"]
    pub(super) exclusive_hold: Option<Time>,
    /// So many panics within `window` take the version before back [default: 5]
    pub(super) panics: Option<u64>,
    /// How long panics are counted after a swap [default: "10s"]
    pub(super) window: Option<Time>,
    /// How far a probe goes at most; without it as far as the library's author lets it.
    #[cfg_attr(test, schemars(with = "Option<Probe>"))]
    pub(super) probe: Option<Spanned<Probe>>,
}

/// What is kept of a version that was replaced.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum KeepPrevious {
    /// Its file.
    File,
    /// It stays loaded, drained.
    Standby,
    /// Nothing.
    None,
}

/// How far a library is tried in a child before it is loaded.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Probe {
    /// It is opened.
    Open,
    /// And its layouts are compared.
    Layout,
    /// And it is started.
    Init,
    /// And asked for the path that its author names.
    Request,
}

/// `[[mount]]`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Mount {
    /// The host it is for: `example.org`, or `*.example.org` for all below it. Without one it is
    /// for every host.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) host: Option<Spanned<String>>,
    /// The path it is at; the longest that fits a request answers it.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) path: Spanned<String>,
    /// The application there, by its name in `[apps]`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) app: Option<Spanned<String>>,
    /// The folder whose files are there, in place of an application.
    #[serde(rename = "static")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) files: Option<Spanned<PathBuf>>,
    /// Layers around this mount, outermost first, inside those of `enable`: names of `[layers]`,
    /// or kinds that are linked into the host.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub(super) stack: Vec<Spanned<String>>,
}

impl Server {
    /// The limits that it sets; the others stay.
    pub(super) fn limits(&self, mut limits: Limits) -> Limits {
        let Self { drain_timeout, request_timeout, retained_limit, limits: table, .. } = self;
        put_time(&mut limits.drain_timeout, *drain_timeout);
        put_time(&mut limits.request_timeout, *request_timeout);
        put(&mut limits.retained, *retained_limit);
        put(&mut limits.header_bytes, table.header_bytes);
        put(&mut limits.header_count, table.header_count);
        put(&mut limits.target_bytes, table.target_bytes);
        put(&mut limits.body_bytes, table.body_bytes);
        put_time(&mut limits.header_timeout, table.header_timeout);
        put_time(&mut limits.keep_alive_timeout, table.keep_alive_timeout);
        put_time(&mut limits.body_timeout, table.body_timeout);
        put_time(&mut limits.write_timeout, table.write_timeout);
        put(&mut limits.connections, table.connections);
        put(&mut limits.streams, table.streams);
        put(&mut limits.pool_threads, table.pool_threads);
        put(&mut limits.pool_queue, table.pool_queue);
        put_time(&mut limits.probe_timeout, table.probe_timeout);
        put_time(&mut limits.init_timeout, table.init_timeout);
        put_time(&mut limits.handover_timeout, table.handover_timeout);
        put(&mut limits.handover_bytes, table.handover_bytes);
        limits
    }
}

impl From<KeepPrevious> for Keep {
    fn from(keep: KeepPrevious) -> Self {
        match keep {
            KeepPrevious::File => Self::File,
            KeepPrevious::Standby => Self::Standby,
            KeepPrevious::None => Self::Nothing,
        }
    }
}

impl From<Probe> for Reach {
    fn from(probe: Probe) -> Self {
        match probe {
            Probe::Open => Self::Open,
            Probe::Layout => Self::Layout,
            Probe::Init => Self::Init,
            Probe::Request => Self::Request,
        }
    }
}

/// Puts what was written in place of what is there.
pub(super) fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

pub(super) fn put_time(place: &mut Duration, value: Option<Time>) {
    put(place, value.map(|Time(time)| time));
}
