//! What a layer calls: the next application inwards.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::bridge::future::Pending;
use crate::bridge::inward::{self, Given, Inward};
use crate::{Body, Environ, Error, Head, Result, StartResponse};

/// The next application inwards, for a layer of the sync form: called like a function.
///
/// It is given an environ and a `start_response`, the layer's own or others, and says its head to
/// the one and returns its body. It may be called several times, or not at all. What is returned
/// untouched is handed on as it came: no byte of a body is copied.
///
/// ```
/// use dsgi::{Body, Environ, Inner, StartResponse};
///
/// fn tea(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///     if environ.get("PATH_INFO") == Some("/coffee") {
///         start_response("418 I'm a teapot", &[])?;
///         return Ok(Body::empty());
///     }
///     inner(environ, start_response)
/// }
/// dsgi::middleware!(tea);
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Inner(());

/// The next application inwards, for a layer of the async form: called like an async function.
///
/// ```
/// use dsgi::{AsyncInner, Body, Environ, StartResponse};
///
/// async fn log(
///     inner: AsyncInner,
///     environ: Environ,
///     start_response: StartResponse,
/// ) -> dsgi::Result<Body> {
///     let path = environ["PATH_INFO"].to_owned();
///     let body = inner(environ, start_response).await?;
///     Ok(body.on_close(move |outcome, sent| eprintln!("{path} {outcome:?} {sent}")))
/// }
/// dsgi::middleware!(log);
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AsyncInner(());

/// A response as a value: what `respond` gives, before it is said to `start_response`.
///
/// ```
/// use dsgi::{Body, Environ, Inner, StartResponse};
///
/// /// Asks once more where the first answer was a 503.
/// fn retry(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
///     let again = environ.duplicate()?;
///     let mut response = inner.respond(environ)?;
///     if response.head.status() == 503 {
///         response = inner.respond(again)?;
///     }
///     response.head.set("X-Tried", "yes");
///     response.send(start_response)
/// }
/// dsgi::middleware!(retry);
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Response {
    /// Status and header fields.
    pub head: Head,
    /// What follows them. A response that is dropped ends as failed.
    pub body: Body,
}

impl Inner {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// Calls the next application, and gives its response as a value.
    ///
    /// # Errors
    /// The error of the application inside, with its status.
    pub fn respond(self, environ: Environ) -> Result<Response> {
        answered(inward::call(environ.into_handle()?, None)).map(Response::from)
    }
}

/// What a layer is called inside of, as a function.
fn call(environ: Environ, start_response: StartResponse) -> Result<Body> {
    let handle = environ.into_handle()?;
    let given = answered(inward::call(handle, Some(start_response.started())))?;
    start_response.hand_on(given)
}

fn answered(inward: Inward) -> Result<Given> {
    match inward {
        Inward::Answered(answered) => answered,
        Inward::Later(_) => Err(Error::new(
            "the application inside answers later, and nobody has waited for it: a layer of the \
             sync form stands on a core",
        )),
    }
}

impl Deref for Inner {
    type Target = dyn Fn(Environ, StartResponse) -> Result<Body> + Send + Sync;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &call
    }
}

impl AsyncInner {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// Calls the next application, and gives its response as a value.
    ///
    /// # Errors
    /// The error of the application inside, with its status.
    ///
    /// ```
    /// # use dsgi::{AsyncInner, Body, Environ, StartResponse};
    /// # async fn layer(inner: AsyncInner, environ: Environ, start_response: StartResponse)
    /// #     -> dsgi::Result<Body> {
    /// let mut response = inner.respond(environ).await?;
    /// response.head.set("X-Frame-Options", "DENY");
    /// response.send(start_response)
    /// # }
    /// ```
    pub async fn respond(self, environ: Environ) -> Result<Response> {
        Call::new(environ, None).await.map(|(given, _)| Response::from(given))
    }
}

impl Deref for AsyncInner {
    type Target = dyn Fn(Environ, StartResponse) -> Answer + Send + Sync;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &call_later
    }
}

fn call_later(environ: Environ, start_response: StartResponse) -> Answer {
    Answer(Call::new(environ, Some(start_response)))
}

/// The answer of the next application, to be awaited. Dropping it cancels the call.
#[derive(Debug)]
#[must_use = "the application inside is called when this is awaited"]
pub struct Answer(Call);

#[derive(Debug)]
struct Call {
    stage: Stage,
    start_response: Option<StartResponse>,
}

#[derive(Debug)]
enum Stage {
    Begun(Box<Environ>),
    Later(Pending),
    Over,
}

impl Call {
    fn new(environ: Environ, start_response: Option<StartResponse>) -> Self {
        Self { stage: Stage::Begun(Box::new(environ)), start_response }
    }

    fn begin(&mut self, environ: Environ) -> Result<Inward> {
        let started = self.start_response.as_ref().map(StartResponse::started);
        Ok(inward::call(environ.into_handle()?, started))
    }
}

impl Future for Call {
    type Output = Result<(Given, Option<StartResponse>)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Begun(environ) => match self.begin(*environ)? {
                    Inward::Later(pending) => self.stage = Stage::Later(pending),
                    Inward::Answered(answered) => {
                        return Poll::Ready(answered.map(|it| (it, self.start_response.take())));
                    }
                },
                Stage::Later(mut pending) => match inward::poll(&mut pending, context.waker()) {
                    Poll::Pending => {
                        self.stage = Stage::Later(pending);
                        return Poll::Pending;
                    }
                    Poll::Ready(answered) => {
                        return Poll::Ready(answered.map(|it| (it, self.start_response.take())));
                    }
                },
                Stage::Over => return Poll::Ready(Err(Error::new("polled after its answer"))),
            }
        }
    }
}

impl Future for Answer {
    type Output = Result<Body>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Body>> {
        Pin::new(&mut self.0).poll(context).map(|answered| match answered? {
            (given, Some(start_response)) => start_response.hand_on(given),
            (given, None) => Ok(Body::of_inner(given.body)),
        })
    }
}

impl Response {
    /// Says the head to `start_response`, and gives the body to return.
    ///
    /// # Errors
    /// When a head was said before, or the status is not 200 to 999.
    pub fn send(self, start_response: StartResponse) -> Result<Body> {
        start_response.started().send_head(self.head)?;
        Ok(self.body)
    }
}

impl From<Given> for Response {
    fn from(given: Given) -> Self {
        Self { head: given.head.read(), body: Body::of_inner(given.body) }
    }
}
