//! What stands in a row, and what a parameter may be, whichever database it is.

use serde::{Deserialize, Serialize};

/// One value of a row, or one parameter of a statement.
///
/// ```
/// use dsgi_connection_pool::Cell;
///
/// let parameters: [Cell; 3] = ["Ada".into(), 36.into(), None::<&str>.into()];
/// assert_eq!(parameters[1].as_integer(), Some(36));
/// assert_eq!(parameters[2], Cell::Null);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing is known.
    Null,
    /// Yes or no. SQLite has no such type, and keeps 1 or 0.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text, in UTF-8.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Cell {
    /// The text of a text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a whole number.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Cell {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Cell {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_crosses_as_itself() {
        let cells = [
            Cell::Null,
            Cell::Boolean(true),
            Cell::Integer(i64::MIN),
            Cell::Real(0.5),
            // Whole, and yet no integer.
            Cell::Real(2.0),
            Cell::Text("1".to_owned()),
            Cell::Blob(vec![0, 255]),
            Cell::Blob(Vec::new()),
        ];
        let text = serde_json::to_string(&cells).unwrap();
        assert_eq!(text, r#"[null,true,-9223372036854775808,0.5,2.0,"1",[0,255],[]]"#);
        assert_eq!(serde_json::from_str::<Vec<Cell>>(&text).unwrap(), cells);
    }
}
