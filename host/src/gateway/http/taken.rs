//! A connection that an application has taken over, to its end.
//!
//! What the application does with it is polled on the core of the connection, as a response was.
//! When the time of its stack is over it ends at a border: a WebSocket is told that the service
//! starts anew.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dsgi::Outcome;
use dsgi::bridge::body::Failure;

use super::line::Line;
use super::socket::Socket;
use crate::clock::Deadline;
use crate::duty::InHand;
use crate::farewell::Ear;
use crate::invoke::switched::{Running, Switched, inside};

/// A connection that was taken over.
pub(super) struct Taken {
    /// None once the application is done with it.
    running: Option<Running>,
    line: Line,
    ear: Option<Arc<Ear>>,
    stage: Stage,
    goodbye: Duration,
    _in_hand: InHand,
}

enum Stage {
    Open,
    /// The application finishes its frame, and the client is told.
    Goodbye(Deadline),
    /// The client finishes.
    Leaving(Deadline),
    Over,
}

impl Taken {
    /// Hands the connection to what takes it over.
    pub(super) fn new(
        switched: Switched,
        (socket, unread): (Socket, Bytes),
        in_hand: InHand,
        goodbye: Duration,
    ) -> Self {
        let line = Line::new(socket, unread, switched.protocol());
        let duplex = line.duplex(switched.lease());
        let running = Some(switched.start(duplex));
        Self { running, line, ear: None, stage: Stage::Open, goodbye, _in_hand: in_hand }
    }

    /// Goes on until nothing is left of it.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(ended) = self.poll_running(context) {
            self.ended(ended);
        }
        self.poll_stage(context);
        match (&self.stage, &self.running) {
            (Stage::Over, None) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    fn poll_running(&mut self, context: &Context<'_>) -> Poll<Result<(), Failure>> {
        match &mut self.running {
            Some(Running { upgraded, lease, .. }) => {
                inside(lease, || upgraded.poll(context.waker()))
            }
            None => Poll::Pending,
        }
    }

    fn poll_stage(&mut self, context: &mut Context<'_>) {
        if matches!(self.stage, Stage::Leaving(_) | Stage::Over) && self.is_told(context) {
            // It has given the connection up, and goes on without one.
            self.cut(Outcome::Completed);
        }
        loop {
            match &mut self.stage {
                Stage::Open => {
                    let deadline = Deadline::new(self.goodbye);
                    self.stage = if self.line.is_given_up(context.waker()) {
                        Stage::Leaving(deadline)
                    } else if self.is_told(context) {
                        Stage::Goodbye(deadline)
                    } else {
                        return;
                    };
                }
                Stage::Goodbye(deadline) => {
                    let late = self.line.poll_goodbye(context).is_pending();
                    if late && deadline.poll(context).is_pending() {
                        return;
                    }
                    self.line.take_back();
                    self.cut(Outcome::Completed);
                    self.stage = Stage::Leaving(Deadline::new(self.goodbye));
                }
                Stage::Leaving(deadline) => {
                    let late = self.line.poll_leave(context).is_pending();
                    if late && deadline.poll(context).is_pending() {
                        return;
                    }
                    self.line.end();
                    self.stage = Stage::Over;
                }
                Stage::Over => return,
            }
        }
    }

    /// Whether the time of the stack is over that is still at work.
    fn is_told(&mut self, context: &Context<'_>) -> bool {
        let Some(running) = &self.running else { return false };
        running.lease.farewell().poll(&mut self.ear, context.waker()).is_ready()
    }

    /// The application is done.
    fn ended(&mut self, ended: Result<(), Failure>) {
        let outcome = if ended.is_ok() { Outcome::Completed } else { Outcome::Failed };
        if let (Err(failure), Some(Running { lease, .. })) = (ended, &self.running) {
            let app = lease.name_of(failure.generation);
            tracing::error!(app, "failed within a connection it took over: {}", failure.message);
            if failure.generation != 0 {
                lease.panicked(failure.generation);
            }
        }
        self.cut(outcome);
        self.line.take_back();
    }

    /// Ends what the application does, and tells it how it ended.
    fn cut(&mut self, outcome: Outcome) {
        let Some(Running { upgraded, end, lease, counted }) = self.running.take() else { return };
        let sent = self.line.sent();
        inside(&lease, || {
            drop(upgraded);
            if let Some(end) = end {
                end.close(outcome, sent);
            }
        });
        drop((counted, lease));
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.cut(Outcome::ClientGone);
        self.line.end();
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({:?})", self.line)
    }
}
