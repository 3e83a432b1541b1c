//! Services of hyper's own trait, as those of tower.

use std::fmt;
use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use super::Body;

/// Makes a service of hyper's own, as `hyper::service::service_fn` gives one, a service of tower:
/// one that is always ready.
///
/// ```
/// # mod example {
/// use dsgi::tower::{Body, HttpService};
/// use http::{Request, Response};
/// use hyper::service::service_fn;
///
/// pub fn hello() -> impl HttpService {
///     dsgi::tower::of_hyper(service_fn(async |request: Request<Body>| {
///         let text = format!("hello from hyper, {}\n", request.uri().path());
///         Response::builder().header("Content-Type", "text/plain; charset=utf-8").body(text)
///     }))
/// }
/// dsgi::service!(hello);
/// # }
/// # fn main() -> dsgi::Result<()> {
/// let app = dsgi::test::App::service(example::hello, ())?;
/// assert_eq!(app.get("/you").text(), "hello from hyper, /you\n");
/// # Ok(())
/// # }
/// ```
pub const fn of_hyper<S>(service: S) -> OfHyper<S> {
    OfHyper(service)
}

/// What [`of_hyper`] gives.
#[derive(Clone)]
pub struct OfHyper<S>(S);

impl<S: hyper::service::Service<Request<Body>>> Service<Request<Body>> for OfHyper<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.0.call(request)
    }
}

impl<S> fmt::Debug for OfHyper<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfHyper")
    }
}
