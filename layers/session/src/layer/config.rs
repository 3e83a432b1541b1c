//! What an operator says of sessions: `[layers.session.config]`, or `--set session.KEY=VALUE`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::cookie::Cookie;
use super::keys::{Form, Keys, SECRET_MIN};
use super::store::Store;
use super::store::memory::Memory;
use super::store::redis::Redis;
use super::store::sqlite::Sqlite;
use super::visit::Terms;

/// The config of the layer; every key has a default.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `memory`, `sqlite:FILE`, or an address of Redis: `redis://HOST:PORT/DATABASE`,
    /// `redis+unix:///SOCKET`. Beside a FILE there are `FILE-turn` and `FILE-next`, by which
    /// versions of this layer, and other processes with it, write one after the other.
    pub(crate) store: String,
    /// Secrets that mark cookies, 32 bytes or more each, the newest first. Sessions in memory do
    /// without: the first version makes one up, and hands it over with them.
    pub(crate) keys: Vec<String>,
    /// `signed` or `encrypted`.
    pub(crate) form: Form,
    pub(crate) cookie: Cookie,
    /// How many seconds a session lasts without a request: 14 days.
    pub(crate) lifetime: u64,
    /// How many bytes of JSON one session may be.
    pub(crate) bytes: usize,
    /// How many sessions are kept in memory; beyond that, those that end first are forgotten.
    pub(crate) sessions: usize,
    /// What the names of keys in Redis begin with.
    pub(crate) prefix: String,
    /// How many milliseconds a store may take to answer.
    pub(crate) wait: u64,
}

/// Where sessions are.
pub(crate) enum Place {
    /// In memory, handed over from version to version.
    Memory(Arc<Memory>),
    /// Where every version finds them.
    Shared(Arc<dyn Store>),
}

/// What the layer is made of.
pub(crate) struct Parts {
    pub(crate) cookie: Cookie,
    pub(crate) keys: Keys,
    pub(crate) terms: Terms,
    pub(crate) place: Place,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "memory".to_owned(),
            keys: Vec::new(),
            form: Form::Signed,
            cookie: Cookie::default(),
            lifetime: 14 * 24 * 60 * 60,
            bytes: 64 * 1024,
            sessions: 100_000,
            prefix: "session:".to_owned(),
            wait: 2_000,
        }
    }
}

impl Config {
    /// Opens nothing: a store is asked first when a request needs it.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub(crate) fn into_parts(self) -> Result<Parts, String> {
        if let Some(fault) = self.cookie.fault() {
            return Err(fault);
        }
        if self.lifetime == 0 {
            return Err("lifetime: 0 seconds is none".to_owned());
        }
        let wait = Duration::from_millis(self.wait);
        let place = match self.store.as_str() {
            "memory" => Place::Memory(Arc::new(Memory::new(self.sessions.max(1)))),
            store => Place::Shared(shared(store, self.prefix, wait)?),
        };
        if let Some(short) = self.keys.iter().position(|key| key.len() < SECRET_MIN) {
            return Err(format!(
                "keys: key {} has less than {SECRET_MIN} bytes; help: openssl rand -hex 32",
                short + 1
            ));
        }
        let secrets = self.keys.into_iter().map(String::into_bytes).collect();
        let keys = match (&place, secrets) {
            (Place::Shared(_), none) if Vec::is_empty(&none) => {
                let what = "keys: needed where sessions outlive the host";
                return Err(format!("{what}; help: openssl rand -hex 32"));
            }
            (_, secrets) => Keys::new(secrets, self.form, &self.cookie.name),
        };
        Ok(Parts {
            keys: keys.map_err(|error| format!("no random bytes for a key: {error}"))?,
            terms: Terms { lifetime: Duration::from_secs(self.lifetime), most: self.bytes },
            cookie: self.cookie,
            place,
        })
    }
}

fn shared(store: &str, prefix: String, wait: Duration) -> Result<Arc<dyn Store>, String> {
    if let Some(file) = store.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
        return Ok(Arc::new(Sqlite::new(PathBuf::from(file), wait)));
    }
    // A password may stand in it: it is not repeated.
    let redis = Redis::new(store, prefix, wait).map_err(|error| {
        format!("store: {error}; help: write memory, sqlite:FILE or redis://HOST:PORT")
    })?;
    Ok(Arc::new(redis))
}

impl Place {
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(memory) => Arc::clone(memory) as Arc<dyn Store>,
            Self::Shared(store) => Arc::clone(store),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::Shared(_) => "Shared",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Result<Parts, String> {
        serde_json::from_str::<Config>(json).map_err(|error| error.to_string())?.into_parts()
    }

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn memory_needs_nothing_said() {
        assert!(matches!(parts("{}").unwrap().place, Place::Memory(_)));
    }

    #[test]
    fn other_stores_need_keys() {
        for store in ["sqlite:a.db", "redis://[::1]:1", "redis+unix:///a.sock"] {
            let without = parts(&format!(r#"{{"store":"{store}"}}"#)).err().unwrap();
            assert!(without.starts_with("keys: needed"), "{without}");
            let with = parts(&format!(r#"{{"store":"{store}","keys":["{KEY}"]}}"#)).unwrap();
            assert!(matches!(with.place, Place::Shared(_)));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, said) in [
            (r#"{"keys":["short"]}"#, "keys: key 1"),
            (r#"{"store":"postgres:secret"}"#, "help: write memory, sqlite:FILE"),
            (r#"{"store":"sqlite:"}"#, "help: write memory, sqlite:FILE"),
            (r#"{"lifetime":0}"#, "lifetime"),
            (r#"{"cookie":{"name":"a b"}}"#, "cookie.name"),
            (r#"{"cookies":{}}"#, "unknown field `cookies`"),
            (r#"{"form":"plain"}"#, "unknown variant `plain`"),
        ] {
            let why = parts(json).err().unwrap();
            assert!(why.contains(said) && !why.contains("secret"), "{json}: {why}");
        }
    }
}
