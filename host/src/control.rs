//! The control socket: an operator's questions and wishes, as HTTP on a unix socket.
//!
//! Served on one thread of its own with its own runtime, so that nothing said here takes anything
//! from the cores. Only the same user and root get an answer: the socket's mode, its folder and
//! the peer's credentials each say so.

mod answer;
mod body;
mod connection;
mod place;
mod request;
mod socket;
mod work;

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::watch;

pub(crate) use self::place::{Place, folder, is_name};
pub(crate) use self::socket::{ControlError, Socket};
pub(crate) use self::work::Line;
use crate::limits::ControlLimits;
use crate::operator::{Events, Operator};

/// The thread that serves a control socket. Dropping it ends the thread and removes the socket.
#[derive(Debug)]
pub(crate) struct Control {
    events: Events,
    stop: Option<watch::Sender<()>>,
    ended: mpsc::Receiver<()>,
    goodbye: Duration,
    /// Removed after the thread has ended.
    _socket: Socket,
}

impl Control {
    /// Answers what is asked on the socket.
    pub(crate) fn start(socket: Socket, operator: Arc<dyn Operator>) -> io::Result<Self> {
        Self::start_with(socket, operator, ControlLimits::default())
    }

    fn start_with(
        socket: Socket,
        operator: Arc<dyn Operator>,
        limits: ControlLimits,
    ) -> io::Result<Self> {
        let goodbye = limits.goodbye_timeout;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = socket.listener()?;
        let (stop, stopped) = watch::channel(());
        let (end, ended) = mpsc::channel();
        let events = operator.events().clone();
        thread::Builder::new().name(String::from("control")).spawn(move || {
            if let Err(error) =
                runtime.block_on(connection::accept(listener, operator, limits, stopped))
            {
                tracing::error!("the control socket is out of service: {error}");
            }
            runtime.shutdown_background();
            // The receiver may have given up.
            let _ = end.send(());
        })?;
        Ok(Self { events, stop: Some(stop), ended, goodbye, _socket: socket })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Followers are given the last events and then the end.
        self.events.close();
        drop(self.stop.take());
        let _ = self.ended.recv_timeout(2 * self.goodbye);
    }
}

#[cfg(test)]
mod tests;
