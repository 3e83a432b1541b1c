//! Connections of the control socket: who may talk, for how long, and the protocol.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::answer::Desk;
use crate::limits::ControlLimits;
use crate::operator::Operator;
use crate::platform::channel::{Door, Guest, Listener, user_of};
use crate::platform::rights::user;

/// How long accepting pauses when it fails for want of descriptors.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Accepts connections until it is told to stop.
pub(super) async fn accept(
    listener: Listener,
    operator: Arc<dyn Operator>,
    limits: ControlLimits,
    mut stopped: watch::Receiver<()>,
) -> io::Result<()> {
    let door = Door::open(listener)?;
    let desk = Arc::new(Desk::new(operator, &limits));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // An error says that the sender is gone, which is what it waits for.
            _ = stopped.changed() => break,
            Some(_) = connections.join_next() => {}
            stream = next(&door), if connections.len() < limits.connections => {
                let (desk, limits) = (Arc::clone(&desk), limits.clone());
                connections.spawn(serve(stream, desk, limits, stopped.clone()));
            }
        }
    }
    drop(door);
    let last = async { while connections.join_next().await.is_some() {} };
    // Who has not taken the last answer by then is cut off.
    let _ = timeout(limits.goodbye_timeout, last).await;
    Ok(())
}

async fn next(door: &Door) -> Guest {
    loop {
        match door.next().await {
            Ok(stream) => return stream,
            Err(error) => {
                tracing::warn!("cannot accept on the control socket: {error}");
                sleep(BACK_OFF).await;
            }
        }
    }
}

async fn serve(
    mut stream: Guest,
    desk: Arc<Desk>,
    limits: ControlLimits,
    mut stopped: watch::Receiver<()>,
) {
    if let Err(refused) = admit(user_of(&mut stream).await, user()) {
        tracing::warn!("control socket: {refused}");
        // The peer may have left, or never leave.
        let _ = timeout(limits.goodbye_timeout, refuse(stream)).await;
        return;
    }
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    let io = TokioIo::new(Patient::new(stream, limits.write_timeout));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.head_bytes)
            .serve_connection(io, service)
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("control socket: {error}");
    }
}

/// Says no, and waits for the peer to hear it: a socket that is closed at both ends looks to
/// some clients as one that was never connected.
async fn refuse(mut stream: Guest) -> io::Result<()> {
    stream.write_all(FORBIDDEN.as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

/// Somebody who may not talk to this host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Foreign {
    #[error("refused user {peer}: this host belongs to user {user}")]
    User { peer: u32, user: u32 },
    #[error("refused a peer without credentials")]
    Unknown,
}

/// The same user may, and root, who can do anything to the process anyway.
const fn admit(peer: Option<u32>, user: u32) -> Result<(), Foreign> {
    match peer {
        Some(0) => Ok(()),
        Some(peer) if peer == user => Ok(()),
        Some(peer) => Err(Foreign::User { peer, user }),
        None => Err(Foreign::Unknown),
    }
}

/// Said before anything is read: who is not of the house is not listened to.
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\n\
    content-type: application/problem+json\r\n\
    content-length: 147\r\n\
    connection: close\r\n\r\n\
    {\"type\":\"/problems/foreign-user\",\"title\":\"Forbidden\",\"status\":403,\
    \"detail\":\"this host belongs to another user\",\"help\":\"ask as that user\",\"exit\":1}\n";

/// A stream whose peer must take what is ready within a time.
#[derive(Debug)]
struct Patient {
    stream: Guest,
    patience: Duration,
    /// Runs while a write waits.
    late: Pin<Box<Sleep>>,
    state: Writing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Free,
    Waits,
}

impl Patient {
    fn new(stream: Guest, patience: Duration) -> Self {
        let late = Box::pin(sleep(patience));
        Self { stream, patience, late, state: Writing::Free }
    }

    fn judge<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.state = Writing::Free;
            return polled;
        }
        if self.state == Writing::Free {
            self.state = Writing::Waits;
            self.late.as_mut().reset(Instant::now() + self.patience);
        }
        ready!(self.late.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(polled, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_user_and_root_may_talk() {
        assert_eq!(admit(Some(7), 7), Ok(()));
        assert_eq!(admit(Some(0), 7), Ok(()));
        assert_eq!(admit(Some(8), 7), Err(Foreign::User { peer: 8, user: 7 }));
        assert_eq!(admit(Some(8), 0), Err(Foreign::User { peer: 8, user: 0 }));
        assert_eq!(admit(None, 0), Err(Foreign::Unknown));
    }

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let (head, body) = FORBIDDEN.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
        serde_json::from_str::<crate::operator::Problem>(body).unwrap();
    }
}
