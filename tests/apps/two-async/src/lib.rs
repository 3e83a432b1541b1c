//! The application of two versions, as a future.

#[path = "../../two/src/app.rs"]
mod app;

use dsgi::{Body, Environ, StartResponse};

async fn two(mut environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let mut received = 0;
    while let Some(block) = environ.input().next().await? {
        received += block.bytes().len();
    }
    app::answer(&environ["PATH_INFO"], received, &start_response)
}

dsgi::app!(two, name = "two-async");
