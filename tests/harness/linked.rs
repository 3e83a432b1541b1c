//! A server in this very process: an application of the test, under limits of its own.

use dsgi::export::Function;
use dsgi_host::{Limits, ServeError, make_server_with};
use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A server that is serving. Dropping it lets it finish and waits for that.
#[derive(Debug)]
pub(crate) struct Linked {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Linked {
    pub(crate) fn start<F, M>(limits: Limits, app: F) -> Self
    where
        F: Function<M>,
        M: 'static,
    {
        let server = make_server_with(limits, "127.0.0.1", 0, app).expect("a server");
        let address = server.addresses().next().expect("a listener");
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.map_err(io::Error::other) };
        let thread = std::thread::spawn(|| server.serve_until(stopped));
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells it to finish.
    pub(crate) fn stop(&mut self) {
        // It may have ended by itself, which `wait` then tells.
        self.stop.take().map(|stop| stop.send(()));
    }

    /// Waits until it has finished.
    pub(crate) fn wait(&mut self) -> Result<(), ServeError> {
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("no panic while serving"))
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        self.stop();
        let ended = self.wait();
        if !std::thread::panicking() {
            ended.expect("a server that ends well");
        }
    }
}
