//! Write an application as one shared library, and serve it with any DSGI host.
//!
//! An application is a function, as in WSGI: it is given the request as an [`Environ`] and a
//! [`StartResponse`] to call with status and header fields, and returns the body as anything that
//! can be iterated.
//!
//! ```
//! use dsgi::{Environ, StartResponse};
//!
//! fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
//!     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
//!     Ok(["I'm a DSGI application.\n"])
//! }
//! dsgi::app!(app);
//! # fn main() {}
//! ```
//!
//! In `Cargo.toml` stands `[lib] crate-type = ["cdylib"]`; `host --load .` builds the library and
//! serves it. A type with config and a life of its own implements [`Application`], an async one
//! [`AsyncApplication`]; what it keeps in memory can outlive its replacement, as [`State`].
//! [`mod@test`] tries all of them in an ordinary `cargo test`.
//!
//! A request's failures go to the host's log by [`Environ::errors`]. With the feature `tracing`,
//! which comes with `tower`, so does what the library tells by the crates `tracing` and `log`: with
//! its fields and spans, and only what the host's filter lets through. A subscriber or a logger
//! that the library installs when it is put into service is used instead. Panics are told always,
//! with their place.
//!
//! What crosses between host and library is plain C, in [`abi`]; everything else here is on one
//! side of it.

pub mod abi;
mod application;
mod body;
pub mod bridge;
mod chunk;
mod environ;
mod error;
mod escape;
pub mod export;
mod head;
mod inner;
mod input;
mod middleware;
mod outcome;
mod purpose;
mod request;
pub mod rules;
mod start_response;
pub mod test;
#[cfg(feature = "tower")]
pub mod tower;
pub mod validator;

pub use self::application::{Application, AsyncApplication, Flavour};
pub use self::body::{Body, Filter, IntoBody};
pub use self::bridge::duplex::Duplex;
pub use self::bridge::remote::{Remote, Service};
pub use self::bridge::started::HeaderList;
pub use self::bridge::state::{Handover, State};
pub use self::bridge::value::{Text, Value};
pub use self::chunk::Chunk;
pub use self::environ::Environ;
pub use self::error::{Error, Result};
pub use self::head::Head;
pub use self::inner::{Answer, AsyncInner, Inner, Response};
pub use self::input::{Errors, Input, InputError};
pub use self::middleware::{AsyncMiddleware, Middleware};
pub use self::outcome::Outcome;
pub use self::purpose::{Previous, Purpose, generation, purpose};
pub use self::request::Request;
pub use self::start_response::StartResponse;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// Compiles the examples of the page on tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
pub struct Testing;
