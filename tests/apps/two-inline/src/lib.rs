//! The application of two versions, on the core.

#[path = "../../two/src/app.rs"]
mod app;

dsgi::app!(app::app, non_blocking, name = "two-inline");
