//! An application that waits for ctrl-c as a program does, with a runtime on a thread of its own.
//! It ends that when it is shut down; tokio's handlers stay.

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use dsgi::{Application, Body, Environ, Purpose, StartResponse};
use tokio::runtime::Builder;
use tokio::sync::oneshot::{self, Sender};

struct CtrlC(Mutex<Option<(Sender<()>, JoinHandle<()>)>>);

impl Application for CtrlC {
    type Config = ();

    fn init((): (), _: Purpose) -> dsgi::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let wait = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = ended => {}
                }
            });
        };
        let thread = thread::Builder::new().name("ctrl-c".into()).spawn(wait)?;
        Ok(Self(Mutex::new(Some((end, thread)))))
    }

    fn call(&self, _: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
        start_response("200 OK", &[("Content-Type", "text/plain")])?;
        Ok(Body::from("waits for ctrl-c\n"))
    }

    fn shutdown(&self) {
        let waiting = self.0.lock().ok().and_then(|mut waiting| waiting.take());
        if let Some((end, thread)) = waiting {
            // It may have heard the signal.
            let _ = end.send(());
            let _ = thread.join();
        }
    }
}

dsgi::app!(type CtrlC, name = "ctrl-c");
