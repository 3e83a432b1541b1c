//! What an application has of its visitor's session.

use dsgi::{Remote, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wish::Wish;

dsgi::value! {
    /// The session of the visitor who sent the request.
    ///
    /// It is found by a cookie, loaded when it is first asked for, and saved before the head of the
    /// response is sent: what is set later, in the midst of a body, is refused. A visitor of whom
    /// nothing is kept has no cookie.
    ///
    /// ```
    /// use dsgi::{Body, Environ, StartResponse};
    /// use dsgi_session::Session;
    ///
    /// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<Body> {
    ///     let session = environ.value::<Session>()?;
    ///     let visits = session.get::<u32>("visits")?.unwrap_or(0) + 1;
    ///     session.set("visits", &visits)?;
    ///     start_response("200 OK", &[("Content-Type", "text/plain")])?;
    ///     Ok(Body::from(format!("visit {visits}\n")))
    /// }
    /// # dsgi::app!(app);
    /// # fn main() {}
    /// ```
    pub struct Session {
        /// Takes wishes, as JSON.
        pub wishes: Remote,
    }
}

impl Session {
    /// What is kept under a key.
    ///
    /// # Errors
    /// The store cannot be asked (503), or what is kept is no `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        Ok(serde_json::from_slice(&self.ask(&Wish::Get(key.to_owned()))?)?)
    }

    /// Keeps something under a key: anything that has a form in JSON.
    ///
    /// # Errors
    /// The store cannot be asked (503), the session would be larger than it may be, or the head of
    /// the response has been sent.
    pub fn set(&self, key: &str, value: &impl Serialize) -> Result<()> {
        self.tell(&Wish::Set(key.to_owned(), serde_json::to_value(value)?))
    }

    /// Keeps nothing under a key.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn remove(&self, key: &str) -> Result<()> {
        self.tell(&Wish::Remove(key.to_owned()))
    }

    /// Gives the session another name, and its forms another token: to be called when a visitor
    /// logs in, so that a name that somebody else has foisted on them is worth nothing.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn regenerate(&self) -> Result<()> {
        self.tell(&Wish::Regenerate)
    }

    /// Ends the session. What is set afterwards begins another one.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn destroy(&self) -> Result<()> {
        self.tell(&Wish::Destroy)
    }

    /// What a form of ours has in a hidden field, and a form of somebody else's site has not.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn form_token(&self) -> Result<String> {
        Ok(serde_json::from_slice(&self.ask(&Wish::Token)?)?)
    }

    /// Lets a form pass that has brought the token.
    ///
    /// # Errors
    /// It has brought another one, or none (403); or as for [`set`](Self::set).
    pub fn check_form_token(&self, brought: &str) -> Result<()> {
        let token = self.form_token()?;
        // Looks at every byte, so that the time tells nothing of the token.
        let pairs = token.bytes().zip(brought.bytes());
        let differences = pairs.fold(0, |all, (one, other)| all | (one ^ other));
        if token.len() == brought.len() && differences == 0 {
            return Ok(());
        }
        Err(dsgi::Error::status(403, "a form without the token of its session"))
    }

    fn tell(&self, wish: &Wish) -> Result<()> {
        self.ask(wish).map(drop)
    }

    fn ask(&self, wish: &Wish) -> Result<Vec<u8>> {
        self.wishes.call(&serde_json::to_vec(wish)?)
    }
}
