//! The sample `sse-clock` under `axum::serve`.
#![allow(clippy::print_stdout, reason = "whoever started it waits for the line")]

#[path = "../../../../sample-plugins/sse-clock/src/lib.rs"]
mod app;
mod serve;

fn main() -> std::io::Result<()> {
    serve::serve(Box::pin(async { Ok(app::router(app::Config { tick_ms: 20 })) }))
}
