//! The application as a program of its own, served as the framework does it.

use std::io::{self, Write as _};
use std::net::Ipv4Addr;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        // As all servers beside it; one that cannot be told so is slower, not wrong.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app_answers::router()).await
}
