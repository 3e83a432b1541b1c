//! What is further in answers later: its answer is awaited.

use dsgi::{AsyncInner, Body, Environ, StartResponse};

async fn layer(
    inner: AsyncInner,
    environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<Body> {
    inner(environ, start_response)
}

dsgi::middleware!(layer);

fn main() {}
