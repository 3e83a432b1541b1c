//! An application of axum 0.7, with another tokio than the host's.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use std::time::Duration;

fn router() -> Router {
    Router::new().route("/later/:name", get(later))
}

/// A timer and a task.
async fn later(Path(name): Path<String>) -> String {
    let task = tokio::spawn(tokio::time::sleep(Duration::from_millis(1)));
    if task.await.is_ok() { format!("axum 0.7 says {name}\n") } else { "never\n".to_owned() }
}

dsgi::service!(router, name = "app");
