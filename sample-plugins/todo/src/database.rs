//! Connections to one SQLite file, and the threads that may wait for it.
//!
//! SQLite has no async form: each statement runs on a thread of `spawn_blocking`, with a connection
//! that is idle or new.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

/// So many statements run at once.
const CONNECTIONS: usize = 4;

/// How long a statement waits for another connection that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What brings a file from each version of its tables to the next; only added to.
const MIGRATIONS: [&str; 2] = [
    "CREATE TABLE item (id INTEGER PRIMARY KEY, title TEXT NOT NULL)",
    "ALTER TABLE item ADD COLUMN done_at INTEGER",
];

/// A database, to be cloned.
#[derive(Clone)]
pub(crate) struct Database(Arc<Pool>);

struct Pool {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

/// Why a statement has no result.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Database {
    pub(crate) fn new(file: PathBuf) -> Self {
        let (idle, permits) = (Mutex::default(), Semaphore::new(CONNECTIONS));
        Self(Arc::new(Pool { file, idle, permits }))
    }

    /// Brings the tables to where this version expects them.
    pub(crate) async fn migrate(&self) -> Result<(), Failure> {
        self.run(|connection| {
            // Another process may be about to do the same.
            let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let is: u16 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
            for (number, migration) in (1_u16..).zip(MIGRATIONS).skip(is.into()) {
                step.execute_batch(migration)?;
                step.pragma_update(None, "user_version", number)?;
            }
            step.commit()
        })
        .await
    }

    /// Runs statements on a thread that may wait. Whoever does not wait for the result any more
    /// leaves them to their end.
    #[allow(clippy::disallowed_methods, reason = "the host's pool is for applications that block")]
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        statements: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Failure> {
        let pool = Arc::clone(&self.0);
        let run = async move {
            let _permit = pool.permits.acquire().await.map_err(Failure::of)?;
            let used = Arc::clone(&pool);
            let run = move || {
                let mut connection = used.connection()?;
                let result = statements(&mut connection);
                used.idle().push(connection);
                result
            };
            tokio::task::spawn_blocking(run).await.map_err(Failure::of)?.map_err(Failure::of)
        };
        tokio::spawn(run).await.map_err(Failure::of)?
    }
}

impl Pool {
    fn connection(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        idle.map_or_else(|| open(&self.file), Ok)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Whole at each step.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    Ok(connection)
}

impl Failure {
    fn of(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database: {}", self.0)
    }
}

impl std::error::Error for Failure {}
