//! A constructor is given a config, and then why it is called.

use axum::Router;
use dsgi::Purpose;

fn router(_: Purpose, _: String) -> Router {
    Router::new()
}

dsgi::service!(router);

fn main() {}
