//! A database for every application further in, which find it as a value of their environ: lent for
//! the time of a request, and never leaked, whatever the end of the request is.
//!
//! ```text
//! host --load APP --enable sample-plugins/connection-pool \
//!     --set connection-pool.database=sqlite:shop.db
//! ```

use dsgi_connection_pool::ConnectionPool;

dsgi::middleware!(type ConnectionPool, name = "connection-pool");
