//! Sessions in Redis: they outlive the host, and many hosts share them.
//!
//! A session is a hash under a key that expires with it; Redis has no empty hash, so a session
//! whose last field is removed has ended. What must happen as a whole is a script.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Client, Cmd, Connection, FromRedisValue, RedisError, RedisResult, cmd};

use super::{Birth, Changes, Fields, Kept, Sought, Store, StoreError};
use crate::layer::id::Id;

/// A server of Redis. Connections are opened by the requests that need them.
pub(crate) struct Redis {
    client: Client,
    prefix: String,
    wait: Duration,
    idle: Mutex<Vec<Connection>>,
}

/// Fields and milliseconds left.
const LOAD: &str = "
    local left = redis.call('PTTL', KEYS[1])
    if left <= 0 then return false end
    return {left, redis.call('HGETALL', KEYS[1])}";

/// After the birth and the lifetime in milliseconds: how many fields are set, each with its value,
/// and then those that are removed.
const SAVE: &str = "
    local key, birth, lifetime, set = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
    if birth == 'earlier' and redis.call('EXISTS', key) == 0 then return 0 end
    for at = 4, 2 + 2 * set, 2 do redis.call('HSET', key, ARGV[at], ARGV[at + 1]) end
    for at = 4 + 2 * set, #ARGV do redis.call('HDEL', key, ARGV[at]) end
    return redis.call('PEXPIRE', key, lifetime)";

impl Redis {
    /// The server that `address` names, `redis://HOST:PORT/DATABASE` or `redis+unix:///SOCKET`.
    /// `wait` is how long a connection, and an answer, may take.
    ///
    /// # Errors
    /// It names no server.
    pub(crate) fn new(address: &str, prefix: String, wait: Duration) -> RedisResult<Self> {
        Ok(Self { client: Client::open(address)?, prefix, wait, idle: Mutex::default() })
    }

    /// Asks on a connection that is idle, else on a new one. An idle one may have died since: what
    /// is asked has the same effect twice as once, so it is asked again.
    fn ask<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let answer = match idle {
            Some(idle) => match self.ask_on(idle, question) {
                Err(error) if is_lost(&error) => {
                    self.idle().clear();
                    self.connect().and_then(|new| self.ask_on(new, question))
                }
                answer => answer,
            },
            None => self.connect().and_then(|new| self.ask_on(new, question)),
        };
        answer.map_err(|error| StoreError(format!("redis: {error}")))
    }

    fn ask_on<T: FromRedisValue>(&self, mut on: Connection, question: &Cmd) -> RedisResult<T> {
        let answer = question.query(&mut on);
        // After a deadline the answer may still come: it would be taken for that of the next one.
        if !answer.as_ref().is_err_and(is_lost) {
            self.idle().push(on);
        }
        answer
    }

    fn connect(&self) -> RedisResult<Connection> {
        let connection = self.client.get_connection_with_timeout(self.wait)?;
        connection.set_read_timeout(Some(self.wait))?;
        connection.set_write_timeout(Some(self.wait))?;
        Ok(connection)
    }

    fn key(&self, id: &Id) -> String {
        format!("{}{id}", self.prefix)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Redis {
    fn load(&self, id: &Id) -> Result<Sought, StoreError> {
        let load = cmd("EVAL").arg(LOAD).arg(1).arg(self.key(id)).to_owned();
        let found: Option<(u64, Vec<(String, String)>)> = self.ask(&load)?;
        Ok(found.map_or(Sought::Gone, |(left, fields)| {
            let parse = |(key, text): (String, String)| {
                (key, serde_json::from_str(&text).unwrap_or_default())
            };
            let fields: Fields = fields.into_iter().map(parse).collect();
            Sought::Kept(Kept { fields, left: Duration::from_millis(left) })
        }))
    }

    fn save(
        &self,
        id: &Id,
        birth: Birth,
        changes: &Changes,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        let birth = match birth {
            Birth::Now => "now",
            Birth::Earlier => "earlier",
        };
        let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let set = changes.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let removed = changes.iter().filter(|(_, value)| value.is_none());
        let mut save = cmd("EVAL");
        save.arg(SAVE).arg(1).arg(self.key(id)).arg(birth).arg(lifetime).arg(set.clone().count());
        for (key, value) in set {
            save.arg(key).arg(value.to_string());
        }
        for (key, _) in removed {
            save.arg(key);
        }
        self.ask(&save)
    }

    fn remove(&self, id: &Id) -> Result<(), StoreError> {
        self.ask(cmd("DEL").arg(self.key(id)))
    }
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({} idle connections)", self.idle().len())
    }
}

#[cfg(test)]
mod tests;
