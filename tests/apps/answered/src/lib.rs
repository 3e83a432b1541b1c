//! The application of `answers`, as a library.

dsgi::service!(app_answers::router, name = "answered");
