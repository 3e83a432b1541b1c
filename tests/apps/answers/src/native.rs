//! The application served by hyper in the thread layout of one core of a host: what it costs
//! without one.
//!
//! One current-thread runtime, HTTP/1 with keep-alive, no timers, no log. It has a second thread,
//! which sleeps, as every server has that uses more than one core: the C library takes locks only
//! in a process with several threads.

use std::io::{self, Write as _};
use std::net::Ipv4Addr;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service as _;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::spawn(|| {
        loop {
            std::thread::park();
        }
    });
    runtime.block_on(listen(app_answers::router()))
}

/// Listens on a free port of the loopback, says where, and serves until it is ended by a signal.
async fn listen(router: Router) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, router.clone()));
    }
}

async fn serve(stream: TcpStream, router: Router) {
    // A clone for each request, as the framework's own server makes one.
    let service = service_fn(move |request: Request<Incoming>| router.clone().call(request));
    let connection = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    // A client that leaves is no event for a baseline.
    let _ = connection.await;
}
