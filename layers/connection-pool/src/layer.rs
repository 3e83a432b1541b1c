//! The layer: a pool of connections, lent to the application further in as a [`Database`].
//!
//! A request whose application runs no statement takes no connection. One that waits in vain for a
//! connection, or finds the database down, is answered by a 503 with `Retry-After`; the next one
//! tries anew.

mod connection;
#[cfg(test)]
mod fake;
mod loan;
mod place;
mod pool;
mod postgres;
mod sqlite;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use dsgi::{Body, Environ, Inner, Middleware, Purpose, Remote, Result, Service, StartResponse};
use serde::Deserialize;

use self::loan::Loan;
use self::place::Place;
use self::pool::Pool;
use crate::Database;

/// The layer, to be exported by a library: `dsgi::middleware!(type ConnectionPool)`.
#[derive(Debug)]
pub struct ConnectionPool {
    pool: Arc<Pool>,
}

/// The config of the layer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `sqlite:FILE`, `postgres://USER@HOST/NAME`, or `host=/run/postgresql user=USER dbname=NAME`.
    database: Place,
    /// How many connections are open at most.
    #[serde(default = "eight")]
    connections: usize,
    /// How many milliseconds a request waits for a connection.
    #[serde(default = "two_seconds")]
    wait: u64,
}

const fn eight() -> usize {
    8
}

const fn two_seconds() -> u64 {
    2_000
}

impl Middleware for ConnectionPool {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> Result<Self> {
        // Nothing is opened here: a probe leaves no trace, and a database that is down at the start
        // is asked by the first request.
        let wait = Duration::from_millis(config.wait);
        let open = config.database.into_open(wait);
        Ok(Self { pool: Arc::new(Pool::new(open, config.connections.max(1), wait)) })
    }

    fn call(&self, inner: Inner, environ: Environ, start_response: StartResponse) -> Result<Body> {
        let log = environ.duplicate()?;
        let loan = Arc::new(Loan::new(Arc::clone(&self.pool)));
        let statements = Remote::new(Statements(Arc::clone(&loan)));
        environ.set_value(Database { statements })?;
        let response = inner.respond(environ);
        match (response, loan.failure()) {
            (Ok(mut response), _) => {
                // The value lives as long as the exchange; the connection goes back earlier.
                response.body = response.body.on_close(move |_, _| loan.end());
                response.send(start_response)
            }
            (Err(_), Some(failure)) => {
                // Whether a line of the log is lost changes nothing for the visitor.
                let _ = writeln!(log.errors(), "{failure}");
                let fields = [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "1")];
                start_response("503 Service Unavailable", &fields)?;
                Ok(Body::from("The database is not available right now.\n"))
            }
            (Err(error), None) => {
                loan.end();
                Err(error)
            }
        }
    }

    fn shutdown(&self) {
        self.pool.close();
    }
}

/// Takes the application's statements, in its own call.
struct Statements(Arc<Loan>);

impl Service for Statements {
    fn call(&mut self, statement: &[u8]) -> Result<Vec<u8>> {
        self.0.run(statement)
    }
}
