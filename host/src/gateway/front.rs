//! Connections of front servers, whatever they speak: the way from a socket to its protocol, and
//! the time that each may take.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::net::TcpStream;

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
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let duty = Arc::new(Duty::of_front());
    poll_fn(|context| {
        duties.watch(&duty, context.waker().clone());
        Poll::Ready(())
    })
    .await;
    let line = Line::new(stream, Arc::clone(&duty));
    let front = Front { line, duty: Arc::clone(&duty), origin, limits };
    let mut served = pin!(protocol(front));
    poll_fn(|context| match duty.verdict() {
        Verdict::End => Poll::Ready(()),
        // What is in hand is finished by the protocol.
        Verdict::Serve | Verdict::Finish => served.as_mut().poll(context),
    })
    .await;
    drop(kept);
}
