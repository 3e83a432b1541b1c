//! The HTTP gateway: one connection, HTTP/1.1 or HTTP/2, from its first byte to its end.

mod connection;
mod socket;
mod strict;

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::service::Service;

pub(crate) use self::connection::serve;
use self::strict::Framing;
use crate::dispatch::{Dispatched, dispatch};
use crate::duty::Duty;
use crate::invoke::answer::Wanted;
use crate::invoke::exchange::input::Input;
use crate::limits::Limits;
use crate::message::{Origin, Request, Response};
use crate::site::Site;

/// Answers the requests of one connection.
#[derive(Debug)]
pub(crate) struct Answers {
    site: Arc<Site>,
    origin: Arc<Origin>,
    duty: Arc<Duty>,
    limits: Arc<Limits>,
}

impl Service<http::Request<Incoming>> for Answers {
    type Response = Response;
    type Error = Infallible;
    type Future = Dispatched;

    #[inline]
    fn call(&self, request: http::Request<Incoming>) -> Dispatched {
        let wanted = Wanted::by(request.method());
        let mut dispatched = Dispatched::new(self.duty.begin(), wanted);
        let (mut head, incoming) = request.into_parts();
        let framing = if incoming.is_end_stream() { Framing::None } else { Framing::Some };
        let checked = strict::check(&head, framing, self.limits.target_bytes);
        match checked.and_then(|()| strict::name_host(&mut head)) {
            Ok(()) => {
                let input = Input::client(incoming, self.limits.body_timeout);
                let request = Request { head, input };
                dispatch(&self.site, request, &self.origin, &mut dispatched);
            }
            Err(refusal) => dispatched.answer(refusal.into_response()),
        }
        dispatched
    }
}
