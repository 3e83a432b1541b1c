//! The layer: it reads the cookie, lends the session to the application further in, and saves what
//! was changed before the response's head is sent.
//!
//! A request whose application asks for no session costs no look into the store. A store that
//! cannot be asked makes the response a 503 with `Retry-After`, and is asked anew by the next
//! request.

mod config;
mod cookie;
mod id;
mod keys;
mod store;
mod visit;

pub use self::config::Config;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use dsgi::{
    Body, Environ, Error, Handover, Head, Inner, Middleware, Purpose, Remote, Result, Service,
    StartResponse, State,
};

use self::config::{Parts, Place};
use self::cookie::Cookie;
use self::keys::{Keys, Named};
use self::store::memory::Inheritance;
use self::visit::{Terms, Visit, Word};
use crate::Session;

/// The layer, to be exported by a library: `dsgi::middleware!(type Sessions)`.
#[derive(Debug)]
pub struct Sessions {
    cookie: Cookie,
    keys: Keys,
    terms: Terms,
    place: Place,
    /// Cookies of our name that were not ours.
    foreign: AtomicU64,
}

/// The number of how sessions in memory are handed over.
const FORMAT: u32 = 1;

impl Middleware for Sessions {
    type Config = Config;

    fn init(config: Config, _: Purpose) -> Result<Self> {
        // Nothing is opened here: a probe leaves no trace, and a store that is down at the start is
        // asked by the first request.
        let Parts { cookie, keys, terms, place } = config.into_parts().map_err(Error::new)?;
        Ok(Self { cookie, keys, terms, place, foreign: AtomicU64::new(0) })
    }

    fn call(&self, inner: Inner, environ: Environ, start_response: StartResponse) -> Result<Body> {
        let found = self.find(&environ);
        let named = match found {
            Found::Ours(named) => Some(named),
            Found::Nothing | Found::Foreign => None,
        };
        let log = environ.duplicate()?;
        let visit = Arc::new(Visit::new(self.place.store(), self.terms, named));
        let wishes = Remote::new(Wishes(Arc::clone(&visit)));
        environ.set_value(Session { wishes })?;
        let mut response = match (inner.respond(environ), visit.failure()) {
            (Ok(response), _) => response,
            (Err(_), Some(failure)) => return unavailable(&failure, &log, start_response),
            (Err(error), None) => return Err(error),
        };
        match (visit.settle(), found) {
            (Ok(Word::Give(id)), _) => {
                let value = self.keys.mark(&id)?;
                self.say(&self.cookie.give(&value, self.terms.lifetime), &mut response.head);
            }
            (Ok(Word::Take), _) | (Ok(_), Found::Foreign) => {
                self.say(&self.cookie.take(), &mut response.head);
            }
            (Ok(Word::Personal), _) => response.head.append("Vary", "Cookie"),
            (Ok(Word::Nothing), _) => {}
            (Err(error), _) => return unavailable(&error, &log, start_response),
        }
        response.send(start_response)
    }

    fn export_state(&self) -> Result<Option<State>> {
        match &self.place {
            Place::Memory(memory) => {
                let estate = Estate { keys: self.keys.made_up(), sessions: memory.export() };
                Ok(Some(State::new(FORMAT, serde_json::to_vec(&estate)?)))
            }
            Place::Shared(_) => Ok(None),
        }
    }

    fn import_state(&self, state: &State, handover: Handover) -> Result<()> {
        match &self.place {
            Place::Memory(memory) if state.format() == FORMAT => {
                let estate: Estate = serde_json::from_slice(state.bytes())?;
                self.keys.adopt(estate.keys);
                memory.import(estate.sessions, handover);
                Ok(())
            }
            Place::Memory(_) => {
                let format = state.format();
                Err(Error::new(format!("sessions of format {format} are not known")))
            }
            Place::Shared(_) => Err(Error::new("sessions are not kept in memory any more")),
        }
    }
}

/// What one version leaves to the next.
#[derive(Serialize, Deserialize)]
struct Estate {
    /// Secrets that were made up.
    keys: Vec<Vec<u8>>,
    sessions: Inheritance,
}

/// What a request has brought.
enum Found {
    Nothing,
    Ours(Named),
    /// A cookie of our name that none of our keys has marked.
    Foreign,
}

impl Sessions {
    fn find(&self, environ: &Environ) -> Found {
        let cookies = environ.get_bytes("HTTP_COOKIE").unwrap_or_default();
        let mut values = self.cookie.values(cookies).filter(|value| !value.is_empty()).peekable();
        if values.peek().is_none() {
            return Found::Nothing;
        }
        if let Some(named) = values.find_map(|value| self.keys.read(value)) {
            return Found::Ours(named);
        }
        let count = self.foreign.fetch_add(1, Ordering::Relaxed) + 1;
        let name = &self.cookie.name;
        let what = "was not marked by a key of ours: the visitor has a new session";
        // Whether a line of the log is lost changes nothing for the visitor.
        let _ = writeln!(environ.errors(), "a cookie `{name}` {what} ({count} so far)");
        Found::Foreign
    }

    fn say(&self, cookie: &str, head: &mut Head) {
        head.append("Set-Cookie", cookie);
        head.append("Vary", "Cookie");
    }
}

/// Takes the application's wishes, in its own call.
struct Wishes(Arc<Visit>);

impl Service for Wishes {
    fn call(&mut self, wish: &[u8]) -> Result<Vec<u8>> {
        self.0.fulfil(wish)
    }
}

/// The store is asked again by the next request.
fn unavailable(
    why: &impl std::fmt::Display,
    log: &Environ,
    start_response: StartResponse,
) -> Result<Body> {
    let _ = writeln!(log.errors(), "{why}");
    let fields = [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "1")];
    start_response("503 Service Unavailable", &fields)?;
    Ok(Body::from("Sessions are not available right now.\n"))
}
