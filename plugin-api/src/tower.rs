//! Applications of the frameworks: any tower service, unmodified, as a library.
//!
//! An `axum::Router`, or whatever else takes an [`http::Request`] and answers with
//! an [`http::Response`] is exported by [`service!`](crate::service). Behind it runs one small
//! tokio runtime for each generation of the library: tasks, timers and sockets are there as in a
//! program of one's own, and end with the generation.
//!
//! With the feature `tower`, which is off by default.

mod block;
mod body;
mod constructor;
mod exchange;
mod failure;
mod inner;
mod inside;
mod inwards;
mod leave;
mod line;
mod of_hyper;
mod outgoing;
mod request;
mod response;
mod runtime;
mod served;
mod shape;
mod target;
mod upgrade;

pub use self::body::Body;
pub use self::constructor::{Constructor, Given, Made, kind};
pub use self::exchange::{Exchange, Extended, Extension, extension};
pub use self::inner::{Calling, InnerService};
pub use self::inside::InnerBody;
pub use self::leave::{Leave, leave};
pub use self::of_hyper::{OfHyper, of_hyper};
pub(crate) use self::served::link_service;
pub use self::served::{HttpService, Served, Turn, serve, serve_layer};

/// Exports a service as the application of this library.
///
/// What is named is a function that makes the service, when the library is put into service. Any
/// `tower::Service<http::Request<dsgi::tower::Body>>` will do that can be cloned; an
/// `axum::Router` is one:
///
/// ```
/// # mod example {
/// use axum::{Router, routing::get};
///
/// pub fn router() -> Router {
///     Router::new().route("/", get(|| async { "hello from axum\n" }))
/// }
/// dsgi::service!(router);
/// # }
/// # fn main() {}
/// ```
///
/// The function may be `async`, and may fail; what it returns is then a `Result`, whose error says
/// why the library is not put into service. It is called inside of the runtime, so it may spawn and
/// connect. It may take what its operator has configured, as a type that can be deserialized, and
/// why it is called, in this order:
///
/// ```
/// # mod example {
/// use axum::{Router, extract::State, routing::get};
/// use dsgi::Purpose;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     greeting: String,
/// }
///
/// async fn router(config: Config, purpose: Purpose) -> Result<Router, std::num::ParseIntError> {
///     if purpose != Purpose::Probe {
///         tokio::spawn(async { /* what is to be done beside */ });
///     }
///     let greet = |State(greeting): State<String>| async move { greeting };
///     Ok(Router::new().route("/", get(greet)).with_state(config.greeting))
/// }
/// dsgi::service!(router, name = "greeter");
/// # }
/// # fn main() {}
/// ```
///
/// | the function | |
/// |---|---|
/// | `fn() -> S` | the service |
/// | `fn() -> Result<S, E>` | with any error, `Box<dyn Error>` and `anyhow::Error` too |
/// | `async fn() -> ...` | either of them, later |
/// | `fn(config: C) -> ...` | any of them, with config |
/// | `fn(purpose: Purpose) -> ...` | and why it is called |
/// | `fn(config: C, purpose: Purpose) -> ...` | |
///
/// Options follow behind commas, as those of [`app!`](crate::app); a service never blocks, so
/// `non_blocking` is none of them.
#[macro_export]
macro_rules! service {
    ($make:path $(, $option:ident $(= $value:expr)?)* $(,)?) => {
        $crate::__served!($crate::tower::serve, $make, [$($option $($value)?),*]);
    };
}

/// The entry of what a constructor makes.
#[macro_export]
#[doc(hidden)]
macro_rules! __served {
    ($serve:path, $make:path, [$($option:ident $($value:expr)?),*]) => {
        const _: () = {
            #[derive(Debug)]
            struct Exported;

            impl $crate::export::Entry for Exported {
                type App = $crate::tower::Served;
                const FLAVOUR: u32 = $crate::abi::app::flavour::ASYNC;

                fn init(config: &str, purpose: $crate::Purpose) -> $crate::Result<Self::App> {
                    $serve($make, config, purpose)
                }

                fn call(
                    app: &::std::sync::Arc<Self::App>,
                    handle: $crate::bridge::exchange::Handle,
                    asked: $crate::bridge::room::Asked<'_>,
                ) -> $crate::export::Called {
                    app.call(handle, asked)
                }

                fn drain(app: &Self::App, deadline: ::std::time::Duration) {
                    app.drain(deadline);
                }

                fn resume(app: &Self::App) {
                    app.resume();
                }
            }

            $crate::__export!(Exported, [$($option $($value)?),*]);
        };
    };
}

/// Compiles the examples of the page about frameworks.
#[cfg(doctest)]
#[doc = include_str!("../../docs/axum.md")]
pub struct AxumPage;
