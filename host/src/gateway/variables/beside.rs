//! Variables of a front that are neither the request line nor a field of it: who it has found the
//! client to be, its files, and whatever its configuration names with a dot.
//!
//! Invariant: no client can say one. A field of its own comes as `HTTP_` and its name, whatever
//! that is, and stays a field.

use bytes::Bytes;
use dsgi::rules::OF_CGI;

use crate::wire::Variables;

/// They are given to applications as they are, as rule 79 of the specification has it.
#[derive(Debug, Default)]
pub(super) struct Beside(Variables);

impl Beside {
    /// Takes a variable that is one of these, the last one of a name.
    pub(super) fn take(&mut self, name: Bytes, value: Bytes) {
        if !is_given(&name) {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of a name; empty where there is none.
    pub(super) fn value(&self, name: &str) -> &[u8] {
        let found = self.0.iter().find(|(known, _)| *known == *name.as_bytes());
        found.map_or(&[], |(_, value)| value)
    }

    /// All of them. Empty is absent.
    pub(super) fn into_variables(self) -> Variables {
        let mut all = self.0;
        all.retain(|(_, value)| !value.is_empty());
        all
    }
}

fn is_given(name: &[u8]) -> bool {
    if OF_CGI.iter().any(|known| known.as_bytes() == name) {
        return true;
    }
    // Of TLS only the front knows, in the words of `mod_ssl`. `SSL_CERT_FILE` and `SSL_CERT_DIR`
    // are OpenSSL's, in the environment of a process, and what begins with `dsgi.` is ours.
    let is_of_tls = name.starts_with(b"SSL_") && !name.starts_with(b"SSL_CERT_");
    let is_its_own = name.contains(&b'.') && !name.starts_with(b"dsgi.");
    (is_of_tls || is_its_own) && name.iter().all(u8::is_ascii_graphic)
}
