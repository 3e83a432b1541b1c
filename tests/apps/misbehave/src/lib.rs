//! The application that misbehaves, on a pool of threads: see `faults`.

mod faults;

dsgi::app!(type faults::Misbehave, name = "misbehave");
