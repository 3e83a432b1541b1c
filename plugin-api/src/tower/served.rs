//! A service that serves: one that every core may call at once.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Buf;
use http::{Request, Response};
use tower_service::Service;

use super::constructor::{Constructor, Made, kind};
use super::failure::{self, BoxError};
use super::request::Wish;
use super::runtime::{Entry, Runtime};
use super::upgrade::{self, Played};
use super::{Body, leave, request, response};
use crate::abi::app::flavour;
use crate::bridge::exchange::Handle;
use crate::bridge::future;
use crate::bridge::room::Asked;
use crate::export::{self, Called, Linked, linked};
use crate::{Error, Previous, Purpose, Result};

/// A service that can serve: any tower service of requests and responses that can be cloned.
///
/// Each request is given a clone of its own, as a server gives one to each connection.
pub trait HttpService: Service<Request<Body>> + Clone + Send + 'static {
    /// Calls it when it is ready.
    fn respond(
        self,
        request: Request<Body>,
        entry: InsideOf<'_>,
    ) -> impl Future<Output = Result<impl future::Answers + 'static>> + Send + 'static;
}

/// The runtime that a service is called in, and what its client wants beside an answer.
pub struct InsideOf<'a>(&'a Entry, Wish);

impl<S, B> HttpService for S
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    fn respond(
        mut self,
        mut request: Request<Body>,
        InsideOf(entry, wish): InsideOf<'_>,
    ) -> impl Future<Output = Result<impl future::Answers + 'static>> + Send + 'static {
        let entry = entry.clone();
        async move {
            let ready = poll_fn(|context| self.poll_ready(context)).await;
            ready.map_err(|error| failure::not_ready(error.into()))?;
            let played = match wish {
                Wish::Upgrade if upgrade::is_asked(&request) => {
                    Some(Played::begin(&mut request).await?)
                }
                Wish::Upgrade | Wish::Nothing => None,
            };
            let mut response = pin!(self.call(request));
            poll_fn(|context| {
                let Poll::Ready(response) = response.as_mut().poll(context) else {
                    return Poll::Pending;
                };
                Poll::Ready(match response {
                    Ok(mut response) => {
                        if let Some(played) = &played {
                            played.take_over(&mut response, &entry);
                        }
                        response::of(response, context, &entry)
                    }
                    Err(error) => Err(failure::of(error.into())),
                })
            })
            .await
        }
    }
}

/// A service of this library and its runtime, as [`service!`](crate::service) keeps them.
pub struct Served {
    /// There until the drop.
    service: Option<Box<dyn Shared>>,
    runtime: Runtime,
}

/// What all services are to whoever keeps them.
trait Shared: Send + Sync {
    fn call(&self, handle: Handle, asked: Asked<'_>, entry: &Entry) -> Called;
}

/// Makes the service of a constructor, in a runtime of its own.
///
/// # Errors
/// The constructor's, and those of its config.
pub fn serve<F, A, M>(constructor: F, config: &str, purpose: Purpose) -> Result<Served>
where
    F: Constructor<A, Returned: Made<kind::Service, M, Product: HttpService>>,
{
    make::<kind::Service, F, A, M>(constructor, config, purpose)
}

/// The same for a layer, around what is further in.
///
/// # Errors
/// The constructor's, and those of its config.
pub fn serve_layer<F, A, M>(constructor: F, config: &str, purpose: Purpose) -> Result<Served>
where
    F: Constructor<A, Returned: Made<kind::Layer, M, Product: HttpService>>,
{
    make::<kind::Layer, F, A, M>(constructor, config, purpose)
}

/// The same functions as in a library, around a service of this program.
///
/// # Errors
/// The constructor's, and those of its config.
pub(crate) fn link_service<F, A, M>(constructor: F, config: &str) -> Result<Linked>
where
    F: Constructor<A, Returned: Made<kind::Service, M, Product: HttpService>>,
{
    let served = serve(constructor, config, Purpose::Serve(Previous::None))?;
    Ok(linked::<Linkable>(served))
}

/// Entry of a service that is linked into a program.
struct Linkable;

impl export::Entry for Linkable {
    type App = Served;
    const FLAVOUR: u32 = flavour::ASYNC;

    fn init(_: &str, _: Purpose) -> Result<Served> {
        Err(Error::new("a linked-in service is made by its program"))
    }

    fn call(app: &Arc<Served>, handle: Handle, asked: Asked<'_>) -> Called {
        app.call(handle, asked)
    }

    fn drain(app: &Served, deadline: Duration) {
        app.drain(deadline);
    }

    fn resume(app: &Served) {
        app.resume();
    }
}

fn make<K, F, A, M>(constructor: F, config: &str, purpose: Purpose) -> Result<Served>
where
    F: Constructor<A, Returned: Made<K, M, Product: HttpService>>,
{
    let runtime = Runtime::start()?;
    let made = {
        let _entered = runtime.entry().enter();
        constructor.construct(config, purpose)?.finish(&runtime)?
    };
    Ok(Served { service: Some(Box::new(Mutex::new(made))), runtime })
}

impl Served {
    /// No new requests will come: whoever waits for [`leave`](super::leave()) is told.
    pub fn drain(&self, deadline: Duration) {
        let _entered = self.runtime.entry().enter();
        leave::begin(deadline);
    }

    /// Requests will come again.
    pub fn resume(&self) {
        leave::stay();
    }

    /// Answers one request.
    #[must_use]
    pub fn call(&self, handle: Handle, asked: Asked<'_>) -> Called {
        let entry = self.runtime.entry();
        match &self.service {
            Some(service) => service.call(handle, asked, entry),
            None => Called::Answered(Err(Error::new("its service is gone"))),
        }
    }
}

impl<S: HttpService> Shared for Mutex<S> {
    fn call(&self, handle: Handle, asked: Asked<'_>, entry: &Entry) -> Called {
        let _entered = entry.enter();
        let (request, wish) = match request::of(handle) {
            Ok(received) => received,
            Err(error) => return Called::Answered(Err(error)),
        };
        // A clone that panics leaves the original as it was.
        let service = self.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = service.respond(request, InsideOf(entry, wish));
        match future::begin(entry.clone().begun_inside(answer), asked) {
            Ok(answer) => Called::Filled(answer),
            Err(pending) => Called::Later(pending),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Before the runtime, which ends next.
        let _entered = self.runtime.entry().enter();
        drop(self.service.take());
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}

impl fmt::Debug for InsideOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InsideOf")
    }
}
