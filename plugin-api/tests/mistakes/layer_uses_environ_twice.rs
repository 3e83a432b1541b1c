//! Who calls inner twice duplicates the environ first.

use dsgi::{Body, Environ, Inner, StartResponse};

fn layer(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    let first = inner.respond(environ)?;
    drop(first);
    inner(environ, start_response)
}

dsgi::middleware!(layer);

fn main() {}
