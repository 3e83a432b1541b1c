//! An async function is given `AsyncInner`: `Inner` would wait.

use dsgi::{Body, Environ, Inner, StartResponse};

async fn layer(
    inner: Inner,
    environ: Environ,
    start_response: StartResponse,
) -> dsgi::Result<Body> {
    inner(environ, start_response)
}

dsgi::middleware!(layer);

fn main() {}
