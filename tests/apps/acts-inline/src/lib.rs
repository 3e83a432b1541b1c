//! The layer that acts as it is asked, on the core.

#[path = "../../acts/src/acts.rs"]
mod acts;
#[path = "../../acts/src/sync.rs"]
mod sync;

dsgi::middleware!(type sync::Layer<0>, name = "acts-inline");
