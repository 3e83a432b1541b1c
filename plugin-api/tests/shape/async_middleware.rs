//! Async layers as authors write them, around applications of both forms.

use std::future::poll_fn;
use std::task::Poll;

use dsgi::export::{link, link_layer};
use dsgi::{AsyncInner, Body, Chunk, Environ, Error, Outcome, StartResponse};

use crate::host::{App, Done, Ends, Host, Input, Part, Started, poll};

fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    start_response("200 OK", &[("X-App", "now")])?;
    Ok(Body::blocks([environ["PATH_INFO"].to_owned(), String::from(" now")]))
}

/// Answers when the request body has ended.
async fn app_later(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    while environ.input().next().await?.is_some() {}
    start_response("200 OK", &[("X-App", "later")])?;
    let mut blocks = vec![environ["PATH_INFO"].to_owned(), String::from(" later")].into_iter();
    let mut polls = 0;
    Ok(Body::poll_blocks(move |context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls % 2 == 1 { Poll::Pending } else { Poll::Ready(blocks.next().map(Chunk::from)) }
    }))
}

fn apps() -> [(App, &'static str); 2] {
    [(link(app).into(), "now"), (link(app_later).into(), "later")]
}

async fn pass(
    inner: AsyncInner,
    environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<Body> {
    inner(environ, start_response).await
}

async fn rewrite(
    inner: AsyncInner,
    mut environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<Body> {
    environ.set("PATH_INFO", "/inside");
    let body = inner(environ, start_response.edit(|head| head.set("X-Layer", "seen"))).await?;
    Ok(body.map(|block| block.bytes().to_ascii_uppercase()))
}

#[test]
fn async_layers_stand_around_both_forms() {
    for (app, name) in apps() {
        let stack = vec![link_layer(pass).into(), link_layer(rewrite).into(), app];
        let done = Host::with(stack, Input::ended()).run();
        assert_eq!(done.blocks.concat(), format!("/INSIDE {}", name.to_ascii_uppercase()));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(done.headers, [pair("X-App", name), pair("X-Layer", "seen")]);
    }
}

#[test]
fn sync_layers_stand_around_async_ones() {
    fn outside(
        inner: dsgi::Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let mut response = inner.respond(environ)?;
        let read = response.body.read_all(100)?.len();
        response.head.set("X-Read", read.to_string());
        response.send(start_response)
    }
    let stack =
        vec![link_layer(outside).into(), link_layer(rewrite).into(), link(app_later).into()];
    let done = Host::with(stack, Input::ended()).run();
    assert_eq!((&*done.blocks.concat(), &*done.headers[2].1), ("/INSIDE LATER", "13"));
}

#[test]
fn the_head_is_held_until_a_block_comes() {
    async fn refuse(
        inner: AsyncInner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let refuse = |block: Chunk| match block.bytes() {
            b"" => Ok(block),
            bytes => Err(Error::status(502, format!("{} bytes refused", bytes.len()))),
        };
        Ok(inner(environ, start_response).await?.map(refuse))
    }
    for (app, _) in apps() {
        let done = Host::with(vec![link_layer(refuse).into(), app], Input::ended()).run();
        assert_eq!(done, Done::fault(502, "8 bytes refused".into()));
    }
}

#[test]
fn an_async_layer_reads_bodies() {
    async fn reads(
        inner: AsyncInner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        assert_eq!(environ.read_input_async(10).await?, b"one two");
        let again = environ.duplicate()?;
        let mut first = inner.respond(environ).await?;
        let mut read = Vec::new();
        while let Some(block) = poll_fn(|context| first.body.poll_block(context)).await? {
            read.extend_from_slice(block.bytes());
        }
        let mut response = inner.respond(again).await?;
        response.head.set("X-First", String::from_utf8(read)?);
        response.send(start_response)
    }
    for (app, name) in apps() {
        let input = Input::arrived(vec![Part::Data("one"), Part::Data(" two"), Part::End]);
        let done = Host::with(vec![link_layer(reads).into(), app], input).run();
        assert_eq!(done.headers[1].1, format!("/outside {name}"));
    }
}

#[test]
fn dropping_a_call_drops_what_is_inside() {
    let stack = vec![link_layer(pass).into(), link_layer(rewrite).into(), link(app_later).into()];
    let host = Host::with(stack, Input::arrived(Vec::new()));
    let Started::Pending(mut pending) = host.start() else { panic!("it did not wait") };
    assert!(poll(&mut pending, std::task::Waker::noop()).is_none());
    assert!(host.is_awaited());
    drop(pending);
    assert_eq!((host.held(), host.is_awaited()), (0, false));
}

#[test]
fn a_panic_after_the_inner_call_tells_the_body() {
    async fn panics(
        inner: AsyncInner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let _body = inner(environ, start_response).await?;
        panic!("after")
    }
    let ends = Ends::default();
    let told = ends.clone();
    let app = move |_: Environ, start_response: StartResponse| {
        start_response("200 OK", &[])?;
        Ok(Body::from("x").on_close(told.tell()))
    };
    let done = Host::with(vec![link_layer(panics).into(), link(app).into()], Input::ended()).run();
    assert_eq!(done, Done::fault(500, "panicked: after".into()));
    assert_eq!(ends.told(), [(Outcome::Failed, 0)]);
}
