//! Layers as types: with config, and with a life of their own.

use std::future::Future;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{
    AsyncInner, Body, Environ, Error, Flavour, Handover, Inner, Purpose, Request, Result,
    StartResponse, State,
};

/// A layer with typed config and a life of its own, exported by `dsgi::middleware!(type Login)`.
///
/// It stands around an application, or around other layers: it is called in its place, may change
/// the request, calls what is further in or answers itself, and may change the response. The rules
/// of WSGI hold for it as for an application, and it keeps three more:
///
/// - A body of what is further in is returned, or dropped, which tells its maker that it failed.
/// - For each block that comes from further in, one goes out, if only an empty one.
/// - Where the length of a body changes, `Content-Length` is changed or removed.
///
/// ```
/// use dsgi::{Body, Environ, Inner, Middleware, Purpose, StartResponse};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     realm: String,
/// }
///
/// struct Login {
///     challenge: String,
/// }
///
/// impl Middleware for Login {
///     type Config = Config;
///
///     fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self { challenge: format!("Basic realm=\"{}\"", config.realm) })
///     }
///
///     fn call(&self, inner: Inner, environ: Environ, start_response: StartResponse)
///         -> dsgi::Result<Body>
///     {
///         if environ.get("HTTP_AUTHORIZATION").is_none() {
///             start_response("401 Unauthorized", &[("WWW-Authenticate", &self.challenge)])?;
///             return Ok(Body::from("who are you?\n"));
///         }
///         inner(environ, start_response)
///     }
/// }
/// dsgi::middleware!(type Login);
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a DSGI layer",
    label = "`dsgi::Middleware` is not implemented for it",
    note = "a type that implements `dsgi::AsyncMiddleware` is exported by \
            `middleware!(async type T)`, a function by `middleware!(function)`, an application by \
            `app!`"
)]
pub trait Middleware: Send + Sync + Sized + 'static {
    /// What `init` is given; `()` for none. Unknown keys are refused only if the type refuses them
    /// (`#[serde(deny_unknown_fields)]`).
    type Config: DeserializeOwned;

    /// How calls behave; see [`Flavour`]. What is further in does not count: a layer that never
    /// waits by itself is [`Flavour::NonBlocking`], whatever it stands around.
    const FLAVOUR: Flavour = Flavour::Blocking;

    /// Makes the layer.
    ///
    /// # Errors
    /// Whatever keeps it from working; the text is shown to the operator.
    fn init(config: Self::Config, purpose: Purpose) -> Result<Self>;

    /// Whether a request has anything to do with this layer. One that has not goes on inwards
    /// untouched, at nearly no cost. See [`Request`].
    #[inline]
    fn concerns(&self, request: &Request<'_>) -> bool {
        let _ = request;
        true
    }

    /// Answers one request, mostly by calling `inner`. Called by several threads at once.
    ///
    /// # Errors
    /// Makes the response an error page, see [`Error`].
    fn call(&self, inner: Inner, environ: Environ, start_response: StartResponse) -> Result<Body>;

    /// No new requests will come; those at work have until the deadline.
    fn drain(&self, deadline: Duration) {
        let _ = deadline;
    }

    /// Requests will come again after `drain`.
    fn resume(&self) {}

    /// What another version is to take over, or nothing; see [`State`].
    ///
    /// # Errors
    /// The other version starts without it, and the operator is told.
    fn export_state(&self) -> Result<Option<State>> {
        Ok(None)
    }

    /// Takes over what another version has exported, by merging it; see [`State`].
    ///
    /// # Errors
    /// Nothing is taken over, and the operator is told. A swap goes on without.
    fn import_state(&self, state: &State, handover: Handover) -> Result<()> {
        let _ = (state, handover);
        Err(Error::new("it takes no state over"))
    }

    /// Nothing is at work any more: end threads, close connections. `Drop` follows.
    fn shutdown(&self) {}
}

/// The same for async layers, exported by `dsgi::middleware!(async type Login)`.
///
/// ```
/// use dsgi::{AsyncInner, AsyncMiddleware, Body, Environ, Purpose, StartResponse};
///
/// struct Stamp;
///
/// impl AsyncMiddleware for Stamp {
///     type Config = ();
///
///     fn init((): (), _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self)
///     }
///
///     async fn call(
///         &self,
///         inner: AsyncInner,
///         environ: Environ,
///         start_response: StartResponse,
///     ) -> dsgi::Result<Body> {
///         inner(environ, start_response.edit(|head| head.set("X-Stamp", "seen"))).await
///     }
/// }
/// dsgi::middleware!(async type Stamp);
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async DSGI layer",
    label = "`dsgi::AsyncMiddleware` is not implemented for it",
    note = "a type that implements `dsgi::Middleware` is exported by `middleware!(type T)`"
)]
pub trait AsyncMiddleware: Send + Sync + Sized + 'static {
    /// What `init` is given; `()` for none.
    type Config: DeserializeOwned;

    /// Makes the layer.
    ///
    /// # Errors
    /// Whatever keeps it from working; the text is shown to the operator.
    fn init(config: Self::Config, purpose: Purpose) -> Result<Self>;

    /// Whether a request has anything to do with this layer; see [`Middleware::concerns`].
    #[inline]
    fn concerns(&self, request: &Request<'_>) -> bool {
        let _ = request;
        true
    }

    /// Answers one request, mostly by awaiting `inner`. Dropping the future cancels it.
    fn call(
        &self,
        inner: AsyncInner,
        environ: Environ,
        start_response: StartResponse,
    ) -> impl Future<Output = Result<Body>> + Send;

    /// No new requests will come; those at work have until the deadline.
    fn drain(&self, deadline: Duration) {
        let _ = deadline;
    }

    /// Requests will come again after `drain`.
    fn resume(&self) {}

    /// What another version is to take over, or nothing; see [`State`].
    ///
    /// # Errors
    /// The other version starts without it, and the operator is told.
    fn export_state(&self) -> Result<Option<State>> {
        Ok(None)
    }

    /// Takes over what another version has exported, by merging it; see [`State`].
    ///
    /// # Errors
    /// Nothing is taken over, and the operator is told. A swap goes on without.
    fn import_state(&self, state: &State, handover: Handover) -> Result<()> {
        let _ = (state, handover);
        Err(Error::new("it takes no state over"))
    }

    /// Nothing is at work any more: end threads, close connections. `Drop` follows.
    fn shutdown(&self) {}
}
