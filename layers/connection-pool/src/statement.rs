//! What crosses between an application and the layer: a statement there, and what it gave back.
//! Both are JSON, so that an application in any language can say the one and read the other.

use serde::{Deserialize, Serialize};

use crate::Cell;

/// A statement that is to be run: `{"query":"SELECT ...","with":[1,"two"]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(flatten)]
    pub(crate) text: Text,
    /// What stands in the place of `$1`, `$2` and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) with: Vec<Cell>,
}

/// The statement's text, by what it is to give back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Text {
    /// Gives rows.
    Query(String),
    /// Gives the number of rows that it has changed.
    Execute(String),
}

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Row by row, one cell for each column.
    pub rows: Vec<Vec<Cell>>,
}
