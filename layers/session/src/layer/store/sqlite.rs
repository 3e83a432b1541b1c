//! Sessions in a database of SQLite: they outlive the host, and several hosts may share them.
//!
//! Each library has a copy of SQLite of its own. The locks that these take on a file belong to the
//! process, so that two versions of this layer would not see each other's: one would undo what the
//! other has written. So all that is done with the file is done in a turn; and there is no
//! write-ahead log, whose memory is shared.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dsgi_turns::{NoTurn, Turns};
use rusqlite::{Connection, Error, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{Birth, Changes, Fields, Kept, Sought, Store, StoreError};
use crate::layer::id::Id;

/// Sessions in a file. It is opened by the first request that needs it, and again after a failure.
pub(crate) struct Sqlite {
    file: PathBuf,
    wait: Duration,
    open: Mutex<Option<Open>>,
}

/// A connection, and the way to its turns.
struct Open {
    connection: Connection,
    turns: Arc<Turns>,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS session (
        id BLOB PRIMARY KEY,
        ends INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS session_ends ON session (ends);
    CREATE TABLE IF NOT EXISTS session_field (
        id BLOB NOT NULL REFERENCES session (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (id, key)
    ) WITHOUT ROWID;";

impl Sqlite {
    /// `wait` is how long a request waits for another one that writes.
    pub(crate) const fn new(file: PathBuf, wait: Duration) -> Self {
        Self { file, wait, open: Mutex::new(None) }
    }

    fn open(&self) -> Result<Open, Failed> {
        let turns = Turns::of(&self.file)?;
        let turn = turns.take(self.wait)?;
        let connection = Connection::open(&self.file)?;
        connection.busy_timeout(self.wait)?;
        connection.pragma_update(None, "journal_mode", "truncate")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.execute_batch(SCHEMA)?;
        drop(turn);
        Ok(Open { connection, turns })
    }

    /// Does work that lasts as a whole or not at all.
    fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let transact = || {
            let open = match slot.take() {
                Some(open) => slot.insert(open),
                None => slot.insert(self.open()?),
            };
            open.transact(self.wait, behavior, work)
        };
        transact().map_err(|failed: Failed| {
            // A connection whose turn did not come is as good as before.
            if let Failed::Sqlite(_) = failed {
                slot.take().into_iter().for_each(Open::close);
            }
            StoreError(format!("{}: {failed}", self.file.display()))
        })
    }
}

impl Open {
    fn transact<T>(
        &mut self,
        wait: Duration,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Failed> {
        let _turn = self.turns.take(wait)?;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// In a turn of its own: a file that is closed gives up all locks that this process has on it,
    /// whoever took them.
    fn close(self) {
        let Self { connection, turns } = self;
        let _turn = turns.take(CLOSING);
        drop(connection);
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        open.take().into_iter().for_each(Open::close);
    }
}

/// How long the end of a connection waits for its turn.
const CLOSING: Duration = Duration::from_secs(5);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Turn(#[from] NoTurn),
    #[error(transparent)]
    Sqlite(#[from] Error),
}

impl Store for Sqlite {
    fn load(&self, id: &Id) -> Result<Sought, StoreError> {
        self.transact(TransactionBehavior::Deferred, |transaction| {
            let (id, now) = (id.as_bytes(), now());
            let ends = "SELECT ends FROM session WHERE id = ?1 AND ends > ?2";
            let ends =
                transaction.query_row(ends, params![id, now], |row| row.get(0)).optional()?;
            let Some(ends): Option<i64> = ends else { return Ok(Sought::Gone) };
            let text = "SELECT key, value FROM session_field WHERE id = ?1";
            let mut statement = transaction.prepare(text)?;
            let fields = statement.query_map([id], |row| {
                let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((key, serde_json::from_str(&value).unwrap_or_default()))
            });
            let fields = fields?.collect::<Result<Fields, _>>()?;
            let left = Duration::from_millis(ends.abs_diff(now));
            Ok(Sought::Kept(Kept { fields, left }))
        })
    }

    fn save(
        &self,
        id: &Id,
        birth: Birth,
        changes: &Changes,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        self.transact(TransactionBehavior::Immediate, |transaction| {
            let (id, now) = (id.as_bytes(), now());
            let ends = now.saturating_add(milliseconds(lifetime));
            transaction.execute("DELETE FROM session WHERE ends <= ?1", [now])?;
            let is_there = match birth {
                Birth::Now => {
                    let text = "INSERT INTO session (id, ends) VALUES (?1, ?2)";
                    transaction.execute(text, params![id, ends])?
                }
                Birth::Earlier => {
                    let text = "UPDATE session SET ends = ?2 WHERE id = ?1";
                    transaction.execute(text, params![id, ends])?
                }
            };
            if is_there == 0 {
                return Ok(());
            }
            for (key, value) in changes {
                if let Some(value) = value {
                    let text = "INSERT OR REPLACE INTO session_field VALUES (?1, ?2, ?3)";
                    transaction.execute(text, params![id, key, value.to_string()])?;
                } else {
                    let text = "DELETE FROM session_field WHERE id = ?1 AND key = ?2";
                    transaction.execute(text, params![id, key])?;
                }
            }
            Ok(())
        })
    }

    fn remove(&self, id: &Id) -> Result<(), StoreError> {
        self.transact(TransactionBehavior::Immediate, |transaction| {
            transaction.execute("DELETE FROM session WHERE id = ?1", [id.as_bytes()])?;
            Ok(())
        })
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sqlite({})", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::tests::{changes, fields, tried};
    use super::*;

    const WAIT: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_a_store() {
        let folder = tempfile::tempdir().unwrap();
        tried(&Sqlite::new(folder.path().join("a.db"), WAIT));
    }

    #[test]
    fn another_start_finds_what_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Sqlite::new(folder.path().join("a.db"), WAIT);
        let id = Id::random().unwrap();
        open().save(&id, Birth::Now, &changes(&[("a", Some(json!(1)))]), WAIT).unwrap();
        assert_eq!(fields(&open(), &id), json!({"a": 1}));
    }

    #[test]
    fn one_that_was_down_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("not yet there");
        let store = Sqlite::new(place.join("a.db"), WAIT);
        let id = Id::random().unwrap();
        let down = store.load(&id).unwrap_err().to_string();
        assert!(down.starts_with("the store of sessions: ") && down.contains("a.db"), "{down}");
        fs::create_dir(&place).unwrap();
        assert_eq!(store.load(&id), Ok(Sought::Gone));
    }

    #[test]
    fn one_whose_turn_does_not_come_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let (store, id) =
            (Sqlite::new(file.clone(), Duration::from_millis(20)), Id::random().unwrap());
        assert_eq!(store.load(&id), Ok(Sought::Gone));
        let others = Turns::of(&file).unwrap();
        let turn = others.take(WAIT).unwrap();
        let refused = store.load(&id).unwrap_err().to_string();
        assert!(refused.contains("others work with it for 20ms"), "{refused}");
        drop(turn);
        assert_eq!(store.load(&id), Ok(Sought::Gone));
    }

    #[test]
    fn after_a_failure_the_file_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let (store, id) = (Sqlite::new(file.clone(), WAIT), Id::random().unwrap());
        let change = changes(&[("a", Some(json!(1)))]);
        store.save(&id, Birth::Now, &change, WAIT).unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        assert!(store.save(&id, Birth::Now, &change, WAIT).is_err(), "it began already");
        store.save(&Id::random().unwrap(), Birth::Now, &change, WAIT).unwrap();
        assert!(file.exists());
    }
}
