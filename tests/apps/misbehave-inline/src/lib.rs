//! The application that misbehaves, on the core: it says that it never waits, and does.

#[path = "../../misbehave/src/faults.rs"]
mod faults;

dsgi::app!(type faults::Misbehave, non_blocking, name = "misbehave-inline");
