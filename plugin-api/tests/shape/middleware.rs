//! Layers as authors write them, around applications of both forms.

use std::sync::{Arc, Mutex};

use dsgi::abi::leaf::Fault;
use dsgi::export::{link, link_layer};
use dsgi::{Body, Chunk, Environ, Error, Filter, Head, Inner, Outcome, StartResponse};

use crate::host::{Answer, App, Done, Ends, Host, Input, Part, lock};

fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let mut blocks = vec![format!("{} ", &environ["PATH_INFO"])];
    while let Some(block) = environ.input().block()? {
        blocks.push(String::from_utf8(block.bytes().to_vec())?);
    }
    blocks.push(environ.get("HTTP_X_USER").unwrap_or("-").to_owned());
    start_response("200 Fine", &[("X-App", "a"), ("Vary", "Accept")])?;
    Ok(Body::blocks(blocks))
}

async fn app_later(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    // Ready only when polled again, so that somebody has to wait.
    std::future::poll_fn({
        let mut polls = 0;
        move |context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls > 2 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }
    })
    .await;
    let mut read = String::new();
    while let Some(block) = environ.input().next().await? {
        read.push_str(&String::from_utf8(block.bytes().to_vec())?);
    }
    start_response("200 Fine", &[("X-App", "a"), ("Vary", "Accept")])?;
    let user = environ.get("HTTP_X_USER").unwrap_or("-").to_owned();
    Ok(Body::blocks([format!("{} ", &environ["PATH_INFO"]), read, user]))
}

fn whole(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("X-App", "whole")])?;
    Ok(["whole"])
}

/// Both forms of an application.
fn apps() -> [App; 2] {
    [link(app).into(), link(app_later).into()]
}

fn pairs(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn around(layers: Vec<App>, app: App, input: Input) -> Host {
    Host::with(layers.into_iter().chain([app]).collect(), input)
}

fn body_of(done: &Done) -> String {
    done.blocks.concat()
}

fn pass(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    inner(environ, start_response)
}

#[test]
fn what_a_layer_leaves_alone_goes_on_as_it_came() {
    for app in apps() {
        let layers = vec![link_layer(pass).into(), link_layer(pass).into()];
        let host = around(layers, app, Input::arrived(vec![Part::Data("in "), Part::End]));
        let done = host.run();
        assert_eq!((done.status, &*body_of(&done)), (200, "/outside in -"));
        assert_eq!(done.headers, pairs(&[("X-App", "a"), ("Vary", "Accept")]));
        assert_eq!(host.made(), 1, "one handle is enough for all");
    }
    let none_inside = Host::new(App::from(link_layer(pass)));
    assert_eq!(none_inside.run(), Done::fault(500, "it has no inner application to call".into()));
}

#[test]
fn a_layer_changes_request_head_and_body() {
    fn rewrite(
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        environ.set("PATH_INFO", "/inside");
        environ.set("HTTP_X_USER", "ada");
        environ.remove("HTTP_X_FROM");
        assert_eq!(environ.get("HTTP_X_FROM"), None);
        assert!(environ.iter().all(|(name, _)| name != "HTTP_X_FROM"), "it is still listed");
        let start_response = start_response.edit(|head| {
            assert_eq!((head.status(), head.reason()), (200, "Fine"));
            head.set("x-app", "b");
            head.append("Set-Cookie", "c=1");
            head.remove("vary");
        });
        let body = inner(environ, start_response)?;
        Ok(body.map(|block| block.bytes().to_ascii_uppercase()))
    }
    for app in apps() {
        let host = around(vec![link_layer(rewrite).into()], app, Input::ended());
        let done = host.run();
        assert_eq!(body_of(&done), "/INSIDE ADA");
        assert_eq!(done.headers, pairs(&[("X-App", "b"), ("Set-Cookie", "c=1")]));
    }
}

#[test]
fn edits_are_made_from_the_inside_out() {
    let adds = |name: &'static str| {
        move |inner: Inner, environ: Environ, start_response: StartResponse| {
            let note = move |head: &mut Head| {
                let seen = head.get("Seen").map_or(String::new(), |seen| format!("{seen} "));
                head.set("Seen", format!("{seen}{name}"));
            };
            let twice =
                move |head: &mut Head| head.append("Before", head.iter().count().to_string());
            inner(environ, start_response.edit(note).edit(twice))
        }
    };
    for app in apps() {
        let layers = vec![link_layer(adds("outer")).into(), link_layer(adds("inner")).into()];
        let done = around(layers, app, Input::ended()).run();
        let expected = [("Before", "2"), ("Seen", "inner outer"), ("Before", "4")];
        assert_eq!(done.headers[2..], pairs(&expected));
    }
}

#[test]
fn a_large_head_goes_through_layers() {
    fn large(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
        let long = "v".repeat(600);
        start_response("200 OK", &[("A", &*long), ("B", "b")])?;
        Ok(["x"])
    }
    fn longer(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let edit =
            |head: &mut Head| (0..20).for_each(|number| head.append("C", number.to_string()));
        inner(environ, start_response.edit(edit))
    }
    for layers in [vec![], vec![link_layer(pass).into()]] {
        let layers = layers.into_iter().chain([link_layer(longer).into()]).collect();
        let done = around(layers, link(large).into(), Input::ended()).run();
        assert_eq!((done.headers.len(), done.headers[0].1.len()), (22, 600));
        assert_eq!(done.headers[21], (String::from("C"), String::from("19")));
    }
}

#[test]
fn a_layer_answers_by_itself() {
    fn deny(_: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        start_response("403 Forbidden", &[("X-Path", &environ["PATH_INFO"])])?;
        Ok(Body::from("no"))
    }
    let never = |_: Environ, _: StartResponse| -> dsgi::Result<Body> { panic!("it was called") };
    let done = around(vec![link_layer(deny).into()], link(never).into(), Input::ended()).run();
    assert_eq!((done.status, &*body_of(&done)), (403, "no"));
    assert_eq!(done.headers, pairs(&[("X-Path", "/outside")]));
}

#[test]
fn inner_is_called_twice_and_each_body_is_closed_once() {
    fn twice(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let again = environ.duplicate()?;
        let mut first = inner.respond(environ)?;
        assert_eq!(first.head.get("X-Call"), Some("1"));
        assert_eq!(first.body.read_all(100)?, b"call 1");
        drop(first);
        let mut second = inner.respond(again)?;
        second.head.append("X-Calls", "2");
        second.send(start_response)
    }
    let (ends, calls) = (Ends::default(), Arc::new(Mutex::new(0)));
    let told = ends.clone();
    let app = move |_: Environ, start_response: StartResponse| {
        *lock(&calls) += 1;
        let call = lock(&calls).to_string();
        start_response("200 OK", &[("X-Call", &call)])?;
        Ok(Body::blocks([String::from("call "), call]).on_close(told.tell()))
    };
    let done = around(vec![link_layer(twice).into()], link(app).into(), Input::ended()).run();
    assert_eq!((&*body_of(&done), &done.headers[1].1), ("call 2", &String::from("2")));
    assert_eq!(ends.told(), [(Outcome::Failed, 0), (Outcome::Completed, 6)]);
}

#[test]
fn errors_and_panics_pass_through_a_layer() {
    let fails = |_: Environ, _: StartResponse| -> dsgi::Result<Body> {
        Err(Error::status(404, "not inside"))
    };
    let panics = |_: Environ, _: StartResponse| -> dsgi::Result<Body> { panic!("inside") };
    let around = |app: App| around(vec![link_layer(pass).into()], app, Input::ended()).run();
    assert_eq!(around(link(fails).into()), Done::fault(404, "not inside".into()));
    assert_eq!(around(link(panics).into()), Done::fault(500, "panicked: inside".into()));
}

/// The host counts panics, so a layer that hands one on says whose it is.
#[test]
fn who_panicked_is_known_behind_layers() {
    let fails = |_: Environ, _: StartResponse| -> dsgi::Result<Body> {
        Err(Error::status(404, "panicked: not at all"))
    };
    let panics = |_: Environ, _: StartResponse| -> dsgi::Result<Body> { panic!("inside") };
    for (app, expected) in [(link(fails), 0), (link(panics), Fault::UNKNOWN)] {
        let stack = vec![link_layer(pass).into(), link_layer(pass).into(), app.into()];
        let answer = Host::with(stack, Input::ended()).call();
        let Answer::Fault { generation, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(generation, expected);
    }
}

#[test]
fn a_head_is_said_once() {
    fn early(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        start_response("200 OK", &[])?;
        inner(environ, start_response)
    }
    fn never(inner: Inner, environ: Environ, _: StartResponse) -> dsgi::Result<Body> {
        Ok(inner.respond(environ)?.body)
    }
    for (layer, expected) in [
        (App::from(link_layer(early)), "start_response was called a second time"),
        (App::from(link_layer(never)), "start_response was not called before the body began"),
    ] {
        let ends = Ends::default();
        let told = ends.clone();
        let app = move |_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[])?;
            Ok(Body::from("x").on_close(told.tell()))
        };
        let done = around(vec![layer], link(app).into(), Input::ended()).run();
        let said = done.failure.clone().unwrap_or_default();
        assert!(said.contains(expected), "{done:?}");
        assert_eq!(ends.told(), [(Outcome::Failed, 0)]);
    }
}

/// Closers run outside in, the maker's last, all with the same end, whatever the end is.
#[test]
fn everybody_is_told_the_end_once_from_outside_in() {
    type Told = Arc<Mutex<Vec<(String, Outcome, u64)>>>;
    let told = Told::default();
    let tell = |name: &'static str, told: &Told| {
        let told = Arc::clone(told);
        move |outcome, sent| lock(&told).push((name.to_owned(), outcome, sent))
    };
    for outcome in [Outcome::Completed, Outcome::ClientGone, Outcome::Failed] {
        let (inside, outside) = (Arc::clone(&told), Arc::clone(&told));
        let app = move |_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[])?;
            Ok(Body::blocks(["a", "b"]).on_close(tell("app", &inside)))
        };
        let layer = move |inner: Inner, environ: Environ, start_response: StartResponse| {
            let body = inner(environ, start_response)?.on_close(tell("first", &outside));
            let panics = |_: Outcome, _: u64| panic!("a closer");
            Ok(body.map(|block| block).on_close(panics).on_close(tell("last", &outside)))
        };
        let layers = vec![link_layer(layer).into(), link_layer(pass).into()];
        let host = around(layers, link(app).into(), Input::ended());
        let mut stream = host.call().reply().stream();
        assert!(stream.pull(None).is_ready());
        stream.close(outcome, 1);
        let expected = ["first", "last", "app"].map(|name| (name.to_owned(), outcome, 1));
        assert_eq!(*lock(&told), expected);
        lock(&told).clear();
    }
}

#[test]
fn a_layer_that_panics_leaves_nobody_untold() {
    let ends = Ends::default();
    for panics in ["before", "after", "in the body"] {
        let told = ends.clone();
        let app = move |_: Environ, start_response: StartResponse| {
            start_response("200 OK", &[])?;
            Ok(Body::blocks(["a", "b"]).on_close(told.tell()))
        };
        let layer = move |inner: Inner, environ: Environ, start_response: StartResponse| {
            assert!(panics != "before", "before");
            let body = inner(environ, start_response)?;
            assert!(panics != "after", "after");
            Ok(body.map(|block| if block.bytes() == b"b" { panic!("in the body") } else { block }))
        };
        let done = around(vec![link_layer(layer).into()], link(app).into(), Input::ended()).run();
        assert_eq!(done.failure, Some(format!("panicked: {panics}")));
    }
    assert_eq!(ends.told(), [(Outcome::Failed, 0), (Outcome::Failed, 1)]);
}

#[test]
fn a_whole_body_stays_whole() {
    let read = |body: Body| {
        assert_eq!(body.whole(), Some(b"whole".as_slice()));
        Ok(body)
    };
    let upper = |body: Body| Ok(body.map(|block| block.bytes().to_ascii_uppercase()));
    let end = |body: Body| Ok(body.map_with_end(|block| block, || Some(Chunk::from("!"))));
    type Change = fn(Body) -> dsgi::Result<Body>;
    let changes: [(Change, &[&str]); 3] =
        [(read, &["whole"]), (upper, &["WHOLE"]), (end, &["whole", "!"])];
    for (change, expected) in changes {
        let layer = move |inner: Inner, environ: Environ, start_response: StartResponse| {
            change(inner(environ, start_response)?)
        };
        let host = around(vec![link_layer(layer).into()], link(whole).into(), Input::ended());
        let received = host.call().reply();
        let is_whole = matches!(received.body, dsgi::bridge::reply::ReplyBody::Whole(_));
        assert_eq!(is_whole, expected.len() == 1, "{expected:?}");
        assert_eq!(received.finish().blocks, expected);
    }
}

/// Gives out what it was given, one block behind, and counts at the end.
struct Behind(Vec<u8>, usize);

impl Filter for Behind {
    fn block(&mut self, block: Chunk) -> dsgi::Result<Chunk> {
        self.1 += 1;
        Ok(Chunk::from(std::mem::replace(&mut self.0, block.bytes().to_vec())))
    }

    fn end(&mut self) -> dsgi::Result<Option<Chunk>> {
        let last = String::from_utf8(std::mem::take(&mut self.0))?;
        Ok(Some(Chunk::from(format!("{last} {}", self.1))))
    }
}

/// The head waits for the first block that is not empty, so that an error can still replace it.
#[test]
fn a_layer_that_swallows_blocks_holds_the_head() {
    for app in apps() {
        let filter = |inner: Inner, environ: Environ, start_response: StartResponse| {
            Ok(inner(environ, start_response)?.filter(Behind(Vec::new(), 0)))
        };
        let done = around(vec![link_layer(filter).into()], app, Input::ended()).run();
        assert!(body_of(&done).starts_with("/outside -"), "{done:?}");
        assert!(!done.blocks[0].is_empty(), "{done:?}");
    }
    let fails = |inner: Inner, environ: Environ, start_response: StartResponse| {
        let refuse = |block: Chunk| -> dsgi::Result<Chunk> {
            Err(Error::status(502, format!("{} bytes refused", block.bytes().len())))
        };
        Ok(inner(environ, start_response)?.map(refuse))
    };
    let done = around(vec![link_layer(fails).into()], link(whole).into(), Input::ended()).run();
    assert_eq!(done, Done::fault(502, "5 bytes refused".into()));
}

#[test]
fn a_layer_reads_the_request_body_first() {
    fn reads(
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        assert_eq!(environ.read_input(10)?, b"one two");
        assert_eq!(environ.read_input(10)?, b"one two", "it was kept");
        let again = environ.duplicate()?;
        let mut response = inner.respond(environ)?;
        assert_eq!(response.body.read_all(100)?, b"/outside one two-");
        inner(again, start_response)
    }
    fn peeks(
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let mut first = [0; 2];
        std::io::Read::read_exact(&mut environ.input(), &mut first)?;
        environ.set("HTTP_X_USER", first.to_vec());
        inner(environ, start_response)
    }
    fn limits(_: Inner, mut environ: Environ, _: StartResponse) -> dsgi::Result<Body> {
        environ.read_input(3).map(|_| Body::empty())
    }
    let input = || Input::arrived(vec![Part::Data("one"), Part::Data(" two"), Part::End]);
    for (app, _) in apps().into_iter().zip(0..) {
        let done = around(vec![link_layer(reads).into()], app, input()).run();
        assert_eq!(body_of(&done), "/outside one two-");
    }
    for app in apps() {
        let done = around(vec![link_layer(peeks).into()], app, input()).run();
        assert_eq!(body_of(&done), "/outside e twoon");
    }
    let done = around(vec![link_layer(limits).into()], link(app).into(), input()).run();
    assert_eq!((done.status, done.failure.is_some()), (413, true), "{done:?}");
}

#[test]
fn a_layer_replaces_the_request_body() {
    fn replaces(
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        environ.replace_input(Body::from("soup"));
        assert_eq!(environ.get("CONTENT_LENGTH"), Some("4"));
        environ.replace_input(Body::blocks(["canned ", "soup"]));
        assert_eq!((environ.get("CONTENT_LENGTH"), environ.content_length()), (None, None));
        inner(environ, start_response)
    }
    for app in apps() {
        let host = around(vec![link_layer(replaces).into()], app, Input::ended());
        assert_eq!(body_of(&host.run()), "/outside canned soup-");
    }
}
