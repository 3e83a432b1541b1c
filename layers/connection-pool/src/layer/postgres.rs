//! Connections to PostgreSQL.
//!
//! Parameters are sent as text, which the server reads as whatever type it expects there; what it
//! gives comes in its binary form, type by type.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::BytesMut;
use postgres::error::{DbError, Severity};
use postgres::types::{Format, FromSql, IsNull, ToSql, Type};
use postgres::{Client, Config, Error, NoTls, Row};

use super::connection::{Connection, StatementError};
use crate::{Cell, Rows};

struct Postgres {
    client: Client,
    wait: Duration,
}

/// Connects as the config says; `wait` is how long that, and every look at an idle connection, may
/// take.
pub(crate) fn open(config: &Config, wait: Duration) -> Result<Box<dyn Connection>, String> {
    let client = config.clone().connect_timeout(wait).connect(NoTls);
    let client = client.map_err(|error| said(&error))?;
    Ok(Box::new(Postgres { client, wait }))
}

impl Connection for Postgres {
    fn query(&mut self, text: &str, with: &[Cell]) -> Result<Rows, StatementError> {
        let statement = self.client.prepare(text).map_err(|error| self.failed(&error))?;
        let columns: Vec<_> = statement.columns().iter().map(|one| one.name().to_owned()).collect();
        let rows = self.client.query(&statement, &parameters(with));
        let rows = rows.map_err(|error| self.failed(&error))?;
        let rows = rows.iter().map(cells).collect::<Result<_, _>>();
        let rows = rows.map_err(|error| StatementError::Refused(said(&error)))?;
        Ok(Rows { columns, rows })
    }

    fn execute(&mut self, text: &str, with: &[Cell]) -> Result<u64, StatementError> {
        let changed = self.client.execute(text, &parameters(with));
        changed.map_err(|error| self.failed(&error))
    }

    fn is_alive(&mut self) -> bool {
        self.client.is_valid(self.wait).is_ok()
    }

    fn reset(&mut self) -> Result<(), StatementError> {
        let cleaned = self.client.batch_execute("ROLLBACK");
        let cleaned = cleaned.and_then(|()| self.client.batch_execute("DISCARD ALL"));
        cleaned.map_err(|error| self.failed(&error))
    }
}

impl Postgres {
    fn failed(&self, error: &Error) -> StatementError {
        let severity = error.as_db_error().and_then(DbError::parsed_severity);
        // A server that shuts down says so in place of an answer, and then closes.
        let is_last_word = matches!(severity, Some(Severity::Fatal | Severity::Panic));
        let is_lost = self.client.is_closed() || error.is_closed() || has_io_error(error);
        let why = said(error);
        if is_last_word || is_lost {
            StatementError::Broken(why)
        } else {
            StatementError::Refused(why)
        }
    }
}

/// The error with what lies under it: by itself it only says `db error`.
fn said(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn has_io_error(error: &Error) -> bool {
    error.source().is_some_and(|source| source.is::<std::io::Error>())
}

fn parameters(with: &[Cell]) -> Vec<&(dyn ToSql + Sync)> {
    with.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Cell {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Boolean(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Real(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Text(value) => out.extend_from_slice(value.as_bytes()),
            Self::Blob(value) => {
                out.extend_from_slice(b"\\x");
                for byte in value {
                    out.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    postgres::types::to_sql_checked!();
}

/// What the server gave in one place.
struct Given(Cell);

impl<'a> FromSql<'a> for Given {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *kind {
            Type::BOOL => Cell::Boolean(bool::from_sql(kind, raw)?),
            Type::INT2 => Cell::Integer(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Cell::Integer(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Cell::Integer(i64::from_sql(kind, raw)?),
            Type::OID => Cell::Integer(u32::from_sql(kind, raw)?.into()),
            Type::FLOAT4 => Cell::Real(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Cell::Real(f64::from_sql(kind, raw)?),
            Type::BYTEA => Cell::Blob(raw.to_vec()),
            Type::JSON => Cell::Text(std::str::from_utf8(raw)?.to_owned()),
            _ if <&str as FromSql<'_>>::accepts(kind) => {
                Cell::Text(<&str>::from_sql(kind, raw)?.to_owned())
            }
            Type::VOID => Cell::Null,
            _ => return Err(format!("a column of type {kind}; help: select it as text").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Cell::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn cells(row: &Row) -> Result<Vec<Cell>, Error> {
    (0..row.len()).map(|at| row.try_get::<_, Given>(at).map(|given| given.0)).collect()
}

#[cfg(test)]
mod tests;
