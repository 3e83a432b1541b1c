//! Tells how long the request's body is: the async form.
//!
//! The future is polled on the core that received the request, so ten thousand slow uploads hold
//! no thread. It may wait for anything that wakes by a waker, as the input does; a runtime such as
//! tokio is there only if the application brings one.

use dsgi::{Environ, StartResponse};

async fn app(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
    let mut length = 0;
    while let Some(block) = environ.input().next().await? {
        length += block.bytes().len();
    }
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok([format!("{length} bytes\n")])
}

dsgi::app!(app, name = "async-length");

#[test]
fn all_blocks_count() {
    let app = dsgi::test::App::new(app);
    assert_eq!(app.request("POST", "/").blocks(["three", "four"]).send().text(), "9 bytes\n");
    assert_eq!(app.get("/").text(), "0 bytes\n");
}
