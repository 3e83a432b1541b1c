//! A database for every application further in, which find it as a value of their environ: lent for
//! the time of a request, and never leaked, whatever the end of the request is.
//!
//! ```text
//! host --load APP --enable sample-plugins/connection-pool \
//!     --set connection-pool.database=sqlite:shop.db
//! ```
//!
//! Two copies of SQLite in one process do not see each other's locks on a file. So versions of this
//! layer, and `session`, take turns at one: it may be replaced at any time.

use dsgi_connection_pool::ConnectionPool;

dsgi::middleware!(type ConnectionPool, name = "connection-pool");
