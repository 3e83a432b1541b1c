//! The keys that make a cookie ours: the first one marks, every one is known.
//!
//! A new key is put in front of the old ones. Cookies are marked anew as they come by, and an old
//! key is taken away once the last cookie of its time is over.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::id::Id;

/// What marks cookies, and tells ours from others.
#[derive(Debug)]
pub(crate) struct Keys {
    ring: RwLock<Ring>,
    form: Form,
    /// The cookie's name: what was marked for one is nothing under another.
    name: String,
}

/// The keys, the one that marks first.
struct Ring {
    keys: Vec<Key>,
    origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    /// An operator knows them, and gives them to every version.
    Given,
    /// Only this process does.
    MadeUp,
}

/// What a cookie shows of the session's name. None of it helps anybody without a key, so both
/// forms are read, whichever is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// The name, and a signature.
    #[default]
    Signed,
    /// Nothing that two cookies of one session have in common.
    Encrypted,
}

/// What a cookie says that is ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) id: Id,
    pub(crate) mark: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mark {
    Current,
    /// By an old key, or in the other form: to be marked anew.
    Old,
}

/// A secret, and a key for each use of it.
struct Key {
    secret: Vec<u8>,
    signature: [u8; 32],
    seal: [u8; 32],
}

/// A secret that is shorter could be guessed.
pub(crate) const SECRET_MIN: usize = 32;

/// So many made-up secrets go from version to version: the first one marks, and the others are of
/// versions that have marked cookies before they were told of it.
const MADE_UP_MAX: usize = 4;

const NONCE: usize = 24;
const TAG: usize = 16;
const SIGNATURE: usize = 32;

impl Keys {
    /// Secrets, the newest first; without any, one that is made up.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn new(
        secrets: Vec<Vec<u8>>,
        form: Form,
        name: &str,
    ) -> Result<Self, getrandom::Error> {
        let mut ring = Ring { keys: Vec::new(), origin: Origin::Given };
        if secrets.is_empty() {
            let mut secret = vec![0; SECRET_MIN];
            getrandom::fill(&mut secret)?;
            ring = Ring { keys: vec![Key::new(secret)], origin: Origin::MadeUp };
        }
        ring.keys.extend(secrets.into_iter().map(Key::new));
        Ok(Self { ring: RwLock::new(ring), form, name: name.to_owned() })
    }

    /// The secrets that another version cannot know by itself.
    pub(crate) fn made_up(&self) -> Vec<Vec<u8>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        match ring.origin {
            Origin::Given => Vec::new(),
            Origin::MadeUp => ring.keys.iter().map(|key| key.secret.clone()).collect(),
        }
    }

    /// Knows what the version before has marked, and marks as it did where there is no key of an
    /// operator.
    pub(crate) fn adopt(&self, theirs: Vec<Vec<u8>>) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let mut theirs: Vec<Key> = theirs.into_iter().map(Key::new).collect();
        match ring.origin {
            Origin::Given => {
                theirs.retain(|their| !ring.keys.iter().any(|our| our.secret == their.secret));
                ring.keys.extend(theirs);
            }
            Origin::MadeUp => {
                let ours = std::mem::take(&mut ring.keys).into_iter();
                let ours: Vec<Key> = ours
                    .filter(|our| !theirs.iter().any(|their| our.secret == their.secret))
                    .collect();
                theirs.extend(ours);
                theirs.truncate(MADE_UP_MAX);
                ring.keys = theirs;
            }
        }
    }

    /// The value of a cookie.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn mark(&self, id: &Id) -> Result<String, getrandom::Error> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring.current();
        let bytes = match self.form {
            Form::Signed => key.sign(id, &self.name),
            Form::Encrypted => key.seal(id, &self.name)?,
        };
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a cookie says; nothing if it was not marked by one of the keys.
    pub(crate) fn read(&self, cookie: &[u8]) -> Option<Named> {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.keys.iter().enumerate().find_map(|(at, key)| {
            let (id, form) = key.read(&bytes, &self.name)?;
            let mark = if at == 0 && form == self.form { Mark::Current } else { Mark::Old };
            Some(Named { id, mark })
        })
    }
}

impl Ring {
    fn current(&self) -> &Key {
        // There is always one: made up where none was given.
        &self.keys[0]
    }
}

impl Key {
    fn new(secret: Vec<u8>) -> Self {
        let derive = |what: &[u8]| mac(&secret, &[what]).finalize().into_bytes().into();
        let (signature, seal) = (derive(b"dsgi session: sign"), derive(b"dsgi session: seal"));
        Self { secret, signature, seal }
    }

    fn sign(&self, id: &Id, name: &str) -> Vec<u8> {
        let signature = self.signature_of(id.as_bytes(), name).finalize().into_bytes();
        [id.as_bytes(), &signature[..]].concat()
    }

    fn seal(&self, id: &Id, name: &str) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let payload = Payload { msg: id.as_bytes(), aad: name.as_bytes() };
        // It fails for texts of many gigabytes only.
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        Ok([&nonce[..], &sealed].concat())
    }

    fn read(&self, bytes: &[u8], name: &str) -> Option<(Id, Form)> {
        const SIGNED: usize = Id::LENGTH + SIGNATURE;
        const SEALED: usize = NONCE + Id::LENGTH + TAG;
        match bytes.len() {
            SIGNED => {
                let (id, signature) = bytes.split_at(Id::LENGTH);
                self.signature_of(id, name).verify_slice(signature).ok()?;
                Some((Id::from_bytes(id)?, Form::Signed))
            }
            SEALED => {
                let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
                let payload = Payload { msg: sealed, aad: name.as_bytes() };
                let id = self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?;
                Some((Id::from_bytes(&id)?, Form::Encrypted))
            }
            _ => None,
        }
    }

    fn signature_of(&self, id: &[u8], name: &str) -> Hmac<Sha256> {
        mac(&self.signature, &[name.as_bytes(), b"=", id])
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.seal.into())
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

impl fmt::Debug for Ring {
    /// Nothing of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} keys, {:?})", self.keys.len(), self.origin)
    }
}

#[cfg(test)]
mod tests;
