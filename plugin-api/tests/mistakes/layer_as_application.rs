//! A layer is not an application.

use dsgi::{Body, Environ, Inner, StartResponse};

fn layer(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    inner(environ, start_response)
}

dsgi::app!(layer);

fn main() {}
