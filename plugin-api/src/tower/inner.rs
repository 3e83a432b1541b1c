//! What is further in, as a service: the innermost of a layer of tower.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::failure::BoxError;
use super::inside::{self, InnerBody};
use super::inwards;
use crate::bridge::exchange::Handle;
use crate::bridge::future::Pending;
use crate::bridge::inward::{self, Inward};
use crate::{Error, Result};

/// The application, or the layer, that stands further in: what a [`tower::Layer`] is given by
/// `dsgi::middleware!(tower make)`.
///
/// What a layer leaves as it is is not copied: a request is changed only where it was changed, and
/// a body that was not looked at goes on as it came. A request that was made anew, without the
/// extensions of the one that came, cannot be sent inwards.
///
/// ```
/// # mod example {
/// use dsgi::tower::InnerService;
/// use tower_layer::{LayerFn, layer_fn};
///
/// /// Leaves everything as it is.
/// fn plain() -> LayerFn<fn(InnerService) -> InnerService> {
///     layer_fn(|inner| inner)
/// }
/// dsgi::middleware!(tower plain);
/// # }
/// # fn main() {}
/// ```
///
/// [`tower::Layer`]: tower_layer::Layer
#[derive(Clone, Copy, Debug)]
pub struct InnerService(());

impl InnerService {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

impl<B> Service<Request<B>> for InnerService
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<InnerBody>;
    type Error = Error;
    type Future = Calling;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Calling {
        Calling(match inwards::handle(request) {
            Ok(handle) => Stage::Begun(Box::new(handle)),
            Err(error) => Stage::Refused(error),
        })
    }
}

/// The response of what is further in, to be awaited. Dropping it cancels the call.
pub struct Calling(Stage);

enum Stage {
    Begun(Box<Handle>),
    Refused(Error),
    Later(Pending),
    Over,
}

impl Future for Calling {
    type Output = Result<Response<InnerBody>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.0, Stage::Over) {
                Stage::Begun(handle) => match inward::call(*handle, None) {
                    Inward::Answered(given) => {
                        return Poll::Ready(given.and_then(inside::response));
                    }
                    Inward::Later(pending) => self.0 = Stage::Later(pending),
                },
                Stage::Later(mut pending) => match inward::poll(&mut pending, context.waker()) {
                    Poll::Ready(given) => return Poll::Ready(given.and_then(inside::response)),
                    Poll::Pending => {
                        self.0 = Stage::Later(pending);
                        return Poll::Pending;
                    }
                },
                Stage::Refused(error) => return Poll::Ready(Err(error)),
                Stage::Over => return Poll::Ready(Err(Error::new("polled after its answer"))),
            }
        }
    }
}

impl fmt::Debug for Calling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::Begun(_) => "Calling(not yet)",
            Stage::Refused(_) => "Calling(refused)",
            Stage::Later(_) => "Calling",
            Stage::Over => "Calling(over)",
        })
    }
}
