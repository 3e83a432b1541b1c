//! Connections to a database of SQLite, which is a file.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Error, ErrorCode, Row, ToSql, params_from_iter};

use super::connection::{Connection, StatementError};
use crate::{Cell, Rows};

struct Sqlite(rusqlite::Connection);

/// Opens the file, which is made where there is none. `wait` is how long one writer waits for
/// another.
pub(crate) fn open(file: &PathBuf, wait: Duration) -> Result<Box<dyn Connection>, String> {
    let connect = || {
        let connection = rusqlite::Connection::open(file)?;
        connection.busy_timeout(wait)?;
        // Readers and a writer do not wait for each other.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    let connection = connect().map_err(|error: Error| format!("{}: {error}", file.display()))?;
    Ok(Box::new(Sqlite(connection)))
}

impl Connection for Sqlite {
    fn query(&mut self, text: &str, with: &[Cell]) -> Result<Rows, StatementError> {
        let mut statement = self.0.prepare(text)?;
        let columns: Vec<String> = statement.column_names().map(Into::into).collect();
        let cells = |row: &Row<'_>| (0..columns.len()).map(|at| cell(row.get_ref(at)?)).collect();
        let rows = statement.query_map(params_from_iter(with), cells)?.collect::<Result<_, _>>()?;
        Ok(Rows { columns, rows })
    }

    fn execute(&mut self, text: &str, with: &[Cell]) -> Result<u64, StatementError> {
        let changed = self.0.prepare(text)?.execute(params_from_iter(with))?;
        Ok(changed as u64)
    }

    fn is_alive(&mut self) -> bool {
        // A file is not lost while it is open.
        true
    }

    fn reset(&mut self) -> Result<(), StatementError> {
        if !self.0.is_autocommit() {
            self.0.execute_batch("ROLLBACK")?;
        }
        Ok(())
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
        let connection = open(&folder.path().join("a.db"), Duration::ZERO).unwrap();
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
        let why = open(&PathBuf::from("/nowhere/a.db"), Duration::ZERO).err().unwrap();
        assert!(why.starts_with("/nowhere/a.db: "), "{why}");
    }
}
