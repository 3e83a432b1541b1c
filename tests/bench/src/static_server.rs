//! The baseline: the hello handler linked into a plain hyper server.
//!
//! Everything is judged against it, so it imports nothing of ours and does only what a request
//! needs: one current-thread runtime, HTTP/1 with keep-alive, no timers, no log, no routing.
//!
//! It has a second thread, which sleeps, as every server has that uses more than one core: the C
//! library takes locks and looks for cancellation only in a process with several threads, which is
//! about 165 instructions of a small request (measured).

use std::convert::Infallible;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Listens on a free port of the loopback, says where, and serves until it is ended by a signal.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("the runtime did not start")?;
    std::thread::spawn(|| {
        loop {
            std::thread::park();
        }
    });
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .context("no free port on 127.0.0.1")?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "listening on http://{}", listener.local_addr()?)?;
        stdout.flush()?;
        drop(stdout);
        serve(listener).await
    })
}

async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await.context("accepting a connection failed")?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .header_read_timeout(None)
                .serve_connection(TokioIo::new(stream), service_fn(hello));
            // A client that leaves is no event for a baseline.
            let _ = connection.await;
        });
    }
}

async fn hello(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = Response::builder()
        .status(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
        .body(Full::new(Bytes::from_static(b"I'm a DSGI application.\n")));
    Ok(response.unwrap_or_default())
}
