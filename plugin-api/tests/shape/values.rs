//! Typed values: given by a layer, read further in, and what happens where the two differ.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dsgi::export::{link, link_layer};
use dsgi::{Body, Environ, Inner, Remote, Service, StartResponse, Text};

use crate::host::{App, Done, Host, Input};

dsgi::value! {
    /// Who is logged in.
    pub struct User {
        pub id: u64,
        pub name: Text,
        pub store: Remote,
    }
}

mod other {
    //! What another release of the same library might say.
    dsgi::value! {
        pub struct User { pub name: dsgi::Text, pub id: u64 }
    }
}

/// Adds up, and counts how many of its kind are alive.
struct Adds {
    sum: u64,
    alive: Arc<AtomicUsize>,
}

impl Service for Adds {
    fn call(&mut self, request: &[u8]) -> dsgi::Result<Vec<u8>> {
        match std::str::from_utf8(request)? {
            "panic" => panic!("on purpose"),
            number => self.sum += number.parse::<u64>()?,
        }
        Ok(self.sum.to_string().into_bytes())
    }
}

impl Drop for Adds {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

fn gives(alive: &Arc<AtomicUsize>, id: u64) -> App {
    let alive = Arc::clone(alive);
    link_layer(move |inner: Inner, mut environ: Environ, start_response: StartResponse| {
        alive.fetch_add(1, Ordering::SeqCst);
        let store = Remote::new(Adds { sum: id, alive: Arc::clone(&alive) });
        environ.set_value(User { id, name: Text::from("ada"), store })?;
        assert_eq!(environ.value::<User>()?.id, id);
        environ.set("HTTP_X_GIVEN", "yes");
        inner(environ, start_response)
    })
    .into()
}

fn greets(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    let user = environ.value::<User>()?;
    let sums: Vec<String> = ["2", "panic", "3"]
        .map(|number| match user.store.call(number.as_bytes()) {
            Ok(sum) => String::from_utf8_lossy(&sum).into_owned(),
            Err(error) => error.message().to_owned(),
        })
        .into();
    start_response("200 OK", &[])?;
    Ok([format!("{} {} {}", user.id, user.name, sums.join(" "))])
}

#[test]
fn a_value_is_read_further_in_and_freed_with_the_request() {
    let alive = Arc::default();
    let pass = |inner: Inner, environ: Environ, start_response: StartResponse| {
        assert_eq!(environ.value::<User>()?.name, "ada");
        inner(environ, start_response)
    };
    for (layers, expected) in [
        (vec![gives(&alive, 40), link_layer(pass).into()], "40 ada 42 panicked: on purpose 45"),
        // The newest is read.
        (vec![gives(&alive, 40), gives(&alive, 50)], "50 ada 52 panicked: on purpose 55"),
    ] {
        let given = layers.len();
        let stack = layers.into_iter().chain([link(greets).into()]).collect();
        let host = Host::with(stack, Input::ended());
        assert_eq!(host.run().blocks, [expected]);
        assert!((1..=given).contains(&alive.load(Ordering::SeqCst)), "freed while it was asked");
        drop(host);
        assert_eq!(alive.load(Ordering::SeqCst), 0, "not freed with the request");
    }
}

#[test]
fn a_value_that_is_absent_or_another_struct_is_an_error_with_names() {
    let host = Host::new(App::from(link(greets)));
    let absent = "no layer gives a value `shape::User` to this request";
    assert_eq!(host.run(), Done::fault(500, absent.into()));

    let gives = |inner: Inner, environ: Environ, start_response: StartResponse| {
        environ.set_value(other::User { name: Text::default(), id: 1 })?;
        inner(environ, start_response)
    };
    let host = Host::with(vec![link_layer(gives).into(), link(greets).into()], Input::ended());
    let said = host.run().failure.expect("it was taken for the other");
    for layout in [
        "`name: Text at 0 (32), id: u64 at 32; 40`",
        "`id: u64 at 0, name: Text at 8 (32), store: Remote at 40 (8); 48` is expected",
    ] {
        assert!(said.contains(layout), "{said}");
    }
}

/// A host without values says so, and the value is dropped.
#[test]
fn a_host_that_takes_no_values_leaves_none_behind() {
    let alive = Arc::default();
    let host = Host::with(vec![gives(&alive, 1), link(greets).into()], Input::ended());
    host.takes_no_values();
    let text = "this host takes no values of layers";
    assert_eq!(host.run(), Done::fault(500, text.into()));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_text_is_a_text() {
    let text = Text::from(String::from("a\u{e9}"));
    assert_eq!((text.as_str(), text.as_bytes().len()), ("a\u{e9}", 3));
    assert_eq!(text.clone(), text);
    assert_eq!(format!("{text:>3}|{:?}", Text::default()), " a\u{e9}|\"\"");
    let _: Body = Body::from(text.to_string());
}
