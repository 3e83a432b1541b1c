//! Each request is given a clone of the service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use dsgi::tower::Body;
use http::{Request, Response};
use tower_service::Service;

struct Once;

impl Service<Request<Body>> for Once {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

fn service() -> Once {
    Once
}

dsgi::service!(service);

fn main() {}
