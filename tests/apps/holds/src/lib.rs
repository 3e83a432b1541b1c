//! A layer that holds its thread after the application inside has answered, until a file exists.
//! Only `/held` concerns it.

use std::hint::spin_loop;
use std::path::PathBuf;

use dsgi::{Body, Environ, Flavour, Inner, Middleware, Purpose, Request, StartResponse};

#[derive(serde::Deserialize)]
struct Config {
    release: PathBuf,
}

struct Holds(PathBuf);

impl Middleware for Holds {
    type Config = Config;
    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(config.release))
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        request.path() == b"/held"
    }

    fn call(
        &self,
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let body = inner(environ, start_response)?;
        while !self.0.exists() {
            spin_loop();
        }
        Ok(body)
    }
}

dsgi::middleware!(type Holds, name = "holds");
