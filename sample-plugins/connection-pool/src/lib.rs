//! A database for every application further in, which find it as a value of their environ: lent for
//! the time of a request, and never leaked, whatever the end of the request is.
//!
//! ```text
//! host --load APP --enable sample-plugins/connection-pool \
//!     --set connection-pool.database=sqlite:shop.db
//! ```
//!
//! With SQLite, replace it when nothing writes, or make a library of your own that is `exclusive`:
//! two copies of SQLite in one process do not see each other's locks on a file, so that no other
//! version, and no other library, may write to it meanwhile.

use dsgi_connection_pool::ConnectionPool;

dsgi::middleware!(type ConnectionPool, name = "connection-pool");
