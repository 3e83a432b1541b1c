//! The users of an htpasswd file, and whether a password is one's own.
//!
//! A bcrypt hash takes a tenth of a second on purpose. So a password that was right is remembered
//! for a while, as a keyed digest and never as itself; a wrong one costs its full price each time,
//! as does a user who is not there.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Users with the hashes of their passwords.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Users {
    hashes: HashMap<String, String>,
    /// Stands for all who are not there, and costs as much as the dearest that is.
    nobody: String,
}

/// Why a file of users is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    line: usize,
    why: &'static str,
}

/// Salt and hash of no password.
const NOBODY: &str = "abcdefghijklmnopqrstuuPfT8CZ0W1DdBYl4yLkqEJ0LQNtvTRSK";

/// Passwords that were right lately.
#[derive(Debug)]
pub(super) struct Remembered {
    key: [u8; 32],
    digests: Mutex<HashMap<[u8; 32], Instant>>,
}

/// For how long; a user who is taken out of the file may come in for no longer.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// At most so many.
const REMEMBERED_MOST: usize = 1024;

impl Users {
    /// Reads lines of `name:hash`; empty ones and those that begin with `#` say nothing.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let (mut hashes, mut cost_most) = (HashMap::new(), 4);
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refused = |why| Refused { line: at + 1, why };
            let (name, hash) = line.split_once(':').ok_or(refused("it has no colon"))?;
            if !["$2y$", "$2b$", "$2a$"].iter().any(|kind| hash.starts_with(kind)) {
                return Err(refused("its hash is not bcrypt's: make it with `htpasswd -B`"));
            }
            let parts = hash.parse::<bcrypt::HashParts>();
            let cost = parts.map_err(|_| refused("its hash is malformed"))?.get_cost();
            cost_most = cost.max(cost_most);
            hashes.insert(name.to_owned(), hash.to_owned());
        }
        Ok(Self { hashes, nobody: format!("$2b${cost_most:02}${NOBODY}") })
    }

    /// Whether the password is that user's. Takes as long for one who is not there.
    pub(super) fn admit(&self, name: &str, password: &[u8]) -> bool {
        let known = self.hash_of(name);
        let hash = known.unwrap_or(&self.nobody);
        bcrypt::verify(password, hash).unwrap_or(false) && known.is_some()
    }

    /// The hash of a user.
    pub(super) fn hash_of(&self, name: &str) -> Option<&str> {
        self.hashes.get(name).map(String::as_str)
    }
}

impl Remembered {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        for (at, part) in key.chunks_mut(8).enumerate() {
            // Its keys are the system's random numbers.
            part.copy_from_slice(&RandomState::new().hash_one(at).to_ne_bytes());
        }
        Self { key, digests: Mutex::default() }
    }

    /// What stands for a password with the hash that it was right for.
    pub(super) fn digest(&self, hash: &str, password: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [&self.key, hash.as_bytes(), &[0], password, &[0], &self.key] {
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// Whether it was right lately.
    pub(super) fn knows(&self, digest: &[u8; 32], now: Instant) -> bool {
        self.lock().get(digest).is_some_and(|since| now.duration_since(*since) < REMEMBERED_FOR)
    }

    pub(super) fn remember(&self, digest: [u8; 32], now: Instant) {
        let mut digests = self.lock();
        if digests.len() >= REMEMBERED_MOST {
            digests.retain(|_, since| now.duration_since(*since) < REMEMBERED_FOR);
        }
        if digests.len() < REMEMBERED_MOST {
            digests.insert(digest, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let ada = bcrypt::hash("engine", 4).unwrap();
        Users::parse(&format!("# users\n\nada:{ada}\n")).unwrap()
    }

    #[test]
    fn only_the_right_password_of_a_known_user_is_admitted() {
        let users = users();
        assert!(users.admit("ada", b"engine"));
        for (name, password) in [("ada", "Engine"), ("ada", ""), ("bob", "engine"), ("", "")] {
            assert!(!users.admit(name, password.as_bytes()), "{name} {password}");
        }
        // The hash that stands for nobody is one, so that it takes as long.
        assert!(!bcrypt::verify("", &users.nobody).unwrap());
        assert!(users.nobody.starts_with("$2b$04$"));
    }

    #[test]
    fn what_is_no_file_of_users_is_refused_with_its_line() {
        let refused = |text: &str| Users::parse(text).unwrap_err().to_string();
        assert_eq!(refused("\nada"), "line 2: it has no colon");
        let kinds = "line 1: its hash is not bcrypt's: make it with `htpasswd -B`";
        assert_eq!(refused("ada:plain"), kinds);
        assert_eq!(refused("ada:$apr1$x$y"), kinds);
        assert_eq!(refused("ada:$2y$05$short"), "line 1: its hash is malformed");
    }

    #[test]
    fn a_right_password_is_remembered_for_a_while_and_for_its_hash() {
        let (remembered, now) = (Remembered::new(), Instant::now());
        let digest = remembered.digest("hash", b"engine");
        assert!(!remembered.knows(&digest, now));
        remembered.remember(digest, now);
        assert!(remembered.knows(&digest, now));
        assert!(remembered.knows(&digest, now + REMEMBERED_FOR - Duration::from_nanos(1)));
        assert!(!remembered.knows(&digest, now + REMEMBERED_FOR));
        for (hash, password) in [("hash", "engin"), ("other", "engine"), ("hash\0", "engine")] {
            let other = remembered.digest(hash, password.as_bytes());
            assert!(!remembered.knows(&other, now), "{hash:?} {password}");
        }
        // Another process has another key.
        assert_ne!(Remembered::new().digest("hash", b"engine"), digest);
        for number in 0..2 * REMEMBERED_MOST as u32 {
            remembered.remember(remembered.digest("hash", &number.to_be_bytes()), now);
        }
        assert!(remembered.lock().len() <= REMEMBERED_MOST);
    }
}
