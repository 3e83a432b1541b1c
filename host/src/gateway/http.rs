//! The HTTP gateway: one connection, HTTP/1.1 or HTTP/2, from its first byte to its end.

mod connection;
mod duty;
mod guard;
mod socket;
mod strict;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Incoming};
use hyper::service::Service;

pub(crate) use self::connection::serve;
pub(crate) use self::duty::{Duties, Verdict};
use self::duty::{Duty, InHand};
use self::strict::Framing;
use crate::dispatch::{Dispatched, dispatch};
use crate::invoke::body::ReplyBody;
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
    type Response = http::Response<guard::Guarded<ReplyBody>>;
    type Error = Infallible;
    type Future = Answer;

    #[inline]
    fn call(&self, request: http::Request<Incoming>) -> Answer {
        let in_hand = self.duty.begin();
        let (head, incoming) = request.into_parts();
        let framing = if incoming.is_end_stream() { Framing::None } else { Framing::Some };
        let dispatched = match strict::check(&head, framing, self.limits.target_bytes) {
            Ok(()) => {
                let request = Request { head, input: Input::client(incoming, self.limits.body_timeout) };
                dispatch(&self.site, request, &self.origin)
            }
            Err(refusal) => Dispatched::Done(Some(refusal.into_response())),
        };
        Answer { dispatched, in_hand: Some(in_hand) }
    }
}

/// The answer to one request, in hand until its body was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    dispatched: Dispatched,
    in_hand: Option<InHand>,
}

impl Future for Answer {
    type Output = Result<http::Response<guard::Guarded<ReplyBody>>, Infallible>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.dispatched).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(response) => Poll::Ready(Ok(self.guard(response))),
        }
    }
}

impl Answer {
    #[inline]
    fn guard(&mut self, response: Response) -> http::Response<guard::Guarded<ReplyBody>> {
        let in_hand = self.in_hand.take();
        response.map(|body| guard::Guarded::new(body, in_hand))
    }
}
