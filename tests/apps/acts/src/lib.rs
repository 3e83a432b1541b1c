//! The layer that acts as it is asked, on a pool of threads: see `acts`.

mod acts;
mod sync;

dsgi::middleware!(type sync::Layer<1>, name = "acts");
