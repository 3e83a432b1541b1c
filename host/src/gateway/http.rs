//! The HTTP gateway: one connection, HTTP/1.1 or HTTP/2, from its first byte to its end.

mod connection;
mod socket;
mod strict;

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::service::Service;

pub(crate) use self::connection::serve;
use self::strict::{Framing, KnownHost};
use crate::dispatch::{Dispatched, dispatch};
use crate::duty::Duty;
use crate::invoke::answer::Wanted;
use crate::invoke::exchange::input::Input;
use crate::limits::Limits;
use crate::message::{Origin, Response};
use crate::site;

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
    fn call(&self, request: http::Request<Incoming>) -> Dispatched {
        let mut place = None;
        let request = place.insert(request);
        let wanted = Wanted::by(request.method());
        let mut dispatched = Dispatched::new(self.duty.begin(), wanted);
        let ended = request.body().is_end_stream();
        let framing = if ended { Framing::None } else { Framing::Some };
        let known = &self.known_host;
        let checked = strict::check(request, framing, self.limits.target_bytes, known);
        let checked = checked.and_then(|()| strict::count(request, self.limits.header_count));
        match checked.and_then(|()| strict::name_host(request)) {
            Ok(()) => {
                let input = |incoming| Input::client(incoming, self.limits.body_timeout);
                site::current(|site| {
                    dispatch(site, &mut place, input, &self.origin, &mut dispatched);
                });
            }
            Err(refusal) => dispatched.answer(refusal.into_response()),
        }
        dispatched
    }
}
