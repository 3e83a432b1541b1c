//! Connections to a database of SQLite, which is a file.
//!
//! Another version of this layer, or another library, may have a copy of SQLite of its own at work
//! on it. So a statement is run in a turn, a transaction to its end, and there is no write-ahead
//! log, of which copies in one process would not know that others have it open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dsgi_turns::{NoTurn, Turn, Turns};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Error, ErrorCode, Row, ToSql, params_from_iter};

use super::connection::{Connection, Open, StatementError};
use crate::{Cell, Rows};

struct Sqlite {
    /// There until it is closed.
    connection: Option<rusqlite::Connection>,
    turns: Arc<Turns>,
    /// Kept while a transaction is open.
    turn: Option<Turn>,
    wait: Duration,
}

/// Opens the file, which is made where there is none. `wait` is how long one writer waits for
/// another.
pub(crate) fn opener(file: PathBuf, wait: Duration) -> Open {
    let known: Mutex<Option<Arc<Turns>>> = Mutex::new(None);
    Box::new(move || {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = match &*known {
            Some(turns) => Ok(Arc::clone(turns)),
            None => Turns::of(&file).map(|turns| Arc::clone(known.insert(turns))),
        };
        drop(known);
        let opened = turns.map_err(Into::into).and_then(|turns| open(&file, turns, wait));
        opened.map_err(|error| format!("{}: {error}", file.display()))
    })
}

fn open(file: &Path, turns: Arc<Turns>, wait: Duration) -> Result<Box<dyn Connection>, OpenError> {
    let turn = turns.take(wait)?;
    let connection = rusqlite::Connection::open(file)?;
    // From here on it is closed in a turn.
    let mut opened = Sqlite { connection: None, turns, turn: Some(turn), wait };
    let connection = opened.connection.insert(connection);
    connection.busy_timeout(wait)?;
    let mode = connection
        .pragma_update_and_check(None, "journal_mode", "truncate", |row| row.get::<_, String>(0))?;
    if mode != "truncate" {
        return Err(OpenError::Journal(mode));
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    opened.turn = None;
    Ok(Box::new(opened))
}

/// Why the file was not opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Turn(#[from] NoTurn),
    #[error(transparent)]
    Sqlite(#[from] Error),
    #[error("somebody else has it open with a journal of the mode `{0}`")]
    Journal(String),
}

impl Sqlite {
    /// Runs a statement in a turn, which lasts as long as the transaction that it is of.
    fn run<T>(
        &mut self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error>,
    ) -> Result<T, StatementError> {
        let Some(connection) = &self.connection else {
            return Err(StatementError::Broken("it was closed".to_owned()));
        };
        if self.turn.is_none() {
            let turn = self.turns.take(self.wait);
            self.turn = Some(turn.map_err(|why| StatementError::Busy(why.to_string()))?);
        }
        let done = work(connection);
        if connection.is_autocommit() {
            self.turn = None;
        }
        Ok(done?)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        let turn = self.turn.take().map_or_else(|| self.turns.take(CLOSING), Ok);
        let connection = self.connection.take();
        if turn.is_ok() {
            drop(connection);
        } else {
            leave(connection);
        }
    }
}

/// To close it would give up the locks of who is at work with the file: better it stays open.
#[cold]
#[allow(clippy::mem_forget, reason = "a descriptor that is lost costs less than what is written")]
fn leave(connection: Option<rusqlite::Connection>) {
    std::mem::forget(connection);
}

/// How long the end of a connection waits for its turn.
const CLOSING: Duration = Duration::from_secs(5);

impl Connection for Sqlite {
    fn query(&mut self, text: &str, with: &[Cell]) -> Result<Rows, StatementError> {
        self.run(|connection| {
            let mut statement = connection.prepare(text)?;
            let columns: Vec<String> = statement.column_names().map(Into::into).collect();
            let cells =
                |row: &Row<'_>| (0..columns.len()).map(|at| cell(row.get_ref(at)?)).collect();
            let rows = statement.query_map(params_from_iter(with), cells)?;
            let rows = rows.collect::<Result<_, _>>()?;
            Ok(Rows { columns, rows })
        })
    }

    fn execute(&mut self, text: &str, with: &[Cell]) -> Result<u64, StatementError> {
        self.run(|connection| {
            let changed = connection.prepare(text)?.execute(params_from_iter(with))?;
            Ok(changed as u64)
        })
    }

    fn is_alive(&mut self) -> bool {
        // A file is not lost while it is open.
        true
    }

    fn reset(&mut self) -> Result<(), StatementError> {
        match self.turn {
            Some(_) => self.run(|connection| connection.execute_batch("ROLLBACK")),
            None => Ok(()),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Boolean(value) => ToSqlOutput::Owned(Value::Integer((*value).into())),
            Self::Integer(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Real(value) => ToSqlOutput::Owned(Value::Real(*value)),
            Self::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Blob(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
        })
    }
}

fn cell(value: ValueRef<'_>) -> rusqlite::Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(value) => Cell::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Cell::Blob(value.to_vec()),
    })
}

impl From<Error> for StatementError {
    fn from(error: Error) -> Self {
        let lost = matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::CannotOpen
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::SystemIoFailure
            )
        );
        let why = error.to_string();
        if lost { Self::Broken(why) } else { Self::Refused(why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, Box<dyn Connection>) {
        let folder = tempfile::tempdir().unwrap();
        let connection = opener(folder.path().join("a.db"), Duration::ZERO)().unwrap();
        (folder, connection)
    }

    #[test]
    fn each_kind_of_cell_is_kept() {
        let (_folder, mut connection) = database();
        let with = [
            Cell::Null,
            Cell::Boolean(true),
            Cell::Integer(-1),
            Cell::Real(0.5),
            Cell::Text("'; DROP TABLE a".to_owned()),
            Cell::Blob(vec![0, 255]),
        ];
        let text = "SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f";
        let rows = connection.query(text, &with).unwrap();
        assert_eq!(rows.columns, ["a", "b", "c", "d", "e", "f"]);
        let mut kept = with.to_vec();
        kept[1] = Cell::Integer(1);
        assert_eq!(rows.rows, [kept]);
    }

    #[test]
    fn a_transaction_does_not_outlive_its_request() {
        let (_folder, mut connection) = database();
        connection.execute("CREATE TABLE a (b INTEGER)", &[]).unwrap();
        connection.execute("BEGIN", &[]).unwrap();
        assert_eq!(connection.execute("INSERT INTO a VALUES ($1)", &[1.into()]), Ok(1));
        connection.reset().unwrap();
        assert_eq!(connection.query("SELECT b FROM a", &[]).unwrap().rows, Vec::<Vec<Cell>>::new());
        connection.execute("BEGIN", &[]).unwrap();
    }

    #[test]
    fn a_refused_statement_leaves_the_connection_as_it_was() {
        let (_folder, mut connection) = database();
        let refused = connection.query("SELECT nothing", &[]);
        assert!(matches!(refused, Err(StatementError::Refused(why)) if why.contains("nothing")));
        assert_eq!(connection.query("SELECT 1", &[]).unwrap().rows, [[Cell::Integer(1)]]);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let why = opener(PathBuf::from("/nowhere/a.db"), Duration::ZERO)().err().unwrap();
        assert!(why.starts_with("/nowhere/a.db: "), "{why}");
    }
}
