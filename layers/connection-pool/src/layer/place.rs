//! Where the database is, and how a connection to it is made.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::connection::Open;
use super::{postgres, sqlite};

/// `sqlite:FILE`, `postgres://USER@HOST/NAME`, or `host=/run/postgresql user=USER dbname=NAME`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<::postgres::Config>),
}

/// Why a text names no database.
#[derive(Debug)]
pub(crate) struct PlaceError(String);

impl Place {
    /// How to connect; `wait` is how long that may take, and how long one writer waits for another.
    pub(crate) fn into_open(self, wait: Duration) -> Open {
        match self {
            Self::Sqlite(file) => sqlite::opener(file, wait),
            Self::Postgres(config) => Box::new(move || postgres::open(&config, wait)),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            return match file {
                "" => Err(PlaceError("no file after `sqlite:`".to_owned())),
                file => Ok(Self::Sqlite(file.into())),
            };
        }
        // A password may stand in it: it is not repeated.
        let config = text.parse().map_err(|error| {
            let mut why = format!("no database: {error}");
            if let Some(cause) = std::error::Error::source(&error) {
                why = format!("{why}: {cause}");
            }
            PlaceError(format!("{why}; help: write sqlite:FILE or postgres://USER@HOST/NAME"))
        })?;
        Ok(Self::Postgres(Box::new(config)))
    }
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_a_database() {
        let place = |text: &str| Place::try_from(text.to_owned());
        assert!(matches!(place("sqlite:a.db"), Ok(Place::Sqlite(file)) if file.ends_with("a.db")));
        assert!(matches!(place("postgres://ada@[::1]:5433/a"), Ok(Place::Postgres(_))));
        assert!(matches!(place("host=/run/postgresql user=ada"), Ok(Place::Postgres(_))));
        for none in ["sqlite:", "mysql:secret@b", "secret"] {
            let why = place(none).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!why.is_empty() && !why.contains("secret"), "{none}: {why:?}");
        }
    }
}
