//! From a request to its answer: mount, lease, call. The only place that invents a status.

mod held;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dsgi::bridge::room::Room;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};

use self::held::Held;
use crate::duty::InHand;
use crate::gate::Gate;
use crate::invoke::answer::{Failed, Wanted};
use crate::invoke::blocking::{self, Waiting, take_over};
use crate::invoke::body::ReplyBody;
use crate::invoke::call::{self, Called};
use crate::invoke::exchange::input::Input;
use crate::invoke::exchange::{Begun, Mounted};
use crate::invoke::later::Later;
use crate::lease::{Counted, Lease};
use crate::message::{Origin, Response};
use crate::path;
use crate::plugin::generation::Flavour;
use crate::site::{self, Found, Mount, Site};

/// A request that was dispatched; its future is the response.
///
/// An application that does not wait was called already: hyper looks for more input before it polls
/// this, and can use the memory of the head again only if nobody holds the head any more
/// (measured: 5 % of a small request).
#[derive(Debug)]
pub(crate) struct Dispatched {
    /// Always there, until its memory is kept for the next request.
    underway: Option<Box<Underway>>,
}

/// Filled in where it stays: moving a response about costs more than calling an application.
#[derive(Debug)]
struct Underway {
    /// None once it was sent, so that nothing of it is left to drop.
    response: Option<Response>,
    work: Work,
    wanted: Wanted,
    /// Lent with each call.
    room: Room,
}

thread_local! {
    /// For the next request of this thread.
    static SPARE: Cell<Option<Box<Underway>>> = const { Cell::new(None) };
}

/// Who works on the response.
#[derive(Debug)]
enum Work {
    /// Nobody any more.
    Done,
    /// An async application.
    Later(Box<Later>),
    /// A pool's thread.
    Pool(Waiting),
    /// Nobody yet: the next version of the application is to.
    Held(Box<Held>),
}

impl Dispatched {
    /// The response to a request in hand, still empty.
    #[inline(always)]
    pub(crate) fn new(in_hand: InHand, wanted: Wanted) -> Self {
        let mut underway = SPARE.take().unwrap_or_else(Underway::new);
        let response = http::Response::new(ReplyBody::none(Some(in_hand)));
        // What was there was sent: even finding that out costs a call.
        let before = ManuallyDrop::new(underway.response.replace(response));
        debug_assert!(before.is_none(), "memory was kept with something left in it");
        underway.wanted = wanted;
        Self { underway: Some(underway) }
    }

    /// A response that was made elsewhere.
    #[cold]
    pub(crate) fn answer(&mut self, response: Response) {
        if let Some(Underway { response: Some(place), .. }) = self.underway.as_deref_mut() {
            take_over(place, response);
        }
    }

    /// Whether nobody works on the response any more.
    #[inline]
    fn is_done(&self) -> bool {
        matches!(self.underway.as_deref(), Some(Underway { work: Work::Done, .. }))
    }

    /// Goes on until nobody works on the response any more.
    fn work_on(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(underway) = &mut self.underway else { return Poll::Pending };
        if matches!(underway.work, Work::Held(_)) {
            ready!(self.poll_held(context))
        }
        self.underway.as_mut().map_or(Poll::Pending, |underway| underway.poll_work(context))
    }
}

impl Underway {
    #[cold]
    fn new() -> Box<Self> {
        let (response, work, wanted) = (None, Work::Done, Wanted::All);
        Box::new(Self { response, work, wanted, room: Room::new() })
    }
}

/// Finds out which stack answers a request, and counts it there.
#[inline(always)]
pub(crate) fn find<B>(request: &Request<B>) -> Result<Answering, Instead> {
    site::current(|site| {
        let mount = look_up(site, request)?;
        Ok((mount.share(), mount.lease.count()))
    })
}

/// What answers a request, and what counts it there.
pub(crate) type Answering = (Mounted, Counted);

/// What comes of a request that no stack answers.
#[derive(Debug)]
pub(crate) enum Instead {
    Response(Box<Response>),
    Wait(Arc<Gate>),
}

#[inline(always)]
fn look_up<'a, B>(site: &'a Site, head: &Request<B>) -> Result<Mount<'a>, Instead> {
    let path = head.uri().path();
    let asterisk = || path == "*" && head.method() == Method::OPTIONS;
    if let Err(fault) = path::check(path)
        && !asterisk()
    {
        return Err(page(StatusCode::BAD_REQUEST, &fault.to_string()).into());
    }
    // A gateway has put it there, wherever a client has named it.
    let host = || head.headers().get(HOST).and_then(|host| host.to_str().ok());
    match site.find(host, path) {
        Found::Mount(mount) => Ok(mount),
        Found::Unavailable(why) => Err(unavailable(why).into()),
        Found::Held(gate) => Err(Instead::Wait(Arc::clone(gate))),
        Found::Nothing => Err(page(StatusCode::NOT_FOUND, "nothing is mounted here").into()),
    }
}

impl Dispatched {
    /// Calls the application, or sees to it that it is called; `input` makes the body of the
    /// request what an exchange reads.
    ///
    /// Everything on that way is inlined, and the request stays where hyper has put it until it is
    /// taken apart: every move of it is a copy of 264 bytes.
    #[inline(always)]
    pub(crate) fn call<B>(
        &mut self,
        (mounted, counted): Answering,
        begun: Begun<B>,
        input: impl FnOnce(B) -> Option<Input>,
        origin: &Arc<Origin>,
    ) {
        let mut upload = false;
        let input = |body| {
            let input = input(body);
            upload = input.is_some();
            input
        };
        let exchange = begun.exchange(input, mounted, Arc::clone(origin));
        let Some(underway) = self.underway.as_deref_mut() else { return };
        let wanted = underway.wanted;
        let Some(response) = &mut underway.response else { return };
        let lease = counted.lease();
        if lease.flavour() == Flavour::Blocking {
            response.body_mut().count(counted);
            match blocking::begin(exchange, wanted) {
                Ok(waiting) => underway.work = Work::Pool(waiting),
                Err(blocking::Full) => {
                    self.answer(unavailable("too many requests wait for this application"));
                }
            }
            return;
        }
        let is_later = upload && lease.flavour() == Flavour::Async;
        let rest = is_later.then(|| exchange.rest());
        match call::outermost(exchange, lease, wanted, response, &mut underway.room) {
            Called::Answered(Ok(())) => {}
            Called::Answered(Err(failed)) => failure(response, &failed, lease),
            Called::Later(pending) => {
                let later = Later::new(pending, lease.clone(), wanted, rest);
                underway.work = Work::Later(Box::new(later));
            }
        }
        response.body_mut().count(counted);
    }

    /// Does for a request what is done when no stack answers.
    #[cold]
    pub(crate) fn instead<B>(
        &mut self,
        instead: Instead,
        request: Request<B>,
        input: impl FnOnce(B) -> Option<Input>,
        origin: &Arc<Origin>,
    ) {
        match instead {
            Instead::Response(response) => self.answer(*response),
            Instead::Wait(gate) => self.hold(request, input, origin, &gate),
        }
    }
}

/// Waits until the connection has had its turn. A body that nobody reads any more is given up
/// there: what has come of it is passed over, and if that is not all, the connection ends. The head
/// of the response says so only if it is written later than that.
#[cold]
fn await_turn(context: &Context<'_>) -> Poll<()> {
    context.waker().wake_by_ref();
    Poll::Pending
}

/// The page that stands for a failure; the log is told why.
#[cold]
fn failure(response: &mut Response, failed: &Failed, lease: &Lease) {
    let app = lease.name_of(failed.generation);
    let status = failed.status.as_u16();
    if failed.generation != 0 {
        lease.panicked(failed.generation);
    }
    if failed.status.is_server_error() {
        tracing::error!(app, status, "{}", failed.message);
    } else {
        tracing::info!(app, status, "{}", failed.message);
    }
    take_over(response, page(failed.status, ""));
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

/// Says which generation has made a response, for whoever looks into a swap.
#[cold]
fn show(response: &mut Response, generation: u64) {
    let name = HeaderName::from_static("x-dsgi-generation");
    response.headers_mut().insert(name, generation.into());
}

/// hyper leaves the body out itself for HTTP/1 only.
#[cold]
fn leave_out(response: &mut Response) {
    if let Some(length) = response.body_mut().leave_out() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
}

impl From<Response> for Instead {
    #[cold]
    fn from(response: Response) -> Self {
        Self::Response(Box::new(response))
    }
}

fn unavailable(why: &str) -> Response {
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, why);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

impl Future for Dispatched {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !this.is_done() {
            ready!(this.work_on(context));
        }
        // One way out: a second one costs two moves of the response.
        let Some(underway) = &mut this.underway else { return Poll::Pending };
        // Whoever polls again after the response waits for nothing.
        underway.finished().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
    }
}

impl Drop for Dispatched {
    #[inline]
    fn drop(&mut self) {
        // Memory with something left in it is not kept: it ends here, with what is in it.
        if let Some(Underway { response: None, work: Work::Done, .. }) = self.underway.as_deref() {
            let _ = SPARE.try_with(|spare| spare.set(self.underway.take()));
        }
    }
}

impl Underway {
    fn poll_work(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(response) = &mut self.response else { return Poll::Pending };
        let (polled, lease) = match &mut self.work {
            Work::Done | Work::Held(_) => return Poll::Ready(()),
            Work::Later(later) => (later.poll(context, response), later.lease()),
            Work::Pool(waiting) => (waiting.poll(context, response), waiting.lease()),
        };
        if let Err(failed) = ready!(polled) {
            failure(response, &failed, lease);
        }
        let unread = match std::mem::replace(&mut self.work, Work::Done) {
            Work::Later(later) => later.end(),
            Work::Pool(waiting) => waiting.let_rest_go(),
            Work::Done | Work::Held(_) => false,
        };
        if unread { await_turn(context) } else { Poll::Ready(()) }
    }

    /// What is sent; none when it was taken before.
    #[inline(always)]
    fn finished(&mut self) -> Option<Response> {
        let response = self.response.as_mut()?;
        if self.wanted == Wanted::Head {
            leave_out(response);
        }
        if let Some(generation) = response.body().shown_generation() {
            show(response, generation);
        }
        self.response.take()
    }
}
