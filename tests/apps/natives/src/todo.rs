//! The sample `todo` under `axum::serve`. The second argument is its database.
#![allow(clippy::print_stdout, reason = "whoever started it waits for the line")]

#[path = "../../../../sample-plugins/todo/src/lib.rs"]
mod app;
mod serve;

use std::io;

use dsgi::{Previous, Purpose};

fn main() -> io::Result<()> {
    let db = std::env::args_os().nth(2).unwrap_or_default().into();
    serve::serve(Box::pin(async {
        let config = app::Config { db, keep: 3600 };
        app::router(config, Purpose::Serve(Previous::None)).await.map_err(io::Error::other)
    }))
}
