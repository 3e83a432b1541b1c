//! Sends the request's body back, block by block, however large it is.
//!
//! The environ is owned, so it moves into the body, which reads the request while the response is
//! under way. Nothing is collected: each block is pulled from the client when the last one was
//! taken. An error of the input (the client left, the body is too large) ends the response.

use std::iter::from_fn;

use dsgi::{Chunk, Environ, StartResponse};

fn app(
    mut environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<impl Iterator<Item = dsgi::Result<Chunk>>> {
    let kind = environ.get("CONTENT_TYPE").unwrap_or("application/octet-stream");
    start_response("200 OK", &[("Content-Type", kind)])?;
    Ok(from_fn(move || environ.input().block().transpose()))
}

dsgi::app!(app, name = "upload");

#[test]
fn blocks_come_back_as_they_arrive() {
    let app = dsgi::test::App::new(app);
    let request = app.request("PUT", "/").header("Content-Type", "text/plain");
    let response = request.blocks(["one ", "two"]).send();
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(response.blocks(), ["one ", "two"].map(str::as_bytes));
}

#[test]
fn a_client_that_goes_ends_the_response() {
    let app = dsgi::test::App::new(app);
    let response = app.request("PUT", "/").blocks(["half"]).cut().send();
    assert_eq!(response.text(), "half");
    assert!(response.error().is_some());
}
