//! The error of a constructor is one that can be told.

use axum::Router;

struct Silent;

fn router() -> Result<Router, Silent> {
    Err(Silent)
}

dsgi::service!(router);

fn main() {}
