//! One connection from its first byte to its end.
//!
//! Its future has a name, so that what is polled for each request has one state to look up: inside
//! of an `async` block it has two.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;

use super::Answers;
use super::socket::{Protocol, Socket};
use super::taken::Taken;
use crate::duty::{Duties, Duty, Verdict};
use crate::gateway::strict::KnownHost;
use crate::limits::Limits;
use crate::message::Origin;

/// A connection, to be polled on its core; `K` is kept until it has ended.
pub(crate) struct Connection<K> {
    phase: Phase,
    /// What it was told to do.
    told: Verdict,
    duty: Arc<Duty>,
    goodbye: Duration,
    _kept: K,
}

/// Whether all that hyper had to send has left.
enum Sent {
    Whole,
    Broken,
}

#[allow(clippy::large_enum_variant, reason = "nearly every connection is the large one")]
enum Phase {
    /// Its first bytes tell what it speaks.
    Opening(Pin<Box<dyn Future<Output = Option<Self>> + Send>>),
    Http1(http1::Connection<Socket, Answers>),
    /// Boxed, because every connection would have room for it otherwise.
    Http2(Pin<Box<http2::Connection<Socket, Answers, TokioExecutor>>>),
    /// An application has taken it over.
    Taken(Box<Taken>),
    Over,
}

/// Serves a connection to its end.
pub(crate) fn serve<K>(
    stream: std::net::TcpStream,
    origin: Origin,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
    kept: K,
) -> Connection<K> {
    let duty = Arc::new(Duty::default());
    let goodbye = limits.goodbye_timeout;
    let opening = open(stream, origin, Arc::clone(&duty), duties, limits);
    let phase = Phase::Opening(Box::pin(opening));
    Connection { phase, told: Verdict::Serve, duty, goodbye, _kept: kept }
}

/// Reads what a connection speaks; none when it ends before that.
async fn open(
    stream: std::net::TcpStream,
    origin: Origin,
    duty: Arc<Duty>,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
) -> Option<Phase> {
    let stream = TcpStream::from_std(stream).ok()?;
    poll_fn(|context| {
        duties.watch(&duty, context.waker().clone());
        Poll::Ready(())
    })
    .await;
    let mut socket = Socket::new(stream, Arc::clone(&duty));
    let protocol = unless_ended(&duty, pin!(socket.protocol())).await?.ok()?;
    let answers = Answers {
        origin: Arc::new(origin),
        duty: Arc::clone(&duty),
        limits: Arc::clone(&limits),
        known_host: KnownHost::default(),
    };
    Some(match protocol {
        Protocol::Http1 => Phase::Http1(
            http1::Builder::new()
                .max_headers(limits.header_count)
                .max_buf_size(limits.header_bytes.max(8192))
                .serve_connection(socket, answers),
        ),
        Protocol::Http2 => {
            duty.multiplex();
            let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
            let connection = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(header_bytes)
                .max_concurrent_streams(limits.streams)
                .serve_connection(socket, answers);
            Phase::Http2(Box::pin(connection))
        }
    })
}

/// Polls until the end, or until the verdict on the connection is to end it.
async fn unless_ended<F: Future>(duty: &Duty, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match duty.verdict() {
        Verdict::Serve => future.as_mut().poll(context).map(Some),
        Verdict::Finish | Verdict::End => Poll::Ready(None),
    })
    .await
}

impl<K: Unpin> Future for Connection<K> {
    type Output = ();

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { phase, told, duty, goodbye, .. } = self.get_mut();
        loop {
            let verdict = duty.verdict();
            if verdict != *told {
                *told = verdict;
                if phase.tell(verdict).is_ready() {
                    return Poll::Ready(());
                }
            }
            // Errors of a connection are its client's; what an application did was logged where it
            // was seen.
            match phase {
                Phase::Http1(connection) => {
                    let ended = ready!(Pin::new(connection).poll(context));
                    let sent = if ended.is_ok() { Sent::Whole } else { Sent::Broken };
                    // No way back into the loop, which would cost each poll 30 instructions.
                    return phase.go_on(sent, duty, *goodbye, context);
                }
                Phase::Http2(connection) => return connection.as_mut().poll(context).map(drop),
                Phase::Taken(taken) => return taken.poll(context),
                Phase::Over => return Poll::Ready(()),
                Phase::Opening(opening) => match ready!(opening.as_mut().poll(context)) {
                    Some(opened) => *phase = opened,
                    None => return Poll::Ready(()),
                },
            }
        }
    }
}

impl Phase {
    /// Goes on as what an application has answered, once hyper has sent that; ready where it has
    /// answered nothing of the kind.
    #[cold]
    #[inline(never)]
    fn go_on(
        &mut self,
        sent: Sent,
        duty: &Arc<Duty>,
        goodbye: Duration,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let (Some(switched), Sent::Whole) = (duty.take_next(), sent) else {
            return Poll::Ready(());
        };
        let Self::Http1(connection) = std::mem::replace(self, Self::Over) else {
            return Poll::Ready(());
        };
        let parts = connection.into_parts();
        let line = (parts.io, parts.read_buf);
        let mut taken = Box::new(Taken::new(*switched, line, duty.begin(), goodbye));
        let polled = taken.poll(context);
        *self = Self::Taken(taken);
        polled
    }

    /// Tells the connection to finish, or to end; pending as long as it has something to finish.
    #[cold]
    fn tell(&mut self, verdict: Verdict) -> Poll<()> {
        match (verdict, self) {
            // One that was taken over finishes as its stack does.
            (Verdict::Serve, _) | (Verdict::Finish, Self::Taken(_)) => {}
            (Verdict::End, _) | (Verdict::Finish, Self::Opening(_) | Self::Over) => {
                return Poll::Ready(());
            }
            (Verdict::Finish, Self::Http1(connection)) => {
                Pin::new(connection).graceful_shutdown();
            }
            (Verdict::Finish, Self::Http2(connection)) => connection.as_mut().graceful_shutdown(),
        }
        Poll::Pending
    }
}

impl<K> fmt::Debug for Connection<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection(told to {:?})", self.told)
    }
}
