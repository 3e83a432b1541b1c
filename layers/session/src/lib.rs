//! Sessions for DSGI applications.
//!
//! An application asks its environ for a [`Session`]; the layer that lends it (feature `layer`,
//! sample `session`) keeps them in memory, in SQLite or in Redis, and no application needs to know
//! where.

#[cfg(feature = "layer")]
mod layer;
mod session;
mod wish;

#[cfg(feature = "layer")]
pub use self::layer::{Config, Sessions};
pub use self::session::Session;
