//! What an application has of the database.

use dsgi::{Remote, Result};

use crate::Cell;
use crate::statement::{Rows, Statement, Text};

dsgi::value! {
    /// A database, lent for as long as the request lasts.
    ///
    /// The first statement takes a connection from the pool, and all of the request's run on it; it
    /// goes back when the response is closed, whatever the end is, and a transaction that is open
    /// then is rolled back. `$1`, `$2` and so on stand for parameters, in SQLite and PostgreSQL
    /// alike.
    ///
    /// ```
    /// use dsgi::{Body, Environ, StartResponse};
    /// use dsgi_connection_pool::Database;
    ///
    /// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    ///     let database = environ.value::<Database>()?;
    ///     let text = "SELECT name FROM visitor WHERE age > $1";
    ///     let found = database.query(text, &[18.into()])?;
    ///     let names = found.rows.iter().filter_map(|row| row[0].as_text());
    ///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
    ///     Ok(Body::from(names.collect::<Vec<_>>().join("\n")))
    /// }
    /// # dsgi::app!(app);
    /// # fn main() {}
    /// ```
    pub struct Database {
        /// Takes statements, as JSON.
        pub statements: Remote,
    }
}

impl Database {
    /// Runs a statement that gives rows.
    ///
    /// # Errors
    /// The database refuses the statement (500), or there is no connection to run it on (503); the
    /// layer makes a 503 that an application passes on one with `Retry-After`.
    pub fn query(&self, text: &str, with: &[Cell]) -> Result<Rows> {
        self.run(Text::Query(text.to_owned()), with)
    }

    /// Runs any other statement, and tells how many rows it has changed.
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    pub fn execute(&self, text: &str, with: &[Cell]) -> Result<u64> {
        self.run(Text::Execute(text.to_owned()), with)
    }

    fn run<T: serde::de::DeserializeOwned>(&self, text: Text, with: &[Cell]) -> Result<T> {
        let statement = Statement { text, with: with.to_vec() };
        let answer = self.statements.call(&serde_json::to_vec(&statement)?)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}
