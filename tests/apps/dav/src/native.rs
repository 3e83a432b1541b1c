//! The same service in a program, by hyper, as its own documentation serves it. It is told its
//! prefix, and says where it listens.
#![allow(clippy::print_stdout, reason = "whoever started it waits for the line")]

use std::io;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    let prefix = std::env::args().nth(1).unwrap_or_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(&prefix))
}

async fn serve(prefix: &str) -> io::Result<()> {
    let service = TowerToHyperService::new(app_dav::dav(prefix));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        // Errors of a connection are its client's.
        tokio::spawn(async { drop(connection.await) });
    }
}
