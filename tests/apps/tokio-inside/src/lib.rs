//! The hello with a runtime of its own, on one thread, as an asynchronous framework brings it.

use dsgi::{Application, Body, Environ, Flavour, Purpose, StartResponse};
use tokio::runtime::{Builder, Runtime};

#[derive(Debug)]
struct Inside {
    runtime: Runtime,
}

impl Application for Inside {
    type Config = ();
    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { runtime })
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let _entered = self.runtime.enter();
        start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
        Ok(Body::from("I'm a DSGI application.\n"))
    }
}

dsgi::app!(type Inside, name = "tokio-inside");
