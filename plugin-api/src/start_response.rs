//! The callback that takes status and header fields.

use std::fmt;
use std::ops::Deref;

use crate::Result;
use crate::bridge::callable::Callable;
use crate::bridge::started::{HeaderList, Shared};

/// Takes the status and the header fields of the response.
///
/// It is called like a function, as in WSGI: with a status line and a list of names and values,
/// before or while the first block of the body is produced. The head is held back until the first
/// block that is not empty. A second call fails; [`StartResponse::replace`] changes a head that was
/// not sent yet when an error comes up.
///
/// ```
/// use dsgi::{Environ, StartResponse};
///
/// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Vec<&'static str>> {
///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(vec!["one block", "and another"])
/// }
/// ```
#[derive(Debug)]
pub struct StartResponse(Callable);

impl StartResponse {
    #[inline]
    pub(crate) fn new(started: Shared) -> Self {
        Self(Callable::new(started))
    }

    /// Replaces a head that was not sent yet, because of `error`.
    ///
    /// # Errors
    /// When the head was sent already, or the status is malformed. `error` is then lost to the
    /// client, so return it: the host aborts the response and logs it.
    ///
    /// ```
    /// # use dsgi::{Environ, StartResponse};
    /// fn app(_: Environ, start_response: StartResponse) -> dsgi::Result<Vec<String>> {
    ///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
    ///     let text = std::fs::read_to_string("motd").or_else(|error| -> dsgi::Result<_> {
    ///         let head = [("Content-Type", "text/plain")];
    ///         start_response.replace(&error, "503 Service Unavailable", &head)?;
    ///         Ok(String::from("closed for today\n"))
    ///     })?;
    ///     Ok(vec![text])
    /// }
    /// ```
    pub fn replace(
        &self,
        error: &dyn fmt::Display,
        status: &str,
        headers: HeaderList<'_>,
    ) -> Result<()> {
        self.0.started().replace(error, status, headers)
    }
}

impl Deref for StartResponse {
    type Target = dyn Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync;

    #[inline]
    fn deref(&self) -> &Self::Target {
        self.0.call()
    }
}
