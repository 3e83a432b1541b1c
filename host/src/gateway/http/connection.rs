//! One connection from its first byte to its end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;

use super::Answers;
use super::socket::{Protocol, Socket};
use super::strict::KnownHost;
use crate::duty::{Duties, Duty, Verdict};
use crate::limits::Limits;
use crate::message::Origin;

/// Serves a connection to its end.
pub(crate) async fn serve(
    stream: TcpStream,
    origin: Origin,
    duties: Arc<Duties>,
    limits: Arc<Limits>,
) {
    let duty = Arc::new(Duty::default());
    poll_fn(|context| {
        duties.watch(&duty, context.waker().clone());
        Poll::Ready(())
    })
    .await;
    let mut socket = Socket::new(stream, Arc::clone(&duty));
    let Some(Ok(protocol)) = unless_ended(&duty, pin!(socket.protocol())).await else {
        return;
    };
    let origin = Arc::new(origin);
    let answers = Answers {
        origin,
        duty: Arc::clone(&duty),
        limits: Arc::clone(&limits),
        known_host: KnownHost::default(),
    };
    // Errors of a connection are its client's; what an application did was logged where it was
    // seen.
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .max_headers(limits.header_count)
                .max_buf_size(limits.header_bytes.max(8192))
                .serve_connection(socket, answers);
            drive(&duty, pin!(connection), http1::Connection::graceful_shutdown).await;
        }
        Protocol::Http2 => {
            duty.multiplex();
            let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
            let connection = http2::Builder::new(TokioExecutor::new())
                .max_header_list_size(header_bytes)
                .max_concurrent_streams(limits.streams)
                .serve_connection(socket, answers);
            // Boxed, because every connection would have room for it otherwise.
            let mut connection = Box::pin(connection);
            drive(&duty, connection.as_mut(), http2::Connection::graceful_shutdown).await;
        }
    }
}

/// Polls until the end, or until the verdict on the connection is to end it.
async fn unless_ended<F: Future>(duty: &Duty, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match duty.verdict() {
        Verdict::Serve => future.as_mut().poll(context).map(Some),
        Verdict::Finish | Verdict::End => Poll::Ready(None),
    })
    .await
}

async fn drive<C>(duty: &Duty, mut connection: Pin<&mut C>, finish: fn(Pin<&mut C>))
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut told = Verdict::Serve;
    poll_fn(|context: &mut Context<'_>| {
        match duty.verdict() {
            Verdict::End => return Poll::Ready(()),
            Verdict::Finish if told == Verdict::Serve => {
                told = Verdict::Finish;
                finish(connection.as_mut());
            }
            Verdict::Serve | Verdict::Finish => {}
        }
        connection.as_mut().poll(context).map(drop)
    })
    .await;
}
