//! The application that misbehaves, in the async form, with two faults of its own: a call and a
//! body that never go on.

#[path = "../../misbehave/src/faults.rs"]
mod faults;

use std::future::pending;
use std::task::Poll;
use std::time::Duration;

use dsgi::{Application, AsyncApplication, Body, Chunk, Environ, Purpose, StartResponse};
use faults::{Config, Misbehave, say};

struct Async(Misbehave);

/// Tells that the call was given up.
struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        say("the call was dropped");
    }
}

impl AsyncApplication for Async {
    type Config = Config;

    fn init(config: Config, purpose: Purpose) -> dsgi::Result<Self> {
        Misbehave::init(config, purpose).map(Self)
    }

    async fn call(&self, environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        match environ.get("PATH_INFO") {
            Some("/never/answers") => {
                let _dropped = Dropped;
                say("waits for nothing");
                pending().await
            }
            Some("/never/ends") => {
                say("gives one block");
                start_response("200 OK", &[("Content-Type", "text/plain")])?;
                let mut first = Some(Chunk::from("first\n"));
                let body = Body::poll_blocks(move |_| match first.take() {
                    Some(block) => Poll::Ready(Some(block)),
                    None => Poll::Pending,
                });
                Ok(body.on_close(|outcome, sent| say(&format!("closed {outcome:?} {sent}"))))
            }
            _ => self.0.call(environ, start_response),
        }
    }

    fn drain(&self, deadline: Duration) {
        self.0.drain(deadline);
    }

    fn shutdown(&self) {
        self.0.shutdown();
    }
}

dsgi::app!(async type Async, name = "misbehave-async");
