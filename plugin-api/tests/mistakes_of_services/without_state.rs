//! A router that still waits for its state is no service.

use axum::Router;

fn router() -> Router<String> {
    Router::new()
}

dsgi::service!(router);

fn main() {}
