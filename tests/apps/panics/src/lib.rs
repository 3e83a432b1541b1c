//! An application that panics in every call, from so many seconds after its start on; until then
//! it answers. A test makes one that waits longer by another digit at the end of the text.

use std::hint::black_box;
use std::time::{Duration, Instant};

use dsgi::{Application, Body, Environ, Purpose, StartResponse};

static SECONDS: [u8; 25] = *b"seconds until it panics:0";

struct Panics(Instant);

impl Application for Panics {
    type Config = ();

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        let seconds = u64::from(black_box(&SECONDS)[SECONDS.len() - 1] - b'0');
        Ok(Self(Instant::now() + Duration::from_secs(seconds)))
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        assert!(Instant::now() < self.0, "the index is locked");
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        Ok(Body::from("in Rust\n"))
    }
}

dsgi::app!(type Panics, non_blocking, name = "panics");
