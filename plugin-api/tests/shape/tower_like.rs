//! A throw-away application in the manner of tower, by hand over the boundary: the request's head
//! first, its body as frames while the response is under way, trailers both ways, and a connection
//! taken over through a duplex.

use std::ffi::c_void;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::{self, frame_kind};
use dsgi::abi::leaf::Str;
use dsgi::abi::object::{
    self, Duplex, DuplexTable, Exchange, Future, FutureTable, Upgrade, UpgradeTable,
};
use dsgi::abi::pointer::{Growable, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::body::{Frame, Pull, Pulled, Stream, read_frame};
use dsgi::bridge::bytes::SharedBytes;
use dsgi::bridge::exchange::{Handle, Text};
use dsgi::bridge::future::{self, Pending};
use dsgi::bridge::reply::{Reply, ReplyBody, Scratch, answer_of};
use dsgi::bridge::started::Started;
use dsgi::bridge::waker;
use dsgi::{Error, Outcome, slot};

use crate::host::{self, Answer, App, Host, Input, Part, lock, poll, wait};

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

/// Answers 101 and takes the connection over: every line comes back in capitals.
unsafe extern "C" fn switch(
    _: *mut c_void,
    exchange: *mut Exchange,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: the exchange passes to this call.
    let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
    let switched = Box::new(Switched { table: &SWITCHED, handle: Some(handle) });
    let future = Box::into_raw(switched).cast();
    // SAFETY: lent for this call, with its size set.
    unsafe { reply.write(&grown::Reply { future, ..Growable::absent() }) };
    answer::PENDING
}

/// A future that answers with an upgrade. The kit's replies have none yet.
#[repr(C)]
struct Switched {
    table: *const FutureTable,
    handle: Option<Handle>,
}

static SWITCHED: FutureTable = FutureTable {
    size: size_of::<FutureTable>() as u32,
    reserved: 0,
    poll: Some(poll_switched),
    drop: Some(drop_switched),
};

unsafe extern "C" fn poll_switched(
    future: *mut Future,
    _: *const object::Waker,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: made by `switch`, one user at a time.
    let handle = unsafe { (*future.cast::<Switched>()).handle.take() };
    let upgrade = Box::into_raw(Box::new(Shouting { table: &SHOUTING, _handle: handle })).cast();
    let filled = grown::Reply { status: 101, upgrade, ..Growable::absent() };
    // SAFETY: lent for this call, with its size set.
    unsafe { reply.write(&filled) };
    answer::READY
}

unsafe extern "C" fn drop_switched(future: *mut Future) {
    // SAFETY: made by `switch`, dropped once.
    drop(unsafe { Box::from_raw(future.cast::<Switched>()) });
}

/// The upgrade. It keeps its exchange, as an application that logs to it would.
#[repr(C)]
struct Shouting {
    table: &'static UpgradeTable,
    _handle: Option<Handle>,
}

static SHOUTING: UpgradeTable = UpgradeTable {
    size: size_of::<UpgradeTable>() as u32,
    reserved: 0,
    start: Some(start_shouting),
    drop: Some(drop_shouting),
};

unsafe extern "C" fn start_shouting(
    upgrade: *mut Upgrade,
    duplex: *mut Duplex,
    reply: Out<grown::Reply>,
) -> u32 {
    // SAFETY: made by `poll_switched`, consumed by this call.
    let shouting = unsafe { Box::from_raw(upgrade.cast::<Shouting>()) };
    let line = Line { duplex };
    let future = future::make(async move {
        let _kept = shouting;
        shout(line).await?;
        let started = Started::new();
        started.start("200 Ended", &[])?;
        Ok(Reply { head: started.send()?, body: ReplyBody::Empty })
    });
    // SAFETY: lent for this call, with its size set.
    unsafe { reply.write(&grown::Reply { future, ..Growable::absent() }) };
    answer::PENDING
}

unsafe extern "C" fn drop_shouting(upgrade: *mut Upgrade) {
    // SAFETY: made by `poll_switched`, and not started.
    drop(unsafe { Box::from_raw(upgrade.cast::<Shouting>()) });
}

async fn shout(mut line: Line) -> Result<(), Error> {
    while let Some(bytes) = line.read().await? {
        let loud = bytes.to_ascii_uppercase();
        let mut left = loud.as_slice();
        while !left.is_empty() {
            let written = line.write(left).await?;
            left = &left[written..];
        }
        line.flush().await?;
    }
    line.shut_down().await
}

/// A duplex, owned.
struct Line {
    duplex: *mut Duplex,
}

// SAFETY: the boundary's rule: duplexes are Send, used by one side at a time.
unsafe impl Send for Line {}

impl Line {
    async fn read(&mut self) -> Result<Option<SharedBytes>, Error> {
        poll_fn(move |context| {
            let mut frame = grown::Frame::absent();
            // SAFETY: owned and alive; waker and frame are lent, and read for the answer.
            let pulled = unsafe {
                let read = slot!(DuplexTable, self.duplex, read).expect("a slot");
                let out = Out::lend(&mut frame);
                let answer = waker::lend(context.waker(), |lent| read(self.duplex, lent, out));
                read_frame(answer, &frame)
            };
            pulled.map(|next| match next {
                None => Ok(None),
                Some(Ok(Frame::Data(data))) => Ok(Some(data)),
                Some(Ok(Frame::Trailers(_))) => Err(Error::new("trailers on a connection")),
                Some(Err(failure)) => Err(Error::new(failure.message)),
            })
        })
        .await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        poll_fn(move |context| {
            let mut written = 0;
            // SAFETY: owned and alive; waker, bytes and number are lent.
            let answer = unsafe {
                let write = slot!(DuplexTable, self.duplex, write).expect("a slot");
                let bytes = Str::lend(bytes);
                waker::lend(context.waker(), |lent| {
                    write(self.duplex, lent, bytes, &raw mut written)
                })
            };
            done(answer).map(|done| done.map(|()| usize::try_from(written).expect("a length")))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(move |context| {
            // SAFETY: owned and alive; the waker is lent.
            done(unsafe {
                let flush = slot!(DuplexTable, self.duplex, flush).expect("a slot");
                waker::lend(context.waker(), |lent| flush(self.duplex, lent))
            })
        })
        .await
    }

    async fn shut_down(&mut self) -> Result<(), Error> {
        poll_fn(move |context: &mut Context<'_>| {
            // SAFETY: owned and alive; the waker is lent.
            done(unsafe {
                let shutdown = slot!(DuplexTable, self.duplex, shutdown).expect("a slot");
                waker::lend(context.waker(), |lent| shutdown(self.duplex, lent))
            })
        })
        .await
    }
}

fn done(answer: u32) -> Poll<Result<(), Error>> {
    match answer {
        answer::READY => Poll::Ready(Ok(())),
        answer::PENDING => Poll::Pending,
        _ => Poll::Ready(Err(Error::new("the connection is gone"))),
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // SAFETY: owned, and never used again.
        unsafe { slot!(DuplexTable, self.duplex, drop).expect("a slot")(self.duplex) };
    }
}

/// The host's side of the connection, of which the test plays the client.
#[repr(C)]
struct Wire {
    table: *const DuplexTable,
    state: Arc<Mutex<State>>,
}

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

static WIRE: DuplexTable = DuplexTable {
    size: size_of::<DuplexTable>() as u32,
    reserved: 0,
    read: Some(read_wire),
    write: Some(write_wire),
    flush: Some(flush_wire),
    shutdown: Some(shut_down_wire),
    drop: Some(drop_wire),
};

fn state<'a>(duplex: *mut Duplex) -> &'a Mutex<State> {
    // SAFETY: made by `switched_to`, alive until `drop_wire`.
    unsafe { &(*duplex.cast::<Wire>()).state }
}

/// # Safety
/// The waker is lent for this call.
unsafe fn keep(state: &mut State, lent: *const object::Waker) -> u32 {
    // SAFETY: the caller's promise; what is kept is a clone.
    state.waker = unsafe { waker::borrow(lent) }.map(|waker| (*waker).clone());
    answer::PENDING
}

unsafe extern "C" fn read_wire(
    duplex: *mut Duplex,
    lent: *const object::Waker,
    frame: Out<grown::Frame>,
) -> u32 {
    let mut state = lock(state(duplex));
    if state.incoming.is_empty() {
        // SAFETY: lent for this call.
        return unsafe { keep(&mut state, lent) };
    }
    let Some(bytes) = state.incoming.remove(0) else { return answer::END };
    let data = SharedBytes::constant(bytes).into_raw();
    // SAFETY: lent for this call, with its size set.
    unsafe { frame.write(&grown::Frame { kind: frame_kind::DATA, data, ..Growable::absent() }) };
    answer::READY
}

unsafe extern "C" fn write_wire(
    duplex: *mut Duplex,
    lent: *const object::Waker,
    bytes: Str,
    written: *mut u64,
) -> u32 {
    let mut state = lock(state(duplex));
    // SAFETY: lent for this call.
    let bytes = unsafe { bytes.bytes() };
    let taken = bytes.len().min(state.room);
    if taken == 0 {
        // SAFETY: lent for this call.
        return unsafe { keep(&mut state, lent) };
    }
    state.room -= taken;
    state.sent.extend_from_slice(&bytes[..taken]);
    // SAFETY: lent for this call.
    unsafe { written.write(taken as u64) };
    answer::READY
}

unsafe extern "C" fn flush_wire(duplex: *mut Duplex, _: *const object::Waker) -> u32 {
    lock(state(duplex)).events.push("flush");
    answer::READY
}

unsafe extern "C" fn shut_down_wire(duplex: *mut Duplex, _: *const object::Waker) -> u32 {
    lock(state(duplex)).events.push("shutdown");
    answer::READY
}

unsafe extern "C" fn drop_wire(duplex: *mut Duplex) {
    // SAFETY: made by `switched_to`, dropped once.
    let wire = unsafe { Box::from_raw(duplex.cast::<Wire>()) };
    let waker = {
        let mut state = lock(&wire.state);
        state.events.push("drop");
        state.waker.take()
    };
    drop(waker);
}

/// Asks for the upgrade and hands the connection over.
fn switched_to(host: &Host) -> (Pending, Arc<Mutex<State>>) {
    let received = host.call().reply();
    assert_eq!(received.status, 101);
    assert!(matches!(received.body, ReplyBody::Empty));
    let upgrade = received.upgrade;
    let state = Arc::new(Mutex::new(State::default()));
    let wire = Box::new(Wire { table: &WIRE, state: Arc::clone(&state) });
    let mut scratch = Scratch::new();
    let mut reply = scratch.reply();
    // SAFETY: owned since the answer; both objects pass to the call.
    let answer = unsafe {
        let start = slot!(UpgradeTable, upgrade, start).expect("a slot");
        start(upgrade, Box::into_raw(wire).cast(), Out::lend(&mut reply))
    };
    assert_eq!(answer, answer::PENDING);
    // SAFETY: ownership came with the answer.
    (unsafe { Pending::from_raw(reply.future) }, state)
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
    let (mut pending, state) = switched_to(&host);
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
        poll(&mut pending, &waker).map(|answer| matches!(answer, Answer::Reply(_)))
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
    drop(pending);
    assert_eq!(lock(&state).events, ["flush", "shutdown", "drop"]);
    assert_eq!((wakes.0.load(Ordering::SeqCst), host.held()), (4, 0));
}

#[test]
fn a_connection_that_is_dropped_is_given_up_once() {
    let host = Host::new(app(switch));
    let (mut pending, state) = switched_to(&host);
    assert!(poll(&mut pending, Waker::noop()).is_none());
    drop(pending);
    assert_eq!((lock(&state).events.as_slice(), host.held()), (["drop"].as_slice(), 0));
    assert!(lock(&state).waker.is_none());
}

#[test]
fn an_upgrade_that_is_not_started_is_freed() {
    let host = Host::new(app(switch));
    let upgrade = host.call().reply().upgrade;
    assert_eq!(host.held(), 1);
    // SAFETY: owned since the answer, and not started.
    unsafe { slot!(UpgradeTable, upgrade, drop).expect("a slot")(upgrade) };
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
