//! The smallest layer: it calls its inner application and does nothing else.

use dsgi::{Body, Environ, Inner, StartResponse};

fn layer(inner: Inner, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    inner(environ, start_response)
}

dsgi::middleware!(layer, non_blocking, name = "calls-inner");
