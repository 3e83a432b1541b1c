//! Connections of front servers, whatever they speak: the way from a socket to its protocol, and
//! the time that each may take.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::line::Line;
use crate::duty::{Duties, Duty, Verdict};
use crate::limits::Limits;
use crate::message::Origin;

/// What a protocol needs of its connection.
#[derive(Debug)]
pub(crate) struct Front {
    pub(super) line: Line,
    pub(super) duty: Arc<Duty>,
    pub(super) origin: Origin,
    pub(super) limits: Arc<Limits>,
}

/// Serves a connection to its end; `kept` is kept until then.
pub(crate) async fn serve<K, F: Future<Output = ()>>(
    stream: std::net::TcpStream,
    origin: Origin,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
    kept: K,
    protocol: impl FnOnce(Front) -> F,
) {
    let duty = Arc::new(Duty::of_front());
    let line = Line::new(stream, Arc::clone(&duty));
    let front = Front { line, duty: Arc::clone(&duty), origin, limits };
    let mut served = pin!(protocol(front));
    let mut watched = Watched::NotYet;
    poll_fn(|context| {
        loop {
            let verdict = duty.verdict();
            // What is in hand is finished by the protocol.
            if verdict == Verdict::End || served.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if watched == Watched::Yes {
                return Poll::Pending;
            }
            // What was done at once needed no watching.
            watched = Watched::Yes;
            duties.watch(&duty, context.waker().clone());
            // The others may have been told something before.
            if duty.verdict() == verdict {
                return Poll::Pending;
            }
        }
    })
    .await;
    drop(kept);
}

/// Whether the time that a connection takes is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    NotYet,
    Yes,
}
