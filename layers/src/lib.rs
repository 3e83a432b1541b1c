//! Layers and applications for every DSGI host, each of one idea.
//!
//! Each is a type that implements [`dsgi::Middleware`] or [`dsgi::Application`], behind a feature
//! of its kind's name. It is used in three ways: linked into the host (`--enable gzip`), as a
//! library of its own (the crates of these names in `sample-plugins`, a line each), and as a type
//! by whoever writes a program with the host inside. See [`KINDS`].
//!
//! | kind | type | what |
//! |---|---|---|
//! | `access-log` | [`AccessLog`] | a line for each response |
//! | `basic-auth` | [`BasicAuth`] | asks for name and password |
//! | `cors` | [`Cors`] | lets pages of other origins in |
//! | `gzip` | [`Gzip`] | compresses: zstd, brotli, gzip |
//! | `rate-limit` | [`RateLimit`] | so many requests a client |
//! | `request-id` | [`RequestId`] | a name for each request |
//! | `static` | [`StaticFiles`] | an application: files of a folder |
//!
//! What they find out about a request they tell as variables and as typed values, see [`given`]. An
//! application that only reads those takes the crate with `default-features = false`.

#[cfg(feature = "access-log")]
mod access_log;
#[cfg(feature = "basic-auth")]
mod basic_auth;
#[cfg(feature = "cors")]
mod cors;
pub mod given;
#[cfg(feature = "gzip")]
mod gzip;
mod kind;
#[cfg(feature = "rate-limit")]
mod rate_limit;
#[cfg(feature = "request-id")]
mod request_id;
#[cfg(feature = "static")]
mod static_files;
mod vary;

#[cfg(feature = "access-log")]
pub use self::access_log::{AccessLog, Config as AccessLogConfig, rotate};
#[cfg(feature = "basic-auth")]
pub use self::basic_auth::{BasicAuth, Config as BasicAuthConfig};
#[cfg(feature = "cors")]
pub use self::cors::{Config as CorsConfig, Cors};
#[cfg(feature = "gzip")]
pub use self::gzip::{Coding, Config as GzipConfig, Gzip};
pub use self::kind::{KINDS, Kind, Sort};
#[cfg(feature = "rate-limit")]
pub use self::rate_limit::{Config as RateLimitConfig, RateLimit};
#[cfg(feature = "request-id")]
pub use self::request_id::{Config as RequestIdConfig, RequestId};
#[cfg(feature = "static")]
pub use self::static_files::{Config as StaticFilesConfig, StaticFiles};

/// Compiles the examples of the page on layers, where it lies beside this crate.
#[cfg(doctest)]
#[doc = include_str!("../../docs/middleware.md")]
pub struct Page;
