//! From a request to its answer: mount, lease, call. The only place that invents a status.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};

use crate::invoke::answer::{Answered, Failed, Wanted};
use crate::invoke::blocking::{self, Waiting};
use crate::invoke::body::ReplyBody;
use crate::invoke::call::{self, Called};
use crate::invoke::exchange::{Exchange, Mounted};
use crate::invoke::later::Later;
use crate::lease::Lease;
use crate::message::{Origin, Request, Response};
use crate::path;
use crate::plugin::generation::Flavour;
use crate::site::{Found, Site};

/// A request that was dispatched; the response is its output.
#[derive(Debug)]
pub(crate) enum Dispatched {
    /// Answered already.
    Done(Option<Response>),
    /// An async application works on it.
    Later(Box<(Later, Lease)>),
    /// A pool's thread works on it.
    Pool(Box<(Waiting, Lease)>),
}

/// Sends a request to its application.
#[inline(always)]
pub(crate) fn dispatch(site: &Site, request: Request, origin: &Arc<Origin>) -> Dispatched {
    let wanted = Wanted::by(&request.head.method);
    match find(site, &request) {
        Ok(mounted) => invoke(request, mounted, origin, wanted),
        Err(response) => Dispatched::Done(Some(*response)),
    }
}

fn find(site: &Site, request: &Request) -> Result<Mounted, Box<Response>> {
    let path = request.head.uri.path();
    let asterisk = path == "*" && request.head.method == Method::OPTIONS;
    if !asterisk && let Err(fault) = path::check(path) {
        return Err(Box::new(page(StatusCode::BAD_REQUEST, &fault.to_string())));
    }
    match site.find(path) {
        Found::Mount(mounted) => Ok(mounted),
        Found::Unavailable(why) => Err(Box::new(unavailable(why))),
        Found::Nothing => Err(Box::new(page(StatusCode::NOT_FOUND, "nothing is mounted here"))),
    }
}

#[inline(always)]
fn invoke(
    request: Request,
    mounted: Mounted,
    origin: &Arc<Origin>,
    wanted: Wanted,
) -> Dispatched {
    let lease = mounted.lease.clone();
    let flavour = lease.flavour();
    let exchange = Exchange::new(request, mounted, Arc::clone(origin));
    if flavour == Flavour::Blocking {
        return match blocking::begin(exchange, wanted) {
            Ok(waiting) => Dispatched::Pool(Box::new((waiting, lease))),
            Err(blocking::Full) => {
                Dispatched::Done(Some(unavailable("too many requests wait for this application")))
            }
        };
    }
    match call::outermost(exchange, wanted) {
        Called::Answered(answered) => Dispatched::Done(Some(settle(answered, &lease))),
        Called::Later(pending) => {
            Dispatched::Later(Box::new((Later::new(pending, lease.clone(), wanted), lease)))
        }
    }
}

/// A response, or the page that stands for its failure.
#[inline(always)]
pub(crate) fn settle(answered: Answered, lease: &Lease) -> Response {
    answered.unwrap_or_else(|failed| failure(&failed, lease))
}

#[cold]
fn failure(failed: &Failed, lease: &Lease) -> Response {
    let app = lease.name();
    let status = failed.status.as_u16();
    if failed.status.is_server_error() {
        tracing::error!(app, status, "{}", failed.message);
    } else {
        tracing::info!(app, status, "{}", failed.message);
    }
    page(failed.status, "")
}

/// A response of the host's own: the status as text, and a reason that helps the client.
#[cold]
pub(crate) fn page(status: StatusCode, why: &str) -> Response {
    let reason = status.canonical_reason().unwrap_or("Error");
    let text = if why.is_empty() {
        format!("{} {reason}\n", status.as_u16())
    } else {
        format!("{} {reason}: {why}\n", status.as_u16())
    };
    let mut response = http::Response::new(ReplyBody::host(Bytes::from(text)));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

fn unavailable(why: &str) -> Response {
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

impl Future for Dispatched {
    type Output = Response;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        match &mut *self {
            Self::Done(response) => match response.take() {
                Some(response) => Poll::Ready(response),
                None => Poll::Ready(page(StatusCode::INTERNAL_SERVER_ERROR, "")),
            },
            Self::Later(work) => {
                let (later, lease) = &mut **work;
                Pin::new(later).poll(context).map(|answered| settle(answered, lease))
            }
            Self::Pool(work) => {
                let (waiting, lease) = &mut **work;
                Pin::new(waiting).poll(context).map(|answered| settle(answered, lease))
            }
        }
    }
}

