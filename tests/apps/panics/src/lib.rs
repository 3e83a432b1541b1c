//! An application that panics in every call, from so many milliseconds after its start on; until
//! then it answers.

use std::time::{Duration, Instant};

use dsgi::{Application, Body, Environ, Purpose, StartResponse};

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default)]
    after_ms: u64,
}

struct Panics(Instant);

impl Application for Panics {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Instant::now() + Duration::from_millis(config.after_ms)))
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        assert!(Instant::now() < self.0, "the index is locked");
        start_response("200 OK", &[])?;
        Ok(Body::from("in Rust\n"))
    }
}

dsgi::app!(type Panics, non_blocking, name = "panics");
