//! A layer that no request concerns: what passing by costs.

use dsgi::{Body, Environ, Flavour, Inner, Middleware, Purpose, Request, StartResponse};

#[derive(Debug)]
struct Passes;

impl Middleware for Passes {
    type Config = ();
    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        Ok(Self)
    }

    fn concerns(&self, _: &Request<'_>) -> bool {
        false
    }

    fn call(
        &self,
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        inner(environ, start_response)
    }
}

dsgi::middleware!(type Passes, name = "passes");
