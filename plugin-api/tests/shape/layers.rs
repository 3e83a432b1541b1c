//! Layers by hand: one that passes everything on, one that rewrites request and response, over
//! sync and async applications, and what a layer may do with the request body.

use std::ffi::c_void;
use std::iter;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use dsgi::abi::app::AppTable;
use dsgi::abi::grown::Reply;
use dsgi::abi::leaf::{Header, Keep, Str, rows};
use dsgi::abi::object::{self, Exchange, Future, FutureTable};
use dsgi::abi::pointer::{Growable, Out};
use dsgi::abi::{ABI, answer};
use dsgi::bridge::body::{Frame, Pull, Pulled, Stream};
use dsgi::bridge::exchange::{Derivation, Handle};
use dsgi::bridge::future::Pending;
use dsgi::bridge::reply::answer_of;
use dsgi::bridge::waker;
use dsgi::export::link;
use dsgi::{Body, Environ, Error, Outcome, StartResponse};

use crate::host::{App, Done, Ends, Host, Input, Part, Started, poll};

/// A layer without state of its own.
fn layer(call: unsafe extern "C" fn(*mut c_void, *mut Exchange, Out<Reply>) -> u32) -> App {
    const unsafe extern "C" fn nothing(_: *mut c_void) {}
    let table = AppTable { abi: ABI, call: Some(call), drop: Some(nothing), ..AppTable::absent() };
    App::new(table, std::ptr::null_mut())
}

/// Says what it was asked, in two blocks, from the first of which on it is under way.
fn tell(environ: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
    start_response("200 OK", &[("X-App", "tell")])?;
    let known = |key: &str| environ.get(key).unwrap_or("-").to_owned();
    let user = format!("{} {} ", known("HTTP_X_USER"), known("HTTP_X_FROM"));
    Ok(vec![user, format!("{} {}", known("PATH_INFO"), known("shop.currency"))])
}

async fn tell_later(environ: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
    let mut environ = environ;
    while environ.input().next().await?.is_some() {}
    tell(environ, start_response)
}

fn headers(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

unsafe extern "C" fn pass_on(_: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: the exchange passes to this call.
    let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
    handle.inner(reply)
}

#[test]
fn a_layer_passes_exchange_and_reply_on_untouched() {
    for app in [App::from(link(tell)), App::from(link(tell_later))] {
        let host = Host::with(vec![layer(pass_on), layer(pass_on), app], Input::ended());
        let done = host.run();
        assert_eq!(done.blocks, ["- client ", "/outside -"]);
        assert_eq!(done.headers, headers(&[("X-App", "tell")]));
        assert_eq!(host.made(), 1, "one handle is enough for all");
    }
    let nothing_inside = Host::new(layer(pass_on));
    assert!(matches!(nothing_inside.call(), crate::host::Answer::Other(answer::UNSUPPORTED)));
}

unsafe extern "C" fn rewrite(_: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
    // SAFETY: the exchange passes to this call.
    let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
    let derived = handle.derive(Derivation {
        variables: vec![
            ("HTTP_X_USER", Some(b"ada")),
            ("HTTP_X_FROM", None),
            ("PATH_INFO", Some(b"/inside")),
            ("shop.currency", Some(b"EUR")),
        ],
        input: None,
    });
    drop(handle);
    match derived {
        // SAFETY: lent for this call.
        Ok(derived) => unsafe { with_header(reply, |inside| derived.inner(inside)) },
        // SAFETY: as above.
        Err(failure) => unsafe { answer_of(Err(Error::new(failure.message)), reply) },
    }
}

/// Lets `answer` fill an out-struct of this layer, in the caller's scratch, and hands it on with
/// one header field more.
///
/// # Safety
/// `reply` is lent for this call, with its size set.
unsafe fn with_header(reply: Out<Reply>, answer: impl FnOnce(Out<Reply>) -> u32) -> u32 {
    // SAFETY: lent, with its size set.
    let lent = unsafe { reply.read() };
    let (scratch, scratch_length) = (lent.scratch, lent.scratch_length);
    let mut inside = Reply { scratch, scratch_length, ..Growable::absent() };
    let answer = answer(Out::lend(&mut inside));
    match answer {
        // SAFETY: filled for this answer.
        answer::READY => unsafe { add_header(&mut inside) },
        // A poll that is still pending fills nothing.
        answer::PENDING if !inside.future.is_null() => inside.future = wait_inside(inside.future),
        _ => {}
    }
    // SAFETY: lent, with its size set.
    unsafe { reply.write(&inside) };
    answer
}

/// # Safety
/// The reply was filled for `READY`.
unsafe fn add_header(reply: &mut Reply) {
    struct Added {
        rows: Vec<Header>,
        keep: Keep,
    }
    unsafe extern "C" fn release(owner: *mut c_void) {
        // SAFETY: made below, released once; the inner storage goes with it.
        unsafe {
            let added = Box::from_raw(owner.cast::<Added>());
            added.keep.free();
        }
    }
    // SAFETY: the caller's promise; the texts stay valid until the inner `keep` is released.
    let mut rows: Vec<Header> =
        unsafe { rows(reply.headers, reply.header_count, reply.header_stride) }.copied().collect();
    let (name, value) = (Str::lend(b"x-layer"), Str::lend(b"rewrite"));
    rows.push(Header { id: 0, reserved: 0, name, value });
    let added = Box::new(Added { rows, keep: reply.keep });
    reply.headers = added.rows.as_ptr();
    reply.header_count += 1;
    reply.header_stride = size_of::<Header>() as u32;
    reply.keep = Keep { owner: Box::into_raw(added).cast(), release: Some(release) };
}

#[repr(C)]
struct Waiting {
    table: *const FutureTable,
    inside: Pending,
}

fn wait_inside(future: *mut Future) -> *mut Future {
    static TABLE: FutureTable = FutureTable {
        size: size_of::<FutureTable>() as u32,
        reserved: 0,
        poll: Some(poll_waiting),
        drop: Some(drop_waiting),
    };
    // SAFETY: ownership came with `PENDING`.
    let inside = unsafe { Pending::from_raw(future) };
    Box::into_raw(Box::new(Waiting { table: &TABLE, inside })).cast()
}

unsafe extern "C" fn poll_waiting(
    future: *mut Future,
    lent: *const object::Waker,
    reply: Out<Reply>,
) -> u32 {
    // SAFETY: made by `wait_inside`, one user at a time; the waker is lent for this call.
    unsafe {
        let waiting = &mut *future.cast::<Waiting>();
        let waker = waker::borrow(lent);
        let waker = waker.as_deref().unwrap_or(Waker::noop());
        with_header(reply, |inside| waiting.inside.poll(waker, inside))
    }
}

unsafe extern "C" fn drop_waiting(future: *mut Future) {
    // SAFETY: made by `wait_inside`, dropped once.
    drop(unsafe { Box::from_raw(future.cast::<Waiting>()) });
}

#[test]
fn a_layer_rewrites_request_and_response() {
    for app in [App::from(link(tell)), App::from(link(tell_later))] {
        let host = Host::with(vec![layer(rewrite), app], Input::ended());
        let done = host.run();
        assert_eq!(done.blocks, ["ada - ", "/inside EUR"]);
        assert_eq!(done.headers, headers(&[("X-App", "tell"), ("x-layer", "rewrite")]));
        assert_eq!(host.made(), 2, "the derived handle is the only other one");
    }
}

/// Twice the same layer: the outer one's table points into what the inner one keeps.
#[test]
fn layers_stand_around_layers() {
    for app in [App::from(link(tell)), App::from(link(tell_later))] {
        let host = Host::with(vec![layer(rewrite), layer(rewrite), app], Input::ended());
        let done = host.run();
        assert_eq!(done.blocks[0], "ada - ");
        let added = ("x-layer", "rewrite");
        assert_eq!(done.headers, headers(&[("X-App", "tell"), added, added]));
    }
}

#[test]
fn errors_and_panics_pass_through_a_layer() {
    let fails = |_: Environ, _: StartResponse| -> dsgi::Result<Body> {
        Err(Error::status(404, "not inside"))
    };
    async fn panics(_: Environ, _: StartResponse) -> dsgi::Result<Body> {
        std::future::ready(()).await;
        panic!("inside")
    }
    let host = Host::with(vec![layer(rewrite), link(fails).into()], Input::ended());
    assert_eq!(host.run(), Done::fault(404, "not inside".into()));
    let host = Host::with(vec![layer(rewrite), link(panics).into()], Input::ended());
    assert_eq!(host.run(), Done::fault(500, "panicked: inside".into()));
}

#[test]
fn the_body_passes_through_and_its_maker_is_told_the_end() {
    let ends = Ends::default();
    let told = ends.clone();
    let app = move |environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[])?;
        let blocks = iter::repeat_with(move || environ["PATH_INFO"].to_owned());
        Ok(Body::blocks(blocks).on_close(told.tell()))
    };
    let host = Host::with(vec![layer(rewrite), link(app).into()], Input::ended());
    let mut stream = host.call().reply().stream();
    let Poll::Ready(Some(Ok(Frame::Data(first)))) = stream.pull(None) else { panic!("no block") };
    assert_eq!(*first, *b"/inside");
    stream.close(Outcome::ClientGone, 7);
    assert_eq!((ends.told(), host.held()), (vec![(Outcome::ClientGone, 7)], 0));
}

#[test]
fn cancelling_a_layer_cancels_what_is_inside() {
    let stack = vec![layer(rewrite), layer(pass_on), link(tell_later).into()];
    let host = Host::with(stack, Input::arrived(Vec::new()));
    let Started::Pending(mut pending) = host.start() else { panic!("it did not wait") };
    assert!(poll(&mut pending, Waker::noop()).is_none());
    assert_eq!((host.held(), host.is_awaited()), (1, true));
    drop(pending);
    assert_eq!((host.held(), host.is_awaited()), (0, false));
}

/// A layer in terms of the environ: what is set is seen inside.
#[test]
fn what_a_layer_sets_is_seen_inside() {
    unsafe extern "C" fn set(_: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
        // SAFETY: the exchange passes to this call.
        let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
        let mut environ = Environ::new(handle);
        environ.set("shop.currency", "USD");
        environ.set("shop.currency", "EUR");
        environ.set("HTTP_X_USER", environ["PATH_INFO"].to_owned());
        assert_eq!(&environ["shop.currency"], "EUR");
        environ.into_handle().expect("a derived handle").inner(reply)
    }
    let host = Host::with(vec![layer(set), link(tell).into()], Input::ended());
    assert_eq!(host.run().blocks, ["/outside client ", "/outside EUR"]);
}

/// A request body that a layer makes, and how it ended.
struct Canned {
    blocks: Vec<&'static str>,
    ended: &'static Mutex<Vec<Outcome>>,
}

impl Pull for Canned {
    fn pull(&mut self, _: Option<&Waker>) -> Pulled {
        let next = (!self.blocks.is_empty()).then(|| self.blocks.remove(0));
        let data = |text: &'static str| {
            Ok(Frame::Data(dsgi::bridge::bytes::SharedBytes::constant(text.as_bytes())))
        };
        Poll::Ready(next.map(data))
    }

    fn close(self: Box<Self>, outcome: Outcome, _: u64) {
        self.ended.lock().expect("no panic").push(outcome);
    }
}

fn echo(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
    let mut blocks = Vec::new();
    while let Some(block) = environ.input().block()? {
        blocks.push(String::from_utf8(block.bytes().to_vec())?);
    }
    start_response("200 OK", &[])?;
    Ok(blocks)
}

#[test]
fn a_layer_may_replace_the_request_body() {
    static ENDED: Mutex<Vec<Outcome>> = Mutex::new(Vec::new());
    unsafe extern "C" fn replace(
        _: *mut c_void,
        exchange: *mut Exchange,
        reply: Out<Reply>,
    ) -> u32 {
        // SAFETY: the exchange passes to this call.
        let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
        let input = Canned { blocks: vec!["canned", "soup"], ended: &ENDED };
        let derived = handle
            .derive(Derivation { variables: Vec::new(), input: Some(Stream::of(input)) })
            .expect("a derived handle");
        drop(handle);
        derived.inner(reply)
    }
    let host = Host::with(
        vec![layer(replace), link(echo).into()],
        Input::arrived(vec![Part::Data("the client's"), Part::End]),
    );
    assert_eq!(host.run().blocks, ["canned", "soup"]);
    drop(host);
    assert_eq!(ENDED.lock().expect("no panic").len(), 1);
}

/// A refused change has a reason, and the body that came with it is closed once.
#[test]
fn a_refused_change_frees_what_came_with_it() {
    static ENDED: Mutex<Vec<Outcome>> = Mutex::new(Vec::new());
    unsafe extern "C" fn break_line(
        _: *mut c_void,
        exchange: *mut Exchange,
        reply: Out<Reply>,
    ) -> u32 {
        // SAFETY: the exchange passes to this call.
        let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
        let input = Canned { blocks: Vec::new(), ended: &ENDED };
        let variables = vec![("HTTP_X_USER", Some(b"a\nb".as_slice()))];
        let refused = handle.derive(Derivation { variables, input: Some(Stream::of(input)) });
        let failure = refused.expect_err("it was accepted");
        // SAFETY: lent for this call.
        unsafe { answer_of(Err(Error::status(400, failure.message)), reply) }
    }
    let host = Host::with(vec![layer(break_line), link(echo).into()], Input::ended());
    let text = "the value of `HTTP_X_USER` has a line break";
    assert_eq!(host.run(), Done::fault(400, text.into()));
    assert_eq!(*ENDED.lock().expect("no panic"), [Outcome::Failed]);
}

/// The first inner call takes the request body, a second one is told so.
#[test]
fn the_request_body_has_one_owner() {
    unsafe extern "C" fn twice(_: *mut c_void, exchange: *mut Exchange, reply: Out<Reply>) -> u32 {
        // SAFETY: the exchange passes to this call.
        let handle = unsafe { Handle::from_raw(exchange) }.expect("an exchange");
        let second = handle.duplicate().expect("a second handle");
        let mut first_reply = Reply::absent();
        let first = handle.inner(Out::lend(&mut first_reply));
        // SAFETY: filled for this answer.
        let first = unsafe { crate::host::Answer::read(first, &first_reply) };
        assert_eq!(first.reply().finish().blocks, ["once"]);
        second.inner(reply)
    }
    let host = Host::with(
        vec![layer(twice), link(echo).into()],
        Input::arrived(vec![Part::Data("once"), Part::End]),
    );
    assert_eq!(host.run(), Done::fault(500, "the request body has another owner".into()));
}
