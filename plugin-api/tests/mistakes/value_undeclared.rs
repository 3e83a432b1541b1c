//! Not every type is a type of values.

use dsgi::{Body, Environ, Inner, StartResponse};

fn layer(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    environ.set_value('7')?;
    inner(environ, start_response)
}

dsgi::middleware!(layer);

fn main() {}
