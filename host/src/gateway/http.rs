//! The HTTP gateway: one connection, HTTP/1.1 or HTTP/2, from its first byte to its end.

mod connection;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod line;
mod socket;
mod taken;

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::service::Service;

pub(crate) use self::connection::serve;
use super::strict::{self, Framing, KnownHost, Refusal};
use crate::dispatch::{self, Answering, Dispatched};
use crate::duty::Duty;
use crate::invoke::answer::Wanted;
use crate::invoke::exchange::input::Input;
use crate::invoke::exchange::{Begun, begin};
use crate::limits::Limits;
use crate::message::{Origin, Response};

/// Answers the requests of one connection.
#[derive(Debug)]
pub(crate) struct Answers {
    origin: Arc<Origin>,
    duty: Arc<Duty>,
    limits: Arc<Limits>,
    known_host: KnownHost,
}

impl Service<http::Request<Incoming>> for Answers {
    type Response = Response;
    type Error = Infallible;
    type Future = Dispatched;

    #[inline]
    fn call(&self, mut request: http::Request<Incoming>) -> Dispatched {
        let mut wanted = Wanted::by(request.method());
        // hyper puts something there for nothing else than a request for another protocol.
        if !request.extensions().is_empty() {
            wanted = strict::upgrade(&request, wanted);
        }
        let mut dispatched = Dispatched::new(self.duty.begin(), wanted);
        if let Err(refusal) = self.check(&mut request) {
            dispatched.answer(refusal.into_response());
            return dispatched;
        }
        match dispatch::find(&request) {
            Ok(found) if request.body().is_end_stream() => {
                dispatched.call(found, begin!(request), |_| None, &self.origin);
            }
            Ok(found) => self.call_with_body(&mut dispatched, found, begin!(request)),
            Err(instead) => {
                dispatched.instead(instead, request, |body| self.input(body), &self.origin);
            }
        }
        dispatched
    }
}

impl Answers {
    /// Apart, so that requests without a body pay nothing for those that have one.
    #[inline(never)]
    fn call_with_body(
        &self,
        dispatched: &mut Dispatched,
        found: Answering,
        begun: Begun<Incoming>,
    ) {
        dispatched.call(found, begun, |body| self.input(body), &self.origin);
    }

    fn input(&self, incoming: Incoming) -> Option<Input> {
        Input::client(incoming, self.limits.body_timeout)
    }

    #[inline(always)]
    fn check(&self, request: &mut http::Request<Incoming>) -> Result<(), Refusal> {
        let ended = request.body().is_end_stream();
        let framing = if ended { Framing::None } else { Framing::Some };
        strict::check(request, framing, self.limits.target_bytes, &self.known_host)?;
        strict::count(request, self.limits.header_count)?;
        strict::name_host(request)
    }
}
