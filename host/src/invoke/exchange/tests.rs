//! An exchange on its way through a real stack of linked-in layers and applications.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use dsgi::export::{Linked, link, link_layer};
use dsgi::{Environ, Inner, Remote, Service, StartResponse, Text};
use http_body::Body as _;

use super::*;
use crate::invoke::answer::{Failed, Wanted};
use crate::invoke::blocking;
use crate::invoke::body::ReplyBody;
use crate::invoke::place::Unpark;
use crate::lease::Stack;
use crate::limits::Limits;
use crate::plugin::generation::Generation;
use crate::tenure::{DebugHeaders, Tenure};

fn lease(members: Vec<Linked>) -> Lease {
    let limits = Arc::new(Limits { pool_threads: 1, ..Limits::default() });
    let open = |linked: Linked| {
        let generation = Arc::new(Generation::linked(&linked).expect("it has its functions"));
        Tenure::open(generation, DebugHeaders::Hidden, &limits)
    };
    let members: io::Result<Vec<_>> = members.into_iter().map(open).collect();
    let members = members.expect("threads");
    let (application, layers) = members.split_last().expect("at least one");
    Lease::share(&Stack::new(application, layers), 0)
}

/// `GET /shop/a%20b/c?d=e`, mounted at `/shop`.
fn exchange(members: Vec<Linked>) -> Arc<Exchange> {
    let request = Request::get("/shop/a%20b/c?d=e")
        .header("host", "example.org:81")
        .header("x-user", "ada")
        .header("content-length", "0")
        .body(())
        .expect("a request");
    let mounted = Mounted { lease: lease(members), script_name: "/shop".into(), script_length: 5 };
    let origin = Arc::new(Origin::http(None, None));
    begin!(request).exchange(|()| None, mounted, origin)
}

fn ask(members: Vec<Linked>) -> Result<String, Failed> {
    blocking::call(exchange(members), Wanted::All).map(|response| read(response.into_body()))
}

fn read(mut body: ReplyBody) -> String {
    let (waker, mut read) = (Unpark::this_thread(), Vec::new());
    let mut context = Context::from_waker(&waker);
    loop {
        match std::pin::Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Pending => thread::park(),
            Poll::Ready(None) => return String::from_utf8(read).expect("UTF-8"),
            Poll::Ready(Some(frame)) => {
                let data = frame.expect("no failure").into_data().expect("data");
                read.extend_from_slice(bytes::Buf::chunk(&data));
            }
        }
    }
}

/// Says what it sees, sorted.
fn tell(environ: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
    start_response("200 OK", &[])?;
    let ours = |name: &str| !matches!(name, "SERVER_SOFTWARE" | "dsgi.generation");
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let each = environ.iter().filter(|(name, _)| ours(name));
    let mut lines: Vec<_> = each.map(|(name, value)| format!("{name}={}\n", text(value))).collect();
    lines.sort();
    for (name, value) in environ.iter() {
        assert_eq!(environ.get_bytes(name), Some(value), "{name}");
    }
    Ok(lines)
}

async fn tell_later(environ: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
    let mut polls = 0;
    std::future::poll_fn(move |context| {
        polls += 1;
        let waker = context.waker().clone();
        thread::spawn(move || waker.wake());
        if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    tell(environ, start_response)
}

/// What differs behind a layer that changes the environ so.
fn difference(change: fn(&mut Environ)) -> Vec<String> {
    let layer = move |inner: Inner, mut environ: Environ, start_response: StartResponse| {
        change(&mut environ);
        let own = |environ: &Environ| {
            let mut own: Vec<_> =
                environ.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
            own.sort();
            own
        };
        assert_eq!(environ.duplicate().map(|second| own(&second))?, own(&environ));
        inner(environ, start_response)
    };
    differs(vec![link_layer(layer)])
}

/// What an application sees otherwise behind these layers: `-` what is gone, `+` what has come.
fn differs(layers: Vec<Linked>) -> Vec<String> {
    let plain = ask(vec![link(tell)]).expect("an answer");
    let changed = ask(layers.into_iter().chain([link(tell)]).collect()).expect("an answer");
    let only = |these: &str, others: &str, sign: char| -> Vec<String> {
        let lines = these.lines().filter(|line| !others.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign}{line}")).collect()
    };
    [only(&plain, &changed, '-'), only(&changed, &plain, '+')].concat()
}

#[test]
fn a_layer_changes_what_it_names_and_nothing_else() {
    type Change = fn(&mut Environ);
    let changes: [(Change, &[&str]); 9] = [
        (|_| {}, &[]),
        (|it| it.set("REQUEST_METHOD", "PURGE"), &["-REQUEST_METHOD=GET", "+REQUEST_METHOD=PURGE"]),
        (
            |it| it.set("PATH_INFO", "/x y"),
            &[
                "-PATH_INFO=/a b/c",
                "-REQUEST_URI=/shop/a%20b/c?d=e",
                "+PATH_INFO=/x y",
                "+REQUEST_URI=/shop/x%20y?d=e",
            ],
        ),
        (
            |it| it.set("SCRIPT_NAME", "/shop/a b"),
            &[
                "-REQUEST_URI=/shop/a%20b/c?d=e",
                "-SCRIPT_NAME=/shop",
                "+REQUEST_URI=/shop/a%20b/a%20b/c?d=e",
                "+SCRIPT_NAME=/shop/a b",
            ],
        ),
        (
            |it| it.set("QUERY_STRING", ""),
            &[
                "-QUERY_STRING=d=e",
                "-REQUEST_URI=/shop/a%20b/c?d=e",
                "+QUERY_STRING=",
                "+REQUEST_URI=/shop/a%20b/c",
            ],
        ),
        (|it| it.set("HTTP_X_USER", "bob"), &["-HTTP_X_USER=ada", "+HTTP_X_USER=bob"]),
        (|it| it.remove("HTTP_X_USER"), &["-HTTP_X_USER=ada"]),
        (
            |it| it.set("HTTP_HOST", "other.org"),
            &[
                "-HTTP_HOST=example.org:81",
                "-SERVER_NAME=example.org",
                "+HTTP_HOST=other.org",
                "+SERVER_NAME=other.org",
            ],
        ),
        (|it| it.set("shop.currency", "EUR"), &["+shop.currency=EUR"]),
    ];
    for (change, expected) in changes {
        assert_eq!(difference(change), expected);
    }
    let refused = |inner: Inner, mut environ: Environ, start_response: StartResponse| {
        environ.set("HTTP_X_USER", "a\nb");
        inner(environ, start_response)
    };
    let failed = ask(vec![link_layer(refused), link(tell)]).expect_err("it was taken");
    assert_eq!(failed.message, "`HTTP_X_USER` cannot be set: it is not a header value");
}

#[test]
fn changes_of_several_layers_come_together() {
    let sets = |name: &'static str, value: &'static str| {
        link_layer(move |inner: Inner, mut environ: Environ, start_response: StartResponse| {
            environ.set(name, value);
            inner(environ, start_response)
        })
    };
    // Each kind of change goes on through changes of the others.
    let layers = vec![
        sets("e.f", "0"),
        sets("HTTP_X_USER", "eve"),
        sets("a.b", "1"),
        sets("PATH_INFO", "/z"),
        sets("c.d", "2"),
        sets("a.b", "3"),
        sets("REQUEST_METHOD", "PURGE"),
    ];
    let expected = [
        "-HTTP_X_USER=ada",
        "-PATH_INFO=/a b/c",
        "-REQUEST_METHOD=GET",
        "-REQUEST_URI=/shop/a%20b/c?d=e",
        "+HTTP_X_USER=eve",
        "+PATH_INFO=/z",
        "+REQUEST_METHOD=PURGE",
        "+REQUEST_URI=/shop/z?d=e",
        "+a.b=3",
        "+c.d=2",
        "+e.f=0",
    ];
    assert_eq!(differs(layers), expected);
}

/// What did not change is not copied either: the rows are the very same.
#[test]
fn rows_that_did_not_change_stay_where_they_are() {
    let exchange = exchange(vec![link(tell)]);
    let headers = |exchange: &Arc<Exchange>| {
        // SAFETY: laid out by the exchange, which is alive.
        unsafe { exchange.view().head().read() }.headers
    };
    let changed = |name: &'static str| {
        let row = dsgi::abi::leaf::Header {
            id: 0,
            reserved: 0,
            name: dsgi::abi::leaf::Str::lend(name.as_bytes()),
            value: dsgi::abi::leaf::Str::lend(b"/x"),
        };
        let changes = dsgi::abi::grown::Changes {
            variables: &raw const row,
            variable_count: 1,
            variable_stride: size_of_val(&row) as u32,
            ..dsgi::abi::pointer::Growable::absent()
        };
        // SAFETY: everything is lent for the call.
        unsafe { exchange.derive(&changes, exchange.position.here()) }
            .expect("a path, a variable or a field")
    };
    for kept in ["PATH_INFO", "a.variable"] {
        let derived = changed(kept);
        assert_eq!(headers(&derived), headers(&exchange), "{kept} has copied the header fields");
        assert!(derived.head.headers.is_empty());
    }
    assert_ne!(headers(&changed("HTTP_A")), headers(&exchange));
}

/// A layer of the sync form stands around what answers later: the host waits for it, in between.
#[test]
fn an_answer_that_comes_later_is_waited_for() {
    fn pass(
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<dsgi::Body> {
        inner(environ, start_response)
    }
    let direct = ask(vec![link(tell)]).expect("an answer");
    for members in [
        vec![link_layer(pass), link(tell_later)],
        vec![link_layer(pass), link_layer(pass), link(tell_later)],
    ] {
        assert_eq!(ask(members).expect("an answer"), direct);
    }
}

dsgi::value! {
    /// Of these tests.
    struct Given { name: Text, service: Remote }
}

static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Alive;

impl Service for Alive {
    fn call(&mut self, request: &[u8]) -> dsgi::Result<Vec<u8>> {
        Ok(request.to_ascii_uppercase())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn values_are_the_exchanges_until_it_ends() {
    let gives = |name: &'static str| {
        link_layer(move |inner: Inner, mut environ: Environ, start_response: StartResponse| {
            ALIVE.fetch_add(1, Ordering::SeqCst);
            environ.set_value(Given { name: name.into(), service: Remote::new(Alive) })?;
            environ.set("a.layer", name);
            inner(environ, start_response)
        })
    };
    let reads = |environ: Environ, start_response: StartResponse| {
        let given = environ.value::<Given>()?;
        let said = given.service.call(given.name.as_bytes())?;
        start_response("200 OK", &[])?;
        // It goes on living while the body does.
        Ok(dsgi::Body::blocks([said, Vec::new()]).on_close(move |_, _| drop(environ)))
    };
    let response = blocking::call(exchange(vec![gives("a"), gives("b"), link(reads)]), Wanted::All);
    assert_eq!(ALIVE.load(Ordering::SeqCst), 2, "freed too early");
    assert_eq!(read(response.expect("an answer").into_body()), "B");
    assert_eq!(ALIVE.load(Ordering::SeqCst), 0, "not freed at the end");
    let failed = ask(vec![link(reads)]).expect_err("there is none");
    assert_eq!(failed.message, "no layer gives a value `dsgi_host::Given` to this request");
}

/// Only decides how late a broken test is reported.
const DEADLINE: Duration = Duration::from_secs(30);

/// A thread that waits for what is inside is free again once nobody wants the answer any more.
#[test]
fn waiting_for_what_is_inside_ends_with_the_exchange() {
    struct Dropped(std::sync::mpsc::Sender<&'static str>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let (tell, told) = std::sync::mpsc::channel();
    let never = move |_: Environ, _: StartResponse| {
        let dropped = Dropped(tell.clone());
        async move {
            let _ = dropped.0.send("called");
            std::future::pending::<()>().await;
            drop(dropped);
            Ok([""; 0])
        }
    };
    let pass = |inner: Inner, mut environ: Environ, start_response: StartResponse| {
        environ.set("a.b", "c");
        inner(environ, start_response)
    };
    let exchange = exchange(vec![link_layer(pass), link(never)]);
    let waits = thread::spawn({
        let exchange = Arc::clone(&exchange);
        move || blocking::call(exchange, Wanted::All).map(drop)
    });
    assert_eq!(told.recv_timeout(DEADLINE), Ok("called"));
    exchange.cancel();
    assert_eq!(told.recv_timeout(DEADLINE), Ok("dropped"));
    let failed = waits.join().expect("no panic").expect_err("there is no answer");
    assert_eq!(failed.message, "the exchange was cancelled");
}

#[test]
fn what_is_derived_is_given_up_with_its_parent() {
    let derives = |inner: Inner, mut environ: Environ, start_response: StartResponse| {
        environ.set("a.b", "c");
        inner(environ, start_response)
    };
    let watches = |environ: Environ, start_response: StartResponse| {
        start_response("200 OK", &[])?;
        Ok((0..2).map(move |_| if environ.cancelled() { "given up\n" } else { "at work\n" }))
    };
    let exchange = exchange(vec![link_layer(derives), link(watches)]);
    let response = blocking::call(Arc::clone(&exchange), Wanted::All).expect("an answer");
    exchange.cancel();
    assert_eq!(read(response.into_body()), "at work\ngiven up\n");
}

#[test]
fn a_map_whose_place_is_needed_first_is_left_to_the_response() {
    let nothing = || {
        let mut response = http::HeaderMap::new();
        spare::headers(&mut response);
        response.capacity()
    };
    // On a thread of its own, which keeps nothing of other tests.
    let seen = thread::spawn(move || {
        let before = nothing();
        drop(Share::of(exchange(vec![link(tell)])));
        let next = exchange(vec![link(tell)]);
        let seen = [before, nothing(), nothing()];
        drop(Share::of(next));
        seen
    });
    let [before, left, taken] = seen.join().expect("no panic");
    assert_eq!((before, taken), (0, 0), "a map from nowhere");
    assert!(left > 0, "the map is gone");
}
