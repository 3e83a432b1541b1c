//! The callback that takes status and header fields.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use crate::head::{Head, HeaderList};
use crate::{Error, Result};

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
pub struct StartResponse {
    started: Arc<Started>,
    call: Box<Call>,
}

type Call = dyn Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync;

/// What the application has said so far; shared with whoever pulls its body.
#[derive(Debug, Default)]
pub(crate) struct Started {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    Held(Head),
    Sent,
}

impl StartResponse {
    pub(crate) fn new(started: Arc<Started>) -> Self {
        let shared = Arc::clone(&started);
        let call = Box::new(move |status: &str, headers: HeaderList<'_>| {
            shared.start(Head::new(status, headers)?)
        });
        Self { started, call }
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
        self.started.replace(error, Head::new(status, headers)?)
    }
}

impl Deref for StartResponse {
    type Target = dyn Fn(&str, HeaderList<'_>) -> Result<()> + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.call
    }
}

impl fmt::Debug for StartResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartResponse").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Started {
    /// The head, to be sent now; an error if the application has not given one yet.
    pub(crate) fn send(&self) -> Result<Head> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Sent) {
            State::Held(head) => Ok(head),
            State::Waiting => {
                Err(Error::new("start_response was not called before the body began"))
            }
            State::Sent => Err(Error::new("the head was sent twice")),
        }
    }

    fn start(&self, head: Head) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Waiting => {
                *state = State::Held(head);
                Ok(())
            }
            State::Held(_) => Err(Error::new(
                "start_response was called a second time; \
                 `start_response.replace(&error, ..)` changes a head",
            )),
            State::Sent => Err(Error::new("start_response was called after the head was sent")),
        }
    }

    fn replace(&self, error: &dyn fmt::Display, head: Head) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Sent) {
            return Err(Error::new(format!("the head was sent before this error: {error}")));
        }
        *state = State::Held(head);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_follows_the_rules_of_pep_3333() {
        let started = Arc::new(Started::default());
        assert!(started.send().is_err(), "a head was sent that nobody gave");

        let started = Arc::new(Started::default());
        let start_response = StartResponse::new(Arc::clone(&started));
        start_response("200 OK", &[("A", "1")]).unwrap();
        assert!(start_response("200 OK", &[]).is_err(), "a second call was taken");
        start_response.replace(&"late", "503 Closed", &[]).unwrap();
        assert_eq!(started.send().unwrap().status(), 503);
        assert!(start_response("200 OK", &[]).is_err(), "taken after the head was sent");
        let late = start_response.replace(&"too late", "500 X", &[]).unwrap_err();
        assert!(late.message().contains("too late"));
    }
}
