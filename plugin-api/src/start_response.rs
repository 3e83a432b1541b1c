//! The callback that takes status and header fields.

use std::fmt;
use std::ops::Deref;

use crate::bridge::callable::Callable;
use crate::bridge::inward::Given;
use crate::bridge::started::{HeaderList, Shared, Started};
use crate::{Body, Head, Result};

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

impl StartResponse {
    /// Changes every head that is said from now on, by an application further in or by anybody
    /// else, also one that replaces another. Of several edits the last one is made first, as if
    /// each was a layer of its own.
    ///
    /// ```
    /// use dsgi::{Body, Environ, Inner, StartResponse};
    ///
    /// fn frames(inner: Inner, environ: Environ, start_response: StartResponse)
    ///     -> dsgi::Result<Body>
    /// {
    ///     inner(environ, start_response.edit(|head| head.set("X-Frame-Options", "DENY")))
    /// }
    /// dsgi::middleware!(frames);
    /// # fn main() {}
    /// ```
    #[must_use = "it is the edited one that is to be called"]
    pub fn edit(self, edit: impl FnMut(&mut Head) + Send + 'static) -> Self {
        self.0.started().edit(Box::new(edit));
        self
    }

    pub(crate) fn started(&self) -> &Started {
        self.0.started()
    }

    /// Says the head of the application inside, and gives its body.
    pub(crate) fn hand_on(&self, given: Given) -> Result<Body> {
        given.send(self.started()).map(Body::of_inner)
    }
}

impl Deref for StartResponse {
    type Target = dyn Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync;

    #[inline]
    fn deref(&self) -> &Self::Target {
        self.0.call()
    }
}
