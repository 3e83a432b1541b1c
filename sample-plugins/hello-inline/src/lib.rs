//! The smallest application, saying that it never waits: it runs on the core, not on the pool.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["I'm a DSGI application.\n"])
}

dsgi::app!(app, non_blocking, name = "hello-inline");
