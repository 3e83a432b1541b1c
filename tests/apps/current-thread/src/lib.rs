//! The hello, asking which thread it is on: std keeps that under a key of the thread.

use dsgi::{Environ, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<[&'static str; 1]> {
    std::hint::black_box(std::thread::current().id());
    start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
    Ok(["I'm a DSGI application.\n"])
}

dsgi::app!(app, non_blocking, name = "current-thread");
