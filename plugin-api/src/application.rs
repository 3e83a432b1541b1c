//! Applications as types: with config, and with a life of their own.

use std::future::Future;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::abi::app::flavour;
use crate::{Body, Environ, Error, Handover, Purpose, Result, StartResponse, State};

/// An application with typed config and a life of its own, exported by `dsgi::app!(type Shop)`.
///
/// The config comes from `--set shop.currency=EUR` or the host's config file. A failing `init` is
/// shown to the operator, and what was serving goes on.
///
/// ```
/// use dsgi::{Application, Body, Environ, Purpose, StartResponse};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     currency: String,
/// }
///
/// struct Shop {
///     currency: String,
/// }
///
/// impl Application for Shop {
///     type Config = Config;
///
///     fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self { currency: config.currency })
///     }
///
///     fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///         start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///         Ok(Body::from(format!("prices in {}\n", self.currency)))
///     }
/// }
/// # dsgi::app!(type Shop);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a DSGI application",
    label = "`dsgi::Application` is not implemented for it",
    note = "a type that implements `dsgi::AsyncApplication` is exported by `app!(async type T)`, \
            a function by `app!(function)`"
)]
pub trait Application: Send + Sync + Sized + 'static {
    /// What `init` is given; `()` for none. Unknown keys are refused only if the type refuses them
    /// (`#[serde(deny_unknown_fields)]`).
    type Config: DeserializeOwned;

    /// How calls behave; see [`Flavour`].
    const FLAVOUR: Flavour = Flavour::Blocking;

    /// Makes the application.
    ///
    /// # Errors
    /// Whatever keeps it from working; the text is shown to the operator.
    fn init(config: Self::Config, purpose: Purpose) -> Result<Self>;

    /// Answers one request. Called by several threads at once.
    ///
    /// # Errors
    /// Makes the response an error page, see [`Error`].
    fn call(&self, environ: Environ, start_response: StartResponse) -> Result<Body>;

    /// No new requests will come; those at work have until the deadline.
    fn drain(&self, deadline: Duration) {
        let _ = deadline;
    }

    /// Requests will come again after `drain`.
    fn resume(&self) {}

    /// What another version is to take over, or nothing. Called before a swap while requests run,
    /// and once more when the last of them is over; see [`State`].
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

/// The same for async applications, exported by `dsgi::app!(async type Shop)`.
///
/// The future is polled by the host. It may wait on anything that wakes by a waker; runtimes such
/// as tokio are not there unless the application brings one.
///
/// ```
/// use dsgi::{AsyncApplication, Body, Environ, Purpose, StartResponse};
///
/// struct Length;
///
/// impl AsyncApplication for Length {
///     type Config = ();
///
///     fn init((): (), _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self)
///     }
///
///     async fn call(
///         &self,
///         mut environ: Environ,
///         start_response: StartResponse,
///     ) -> dsgi::Result<Body> {
///         let mut length = 0;
///         while let Some(block) = environ.input().next().await? {
///             length += block.bytes().len();
///         }
///         start_response("200 OK", &[("Content-Type", "text/plain")])?;
///         Ok(Body::from(format!("{length} bytes\n")))
///     }
/// }
/// # dsgi::app!(async type Length);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async DSGI application",
    label = "`dsgi::AsyncApplication` is not implemented for it",
    note = "a type that implements `dsgi::Application` is exported by `app!(type T)`"
)]
pub trait AsyncApplication: Send + Sync + Sized + 'static {
    /// What `init` is given; `()` for none.
    type Config: DeserializeOwned;

    /// Makes the application.
    ///
    /// # Errors
    /// Whatever keeps it from working; the text is shown to the operator.
    fn init(config: Self::Config, purpose: Purpose) -> Result<Self>;

    /// Answers one request. Dropping the future cancels it.
    fn call(
        &self,
        environ: Environ,
        start_response: StartResponse,
    ) -> impl Future<Output = Result<Body>> + Send;

    /// No new requests will come; those at work have until the deadline.
    fn drain(&self, deadline: Duration) {
        let _ = deadline;
    }

    /// Requests will come again after `drain`.
    fn resume(&self) {}

    /// What another version is to take over, or nothing. Called before a swap while requests run,
    /// and once more when the last of them is over; see [`State`].
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

/// How the calls of a sync application behave.
///
/// ```
/// use dsgi::{Application, Body, Environ, Flavour, Purpose, StartResponse};
///
/// struct Ping;
///
/// impl Application for Ping {
///     type Config = ();
///     const FLAVOUR: Flavour = Flavour::NonBlocking;
///
///     fn init((): (), _: Purpose) -> dsgi::Result<Self> {
///         Ok(Self)
///     }
///
///     fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///         start_response("200 OK", &[])?;
///         Ok(Body::from("pong\n"))
///     }
/// }
/// # dsgi::app!(type Ping);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `call` and the body may wait, for files, databases, locks: they run on a pool of threads.
    Blocking,
    /// They never wait: they run on the core that received the request, which is faster. A call
    /// that waits all the same stops every connection of that core.
    NonBlocking,
}

impl Flavour {
    /// One of [`flavour`].
    pub(crate) const fn into_raw(self) -> u32 {
        match self {
            Self::Blocking => flavour::BLOCKING,
            Self::NonBlocking => flavour::NON_BLOCKING,
        }
    }
}
