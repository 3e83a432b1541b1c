//! The sample `websocket-chat` under `axum::serve`.
#![allow(clippy::print_stdout, reason = "whoever started it waits for the line")]

#[path = "../../../../sample-plugins/websocket-chat/src/lib.rs"]
mod app;
mod serve;

fn main() -> std::io::Result<()> {
    serve::serve(Box::pin(async { Ok(app::router()) }))
}
