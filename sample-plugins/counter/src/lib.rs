//! Greets every visitor with a number: an application with config and state.
//!
//! A type that implements `Application` is made once, from a config that serde reads, and is then
//! called by several threads at once: `&self`, so what changes is an atomic or behind a lock.
//!
//!     host --load sample-plugins/counter --set counter.greeting=Hello --set counter.start=41

use std::sync::atomic::{AtomicU64, Ordering};

use dsgi::{Application, Body, Environ, Purpose, StartResponse};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    greeting: String,
    #[serde(default)]
    start: u64,
}

struct Counter {
    greeting: String,
    visitors: AtomicU64,
}

impl Application for Counter {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self { greeting: config.greeting, visitors: AtomicU64::new(config.start) })
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let visitor = self.visitors.fetch_add(1, Ordering::Relaxed) + 1;
        start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
        Ok(Body::from(format!("{}, visitor {visitor}\n", self.greeting)))
    }
}

dsgi::app!(type Counter, name = "counter");
