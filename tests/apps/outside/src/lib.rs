//! An application with a runtime of its own, entered while it is called and not when what it made
//! is dropped: what gives something back by a task, as pools do, panics there.

use dsgi::{Application, Body, Environ, Purpose, StartResponse};
use tokio::runtime::{Builder, Runtime};

struct Outside(Runtime);

/// What is given back by a task.
struct Lent;

impl Drop for Lent {
    fn drop(&mut self) {
        drop(tokio::spawn(async {}));
    }
}

impl Application for Outside {
    type Config = ();

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        Ok(Self(Builder::new_multi_thread().worker_threads(1).enable_all().build()?))
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        let _entered = self.0.enter();
        let lent = Lent;
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        Ok(Body::blocks(["short and stout"; 2].into_iter().inspect(move |_| {
            let _lent = &lent;
        })))
    }
}

dsgi::app!(type Outside, name = "outside");
