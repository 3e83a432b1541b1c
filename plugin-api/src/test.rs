//! Tries an application in an ordinary `cargo test`: without a host and without a socket.
//!
//! The application is called through the same table of functions as in a library, by a small host
//! for one request at a time, and the [validator](mod@crate::validator) stands around it: a test
//! fails when a rule of the specification is broken, also one that it does not ask about.
//!
//! ```
//! use dsgi::{Environ, StartResponse};
//!
//! fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
//!     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
//!     Ok([format!("hello from {}\n", &environ["PATH_INFO"])])
//! }
//!
//! let response = dsgi::test::get(app, "/tea?sort=new");
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
//! assert_eq!(response.text(), "hello from /tea\n");
//! ```
//!
//! [`App`] is an application for several requests: with a config, with layers around it, with a
//! [`Client`] that keeps cookies. [`Request`] says everything else that a client can say, and
//! [`Request::start`] reads a response block by block, or leaves in the middle of it.
//! [`Request::connect`] is for an application that takes the connection over, and
//! [`Request::websocket`] for one that does so as a WebSocket.
//!
//! Calls run on the thread of the test. An application that answers later is waited for, at most a
//! minute.

mod answer;
mod app;
mod client;
mod connection;
mod exchange;
mod input;
mod request;
mod response;
mod stack;
mod texts;
mod websocket;

pub use self::app::App;
pub use self::client::Client;
pub use self::connection::Connection;
pub use self::request::Request;
pub use self::response::{Response, Streaming};
pub use self::websocket::{Message, WebSocket};
use crate::export::Function;

/// Asks a function that is an application for one path, as [`App::get`] does.
///
/// ```
/// # use dsgi::{Environ, StartResponse};
/// async fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
///     Ok(["later\n"])
/// }
/// assert_eq!(dsgi::test::get(app, "/").text(), "later\n");
/// ```
///
/// # Panics
/// When a rule of the specification is broken.
#[track_caller]
pub fn get<F: Function<M>, M: 'static>(app: F, target: &str) -> Response {
    App::new(app).get(target)
}
