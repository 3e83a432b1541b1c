//! A service that serves: one that every core may call at once.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Buf;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::constructor::{Constructor, Made, kind};
use super::failure::{self, BoxError};
use super::request::{Requests, Wish};
use super::response::Answered;
use super::runtime::{Entry, Runtime};
use super::upgrade::{self, Played};
use super::{Body, leave, response};
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
    /// Calls it when it is ready, inside of its runtime.
    fn answer(self, request: Request<Body>, turn: Turn<'_>) -> Called;
}

/// What a client wants beside an answer, and where the answer is put.
pub struct Turn<'a> {
    wish: Wish,
    entry: &'a Entry,
    asked: Asked<'a>,
}

impl<S, B> HttpService for S
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    S::Future: 'static,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    fn answer(mut self, request: Request<Body>, turn: Turn<'_>) -> Called {
        // Nearly always; then what waits is the service's own future, and nothing around it.
        if turn.wish == Wish::Nothing
            && let Poll::Ready(ready) = self.poll_ready(&mut Context::from_waker(Waker::noop()))
        {
            return match ready {
                Ok(()) => turn.begin(|| Answering { response: self.call(request) }),
                Err(error) => Called::Answered(Err(failure::not_ready(error.into()))),
            };
        }
        let wish = turn.wish;
        turn.begin(|| wait(self, request, wish))
    }
}

/// Waits until a service is ready, and answers.
async fn wait<S, B>(mut service: S, mut request: Request<Body>, wish: Wish) -> Result<Answered>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>>,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    let ready = poll_fn(|context| service.poll_ready(context)).await;
    ready.map_err(|error| failure::not_ready(error.into()))?;
    let played = match wish {
        Wish::Upgrade if upgrade::is_asked(&request) => Some(Played::begin(&mut request).await?),
        Wish::Upgrade | Wish::Nothing => None,
    };
    let mut response = pin!(service.call(request));
    poll_fn(|context| {
        let polled = response.as_mut().poll(context);
        polled.map(|response| {
            let mut response = response.map_err(|error| failure::of(error.into()))?;
            if let Some(played) = &played {
                played.take_over(&mut response);
            }
            response::of(response, context)
        })
    })
    .await
}

pin_project! {
    /// The response of a service, once it is there.
    struct Answering<F> {
        #[pin]
        response: F,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    E: Into<BoxError>,
{
    type Output = Result<Answered>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Answered>> {
        self.project().response.poll(context).map(|response| match response {
            Ok(response) => response::of(response, context),
            Err(error) => Err(failure::of(error.into())),
        })
    }
}

impl Turn<'_> {
    // A future is a request and more: each step into a function that stays one is a copy of it.
    #[inline(always)]
    fn begin<F>(self, answer: impl FnOnce() -> F) -> Called
    where
        F: Future<Output = Result<Answered>> + Send + 'static,
    {
        match future::begin(|| self.entry.clone().begun_inside(answer()), self.asked) {
            Ok(answer) => Called::Filled(answer),
            Err(pending) => Called::Later(pending),
        }
    }
}

/// A service of this library and its runtime, as [`service!`](crate::service) keeps them.
pub struct Served {
    /// There until the drop.
    service: Option<Box<dyn Shared>>,
    requests: Requests,
    runtime: Runtime,
}

/// What all services are to whoever keeps them.
trait Shared: Send + Sync {
    fn call(&self, request: Request<Body>, turn: Turn<'_>) -> Called;
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

/// Entry of a service that is linked into a program. There may be several, and nobody takes the
/// place of one: it is not told to leave.
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
    Ok(Served { service: Some(Box::new(Mutex::new(made))), requests: Requests::none(), runtime })
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
        let _entered = entry.enter();
        let Some(service) = &self.service else {
            return Called::Answered(Err(Error::new("its service is gone")));
        };
        match self.requests.of(handle) {
            Ok((request, wish)) => service.call(request, Turn { wish, entry, asked }),
            Err(error) => Called::Answered(Err(error)),
        }
    }
}

impl<S: HttpService> Shared for Mutex<S> {
    fn call(&self, request: Request<Body>, turn: Turn<'_>) -> Called {
        // A clone that panics leaves the original as it was.
        let service = self.lock().unwrap_or_else(PoisonError::into_inner).clone();
        service.answer(request, turn)
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

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}
