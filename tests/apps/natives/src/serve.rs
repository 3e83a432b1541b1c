//! A router under `axum::serve`, at a path or at the root.

use std::io;
use std::pin::Pin;

use axum::Router;

/// What makes a router.
pub(crate) type Making = Pin<Box<dyn Future<Output = io::Result<Router>>>>;

/// Serves what is made until the process ends, and says where. The first argument is the path that
/// it is mounted at, if it is not the root.
pub(crate) fn serve(making: Making) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let router = making.await?;
        let mount = std::env::args().nth(1).unwrap_or_default();
        let router = if mount.is_empty() { router } else { Router::new().nest(&mount, router) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, router).await
    })
}
