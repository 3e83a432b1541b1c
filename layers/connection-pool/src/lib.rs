//! A database for DSGI applications, lent for as long as a request lasts.
//!
//! An application asks its environ for a [`Database`] and needs no driver of its own; the layer
//! that lends it (feature `layer`, sample `connection-pool`) keeps the connections, to SQLite or to
//! PostgreSQL.

mod cell;
mod database;
#[cfg(feature = "layer")]
mod layer;
mod statement;

pub use self::cell::Cell;
pub use self::database::Database;
#[cfg(feature = "layer")]
pub use self::layer::{Config, ConnectionPool};
pub use self::statement::{Rows, Statement};
