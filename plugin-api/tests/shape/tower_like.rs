//! A throw-away application in the manner of tower, by hand over the boundary: the request's head
//! first, its body as frames while the response is under way, trailers both ways, and a connection
//! taken over through a duplex.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use dsgi::abi::app::AppTable;
use dsgi::abi::grown;
use dsgi::abi::object::Exchange;
use dsgi::abi::pointer::{Growable, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::body::{Frame, Pull, Pulled, Stream};
use dsgi::bridge::bytes::{Failure, SharedBytes};
use dsgi::bridge::duplex::Wire;
use dsgi::bridge::exchange::{Handle, Text};
use dsgi::bridge::future;
use dsgi::bridge::reply::{Reply, ReplyBody, answer_of};
use dsgi::bridge::started::Started;
use dsgi::bridge::upgrade::{Upgrade, Upgraded};
use dsgi::{Duplex, Error, Outcome};

use crate::host::{self, Answer, App, Host, Input, Part, lock, wait};

/// What tower calls a service: a request goes in, a response comes out later.
async fn serve(request: Handle) -> Result<Reply, Error> {
    let started = Started::new();
    let path = String::from_utf8_lossy(request.text(Text::PathInfo));
    started.start("200 OK", &[("X-Path", &path)])?;
    Ok(Reply { head: started.send()?, body: ReplyBody::Stream(Stream::of(Shout { request })) })
}

/// The request body in capitals, frame by frame as it arrives, and its trailers.
struct Shout {
    request: Handle,
}

impl Pull for Shout {
    fn pull(&mut self, waker: Option<&Waker>) -> Pulled {
        self.request.read(waker).map(|next| {
            next.map(|frame| {
                frame.map(|frame| match frame {
                    Frame::Data(data) => Frame::Data(data.to_ascii_uppercase().into()),
                    Frame::Trailers(mut fields) => {
                        fields.push((String::from("x-shouted"), b"yes".to_vec()));
                        Frame::Trailers(fields)
                    }
                })
            })
        })
    }

    fn close(self: Box<Self>, _: Outcome, _: u64) {}
}

unsafe extern "C" fn call(
    _: *mut c_void,
    exchange: *mut Exchange,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: the exchange passes to this call.
    let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
    let future = future::make(serve(handle));
    // SAFETY: lent for this call, with its size set.
    unsafe { reply.write(&grown::Reply { future, ..Growable::absent() }) };
    answer::PENDING
}

fn app(call: unsafe extern "C" fn(*mut c_void, *mut Exchange, Out<grown::Reply>) -> u32) -> App {
    const unsafe extern "C" fn nothing(_: *mut c_void) {}
    let table = AppTable { abi: ABI, call: Some(call), drop: Some(nothing), ..AppTable::absent() };
    App::new(table, std::ptr::null_mut())
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn frames_and_trailers_cross_both_ways() {
    let trailers = vec![(String::from("x-sum"), b"7".to_vec())];
    let parts = vec![Part::Data("one"), Part::Data("two"), Part::Trailers(trailers), Part::End];
    let host = Host::with(vec![app(call)], Input::arrived(parts));
    let done = host.run();
    assert_eq!(done.headers, fields(&[("X-Path", "/outside")]));
    assert_eq!(done.blocks, ["ONE", "TWO"]);
    assert_eq!(done.trailers, fields(&[("x-sum", "7"), ("x-shouted", "yes")]));
}

/// Back-pressure: nothing is read from the client before the response is asked for more.
#[test]
fn request_and_response_stream_in_step() {
    let host = Host::with(vec![app(call)], Input::arrived(Vec::new()));
    let host::Started::Pending(pending) = host.start() else { panic!("it did not wait") };
    let mut stream = wait(pending).reply().stream();
    for word in ["one", "two"] {
        assert!(!host.is_awaited(), "it reads ahead");
        assert!(stream.pull(Some(Waker::noop())).is_pending());
        assert!(host.is_awaited());
        host.feed(Part::Data(word));
        let Poll::Ready(Some(Ok(Frame::Data(data)))) = stream.pull(Some(Waker::noop())) else {
            panic!("no block");
        };
        assert_eq!(*data, *word.to_uppercase().as_bytes());
    }
    stream.close(Outcome::ClientGone, 6);
    assert_eq!(host.held(), 0);
}

/// Answers 101 and takes the connection over: every line comes back in capitals. It keeps its
/// exchange, as an application that logs to it would.
async fn switch_over(request: Handle) -> Result<Reply, Error> {
    let started = Started::new();
    started.start("101 Switching Protocols", &[("Connection", "upgrade"), ("Upgrade", "shout")])?;
    let upgrade = Upgrade::of(async move |duplex| {
        let _kept = request;
        shout(duplex).await
    });
    Ok(Reply { head: started.send()?, body: ReplyBody::Upgrade(upgrade) })
}

unsafe extern "C" fn switch(
    _: *mut c_void,
    exchange: *mut Exchange,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: the exchange passes to this call.
    let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
    let future = future::make(switch_over(handle));
    // SAFETY: lent for this call, with its size set.
    unsafe { reply.write(&grown::Reply { future, ..Growable::absent() }) };
    answer::PENDING
}

async fn shout(mut duplex: Duplex) -> Result<(), Error> {
    while let Some(block) = duplex.read().await? {
        duplex.write(block.bytes().to_ascii_uppercase()).await?;
    }
    duplex.shutdown().await
}

/// The host's side of the connection, of which the test plays the client.
struct Line(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What the client sent; `None` is its end.
    incoming: Vec<Option<&'static [u8]>>,
    sent: Vec<u8>,
    /// Bytes that the client still takes.
    room: usize,
    waker: Option<Waker>,
    events: Vec<&'static str>,
}

impl Line {
    fn keep<T>(state: &mut State, context: &Context<'_>) -> Poll<T> {
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Wire for Line {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<SharedBytes>, Failure>> {
        let mut state = lock(&self.0);
        if state.incoming.is_empty() {
            return Self::keep(&mut state, context);
        }
        Poll::Ready(Ok(state.incoming.remove(0).map(SharedBytes::constant)))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Failure>> {
        let mut state = lock(&self.0);
        let taken = bytes.len().min(state.room);
        if taken == 0 {
            return Self::keep(&mut state, context);
        }
        state.room -= taken;
        state.sent.extend_from_slice(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        lock(&self.0).events.push("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        lock(&self.0).events.push("shutdown");
        Poll::Ready(Ok(()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.events.push("drop");
        drop(state.waker.take());
    }
}

fn upgrade(host: &Host) -> Upgrade {
    let received = host.call().reply();
    assert_eq!(received.status, 101);
    match received.body {
        ReplyBody::Upgrade(upgrade) => upgrade,
        other => panic!("no upgrade but {other:?}"),
    }
}

/// Asks for the upgrade and hands the connection over.
fn switched_to(host: &Host) -> (Upgraded, Arc<Mutex<State>>) {
    let state = Arc::new(Mutex::new(State::default()));
    let upgraded = upgrade(host).start(Duplex::of(Line(Arc::clone(&state))));
    assert!(matches!(upgraded, Upgraded::Later(_)), "{upgraded:?}");
    (upgraded, state)
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_connection_is_taken_over_and_ends_with_its_future() {
    let host = Host::new(app(switch));
    let (mut upgraded, state) = switched_to(&host);
    assert_eq!(host.held(), 1, "the upgrade keeps its exchange");
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut step = |change: &dyn Fn(&mut State)| {
        let woken = {
            let mut state = lock(&state);
            change(&mut state);
            state.waker.take()
        };
        woken.expect("somebody waits").wake();
        match upgraded.poll(&waker) {
            Poll::Pending => None,
            Poll::Ready(over) => Some(over.is_ok()),
        }
    };
    // The first poll waits for the client; every further step is woken.
    lock(&state).waker = Some(Waker::noop().clone());
    assert_eq!(step(&|_| {}), None);
    assert_eq!(step(&|state| state.incoming.push(Some(b"hello"))), None, "no room to write");
    assert_eq!(step(&|state| state.room = 3), None, "too little room");
    assert_eq!(lock(&state).sent, b"HEL");
    assert_eq!(step(&|state| state.room = 9), None, "waits for the client again");
    assert_eq!(lock(&state).sent, b"HELLO");
    assert_eq!(step(&|state| state.incoming.push(None)), Some(true));
    drop(upgraded);
    assert_eq!(lock(&state).events, ["flush", "shutdown", "drop"]);
    assert_eq!((wakes.0.load(Ordering::SeqCst), host.held()), (4, 0));
}

#[test]
fn a_connection_that_is_dropped_is_given_up_once() {
    let host = Host::new(app(switch));
    let (mut upgraded, state) = switched_to(&host);
    assert!(upgraded.poll(Waker::noop()).is_pending());
    drop(upgraded);
    assert_eq!((lock(&state).events.as_slice(), host.held()), (["drop"].as_slice(), 0));
    assert!(lock(&state).waker.is_none());
}

#[test]
fn an_upgrade_that_is_not_started_is_freed() {
    let host = Host::new(app(switch));
    let upgrade = upgrade(&host);
    assert_eq!(host.held(), 1);
    drop(upgrade);
    assert_eq!(host.held(), 0);
}

/// An application may also refuse in the manner of any other.
#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    unsafe extern "C" fn refuse(
        _: *mut c_void,
        exchange: *mut Exchange,
        reply: Out<grown::Reply>,
    ) -> u32 {
        // SAFETY: the exchange passes to this call.
        drop(unsafe { Handle::from_raw(exchange) });
        // SAFETY: lent for this call.
        unsafe { answer_of(Err(Error::status(426, "upgrade first")), reply) }
    }
    let host = Host::new(app(refuse));
    assert!(matches!(host.call(), Answer::Fault { status: 426, .. }));
}
