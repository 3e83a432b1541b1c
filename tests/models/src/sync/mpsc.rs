//! Channels that close, which loom's do not. Time never passes in a model: whoever waits for a
//! while waits until something comes, and whoever has no time left does not wait.

use std::collections::VecDeque;
use std::sync::mpsc::{RecvError, SendError};
use std::time::Duration;

use super::{Condvar, Mutex};

pub(crate) use std::sync::mpsc::RecvTimeoutError;

#[derive(Debug)]
struct Channel<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// None once nobody receives any more.
    queue: Option<VecDeque<T>>,
    senders: usize,
}

#[derive(Debug)]
pub(crate) struct Sender<T>(std::sync::Arc<Channel<T>>);

#[derive(Debug)]
pub(crate) struct Receiver<T>(std::sync::Arc<Channel<T>>);

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { queue: Some(VecDeque::new()), senders: 1 };
    let channel = Channel { state: Mutex::new(state), changed: Condvar::new() };
    let channel = std::sync::Arc::new(channel);
    (Sender(std::sync::Arc::clone(&channel)), Receiver(channel))
}

impl<T> Sender<T> {
    pub(crate) fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.0.state.lock().unwrap();
        let Some(queue) = &mut state.queue else { return Err(SendError(value)) };
        queue.push_back(value);
        drop(state);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().unwrap().senders += 1;
        Self(std::sync::Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // A model that has failed is over: loom takes no more steps.
        if !std::thread::panicking() {
            self.0.state.lock().unwrap().senders -= 1;
            self.0.changed.notify_one();
        }
    }
}

impl<T> Receiver<T> {
    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        self.recv_timeout(Duration::MAX).map_err(|_| RecvError)
    }

    pub(crate) fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        let mut state = self.0.state.lock().unwrap();
        loop {
            if let Some(value) = state.queue.as_mut().and_then(VecDeque::pop_front) {
                return Ok(value);
            }
            if state.senders == 0 {
                return Err(RecvTimeoutError::Disconnected);
            }
            if time.is_zero() {
                return Err(RecvTimeoutError::Timeout);
            }
            state = self.0.changed.wait(state).unwrap();
        }
    }

    pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.recv_timeout(Duration::ZERO).ok())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let queue = self.0.state.lock().unwrap().queue.take();
            drop(queue);
        }
    }
}
