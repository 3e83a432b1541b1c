//! A service that takes the connection over: WebSockets, and whatever else answers with 101.
//!
//! Frameworks look for hyper's `OnUpgrade` in the extensions of a request, and only hyper can make
//! one. So hyper is played a request of a few bytes over a line in memory, and what it makes of
//! that is put into the real request. When the service has answered with 101, hyper is let answer
//! as well, its head is left out, and what it hands over to the service is the line, whose other
//! end is joined with the connection.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::Body;
use super::inside::Inside;
use super::line::{self, Far};
use super::runtime::Entry;
use crate::bridge::duplex::Duplex;
use crate::bridge::upgrade::Upgrade;
use crate::{Error, Result};

/// What hyper is played.
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: dsgi\r\nConnection: upgrade\r\nUpgrade: dsgi\r\n\r\n";

/// Whether the client asks to go on as something else.
pub(super) fn is_asked(request: &Request<Body>) -> bool {
    let names_upgrade = || {
        let values = request.headers().get_all(CONNECTION).iter();
        let mut words = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    let over_http1 = request.version() == Version::HTTP_11;
    let asked = request.headers().contains_key(UPGRADE) && names_upgrade();
    over_http1 && (asked || request.method() == Method::CONNECT)
}

/// A request that hyper was played, until the service has answered the real one.
pub(super) struct Played {
    /// There until it is taken over.
    stage: Mutex<Option<Stage>>,
    method: Method,
}

/// Hyper's connection, which has read its request and waits for the answer.
struct Stage {
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    answered: Arc<AtomicBool>,
    near: line::Near,
}

impl Played {
    /// Plays a request to hyper, and gives what it makes of that to the real one.
    pub(super) async fn begin(request: &mut Request<Body>) -> Result<Self> {
        let (mut near, far) = line::pair();
        near.stream.write_all(REQUEST).await?;
        let (made, answered) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
        let mut connection = connection(far, Arc::clone(&made), Arc::clone(&answered));
        let upgrade: OnUpgrade = poll_fn(|context| {
            let ended = connection.as_mut().poll(context).is_ready();
            let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (made, ended) {
                (Some(made), _) => Poll::Ready(Ok(made)),
                (None, true) => Poll::Ready(Err(Error::new("hyper has taken no upgrade"))),
                (None, false) => Poll::Pending,
            }
        })
        .await?;
        request.extensions_mut().insert(upgrade);
        let stage = Mutex::new(Some(Stage { connection, answered, near }));
        Ok(Self { stage, method: request.method().clone() })
    }

    /// Lets the connection be taken over, if the service has answered so.
    pub(super) fn take_over<B>(&self, response: &mut Response<B>) {
        let status = response.status();
        let connected = self.method == Method::CONNECT && status.is_success();
        let further_in = response.extensions().get::<Inside>().is_some_and(Inside::has_upgrade);
        if further_in || !(connected || status == StatusCode::SWITCHING_PROTOCOLS) {
            return;
        }
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stage) = stage {
            let entry = Entry::current();
            let upgrade = Upgrade::of(move |duplex| entry.inside(stage.join(duplex)));
            response.extensions_mut().insert(Inside::of_upgrade(upgrade));
        }
    }
}

/// Hyper's connection over a line. What it makes of its request is put into `made`, and it answers
/// once `answered` is set and it is polled again.
fn connection(
    far: Far,
    made: Arc<Mutex<Option<OnUpgrade>>>,
    answered: Arc<AtomicBool>,
) -> Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>> {
    let service = service_fn(move |played: Request<Incoming>| {
        *made.lock().unwrap_or_else(PoisonError::into_inner) = Some(hyper::upgrade::on(played));
        let answered = Arc::clone(&answered);
        async move {
            poll_fn(|_| match answered.load(Ordering::Acquire) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            Ok::<_, Infallible>(switching())
        }
    });
    Box::pin(http1::Builder::new().serve_connection(far, service).with_upgrades())
}

fn switching() -> Response<NoBytes> {
    let mut response = Response::new(NoBytes);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("dsgi"));
    response
}

impl Stage {
    /// Lets hyper hand the line over, and joins its near end with the connection until both
    /// directions have ended, or the service has dropped its end.
    async fn join(self, duplex: Duplex) -> Result<()> {
        let Self { connection, answered, mut near } = self;
        answered.store(true, Ordering::Release);
        connection.await?;
        leave_head_out(&mut near.stream).await?;
        near.join(duplex).await
    }
}

/// Reads the head of hyper's own answer, and nothing behind it.
async fn leave_head_out(near: &mut DuplexStream) -> Result<()> {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        let byte = near.read_u8().await?;
        last = [last[1], last[2], last[3], byte];
    }
    Ok(())
}

/// The body of hyper's own answer.
struct NoBytes;

impl http_body::Body for NoBytes {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(connection: &str) -> bool {
        let request = Request::get("/").header("Upgrade", "websocket");
        is_asked(&request.header("Connection", connection).body(Body::empty()).unwrap())
    }

    #[test]
    fn only_who_names_it_asks_for_an_upgrade() {
        assert!(asks("upgrade") && asks("keep-alive, Upgrade"));
        assert!(!asks("keep-alive") && !asks("upgrades"));
        let http2 = Request::get("/").version(Version::HTTP_2).header("Upgrade", "websocket");
        assert!(!is_asked(&http2.header("Connection", "upgrade").body(Body::empty()).unwrap()));
    }
}
