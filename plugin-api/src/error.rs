//! What an application returns when it cannot answer.

use std::fmt;
use std::io;

use crate::bridge::bytes::Failure;
use crate::input::InputError;

/// What every author's function returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed request: a status for the client and a text for the error log.
///
/// `?` takes any `std::error::Error` and makes it a 500; the client never sees the text. The type
/// does not implement `std::error::Error` itself, so that `?` can take all that do.
///
/// ```
/// fn page(name: &str) -> dsgi::Result<String> {
///     if name.is_empty() {
///         return Err(dsgi::Error::status(404, "no page without a name"));
///     }
///     Ok(std::str::from_utf8(name.as_bytes())?.to_owned())
/// }
/// assert_eq!(page("").unwrap_err().status_code(), 404);
/// ```
///
/// A layer meets the error of what is further in as the `Err` of its call, and hands it on by `?`:
/// status, text, and that a library panicked, stay with it.
#[derive(Debug)]
pub struct Error {
    status: u16,
    message: String,
    /// Generation of the library that panicked, 0 when none did.
    generation: u64,
}

impl Error {
    /// A 500 with a text for the log.
    ///
    /// ```
    /// let error = dsgi::Error::new("the index is locked");
    /// assert_eq!((error.status_code(), error.message()), (500, "the index is locked"));
    /// ```
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { status: 500, message: message.into(), generation: 0 }
    }

    /// A failure with a status of one's own, 400 to 599, and a text for the log.
    ///
    /// ```
    /// let error = dsgi::Error::status(404, "no such article");
    /// assert_eq!(error.status_code(), 404);
    /// ```
    #[must_use]
    pub fn status(status: u16, message: impl Into<String>) -> Self {
        let status = if (400..=599).contains(&status) { status } else { 500 };
        Self { status, message: message.into(), generation: 0 }
    }

    /// A failure that has another one's status, or 500 where that has none.
    pub(crate) fn from_failure(failure: Failure) -> Self {
        let generation = failure.generation;
        Self { generation, ..Self::status(failure.status, failure.message) }
    }

    pub(crate) fn panic(text: &str) -> Self {
        Self::from_failure(Failure::panicked(text))
    }

    /// The status the client sees.
    #[must_use]
    pub const fn status_code(&self) -> u16 {
        self.status
    }

    /// The text for the log.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same error with another text for the log.
    ///
    /// ```
    /// let error = dsgi::Error::status(404, "no such row");
    /// let error = error.with_message("the article is not in the database");
    /// assert_eq!(error.status_code(), 404);
    /// ```
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Error { status, message, generation } = error;
        Self { status, message, generation }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let any: &(dyn std::error::Error + 'static) = &error;
        let inside = any.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let inside = inside.and_then(|inner| inner.downcast_ref());
        if let Some(InputError(failure)) = any.downcast_ref().or(inside) {
            return Self::from_failure(failure.clone());
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(message)
    }
}
