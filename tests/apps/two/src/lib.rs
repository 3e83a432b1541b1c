//! The application of two versions, on a pool of threads.

mod app;

dsgi::app!(app::app, name = "two");
