//! The request as an application sees it.

mod changes;
mod variables;

use std::ops::Index;

use self::changes::Changes;
use self::variables::everything;
use crate::bridge::exchange::{Handle, Text};
use crate::bridge::once::Once;
use crate::input::{Errors, Input, Unread};

/// The request: CGI variables as in PEP 3333, the body, and the error log.
///
/// It is owned: move it into the body to read the request while the response is under way. Looking
/// a key up costs nothing until it is asked for.
///
/// | key | value |
/// |---|---|
/// | `REQUEST_METHOD`, `REQUEST_URI`, `QUERY_STRING` | as received; the target is not decoded |
/// | `SCRIPT_NAME`, `PATH_INFO` | the mount and the rest of the path, percent-decoded |
/// | `SERVER_NAME`, `SERVER_PORT` | never empty |
/// | `SERVER_PROTOCOL`, `SERVER_SOFTWARE` | |
/// | `REMOTE_ADDR`, `REMOTE_PORT`, `REQUEST_SCHEME`, `GATEWAY_INTERFACE` | |
/// | `CONTENT_TYPE`, `CONTENT_LENGTH` | absent when the request has none |
/// | `HTTP_*` | header fields; repeated ones joined by a comma, cookies by a semicolon |
/// | `REMOTE_USER`, `AUTH_TYPE`, `REMOTE_IDENT`, `REMOTE_HOST` | by a front server or a layer |
/// | `HTTPS`, `SSL_*` | by a front server, of TLS |
/// | `DOCUMENT_ROOT`, `PATH_TRANSLATED`, `SCRIPT_FILENAME` | files of a front server |
/// | others with a dot, as `shop.currency` | by a front's configuration or a layer |
/// | `dsgi.version`, `dsgi.url_scheme`, `dsgi.gateway`, `dsgi.generation` | |
/// | `dsgi.multithread`, `dsgi.multiprocess`, `dsgi.run_once` | `true` or `false` |
///
/// ```
/// use dsgi::{Environ, StartResponse};
///
/// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     let agent = environ.get("HTTP_USER_AGENT").unwrap_or("a stranger");
///     Ok([format!("{} asked for {}\n", agent, &environ["PATH_INFO"])])
/// }
/// ```
///
/// **What a front server tells** comes by CGI, FastCGI, SCGI and uwsgi, and no client can set it: a
/// field `Remote-User` is `HTTP_REMOTE_USER`. Over HTTP there is nobody to tell it, so these keys
/// are absent unless a layer sets them, as `basic-auth` does `REMOTE_USER`:
///
/// ```
/// use dsgi::{Environ, Error, StartResponse};
///
/// fn app(environ: Environ, start_response: StartResponse) -> dsgi::Result<[String; 1]> {
///     let Some(user) = environ.get("REMOTE_USER") else {
///         return Err(Error::status(403, "nobody has asked who this is"));
///     };
///     start_response("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok([format!("{user} pays in {}\n", environ.get("shop.currency").unwrap_or("EUR"))])
/// }
/// ```
#[derive(Debug)]
pub struct Environ {
    handle: Handle,
    unread: Unread,
    /// What a layer has changed, which most environs know nothing of.
    changes: Once<Changes>,
    all: Once<Vec<(String, Vec<u8>)>>,
}

impl Environ {
    /// Wraps a handle of an exchange.
    #[inline]
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        let (unread, changes, all) = (Unread::default(), Once::new(), Once::new());
        Self { handle, unread, changes, all }
    }

    /// The value of a key as text; `None` when it is absent or not UTF-8.
    ///
    /// ```
    /// # fn example(environ: dsgi::Environ) {
    /// let language = environ.get("HTTP_ACCEPT_LANGUAGE").unwrap_or("en");
    /// # let _ = language; }
    /// ```
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        std::str::from_utf8(self.get_bytes(key)?).ok()
    }

    /// The value of a key as bytes.
    ///
    /// ```
    /// # fn example(environ: dsgi::Environ) {
    /// let path: &[u8] = environ.get_bytes("PATH_INFO").unwrap_or_default();
    /// # let _ = path; }
    /// ```
    #[must_use]
    pub fn get_bytes(&self, key: &str) -> Option<&[u8]> {
        if let Some(changed) = self.changes.get().and_then(|changes| changes.of(key)) {
            return changed;
        }
        match self.direct(key) {
            Direct::Value(value) => Some(value),
            Direct::Absent => None,
            Direct::Computed => {
                self.all().iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
            }
        }
    }

    /// All keys with their values, in no particular order.
    ///
    /// ```
    /// # fn example(environ: dsgi::Environ) {
    /// for (name, value) in environ.iter() {
    ///     println!("{name}={}", String::from_utf8_lossy(value));
    /// }
    /// # }
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let changes = self.changes.get();
        let changed = changes.into_iter().flat_map(Changes::set);
        let kept = self.all().iter().map(|(name, value)| (&**name, &**value));
        changed.chain(
            kept.filter(move |(name, _)| changes.is_none_or(|changes| changes.of(name).is_none())),
        )
    }

    /// The body of the request.
    ///
    /// ```
    /// use std::io::Read;
    /// # fn example(mut environ: dsgi::Environ) -> dsgi::Result<()> {
    /// let mut text = String::new();
    /// environ.input().read_to_string(&mut text)?;
    /// # Ok(()) }
    /// ```
    pub const fn input(&mut self) -> Input<'_> {
        Input::new(&mut self.handle, &mut self.unread)
    }

    /// The error log of the host.
    ///
    /// ```
    /// use std::io::Write;
    /// # fn example(environ: dsgi::Environ) {
    /// writeln!(environ.errors(), "the cache is cold").ok();
    /// # }
    /// ```
    #[must_use]
    pub const fn errors(&self) -> Errors<'_> {
        Errors::new(&self.handle)
    }

    /// Length of the request body in bytes, where it is known before reading it.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        match self.changes.get().and_then(|changes| changes.of("CONTENT_LENGTH")) {
            Some(changed) => std::str::from_utf8(changed?).ok()?.parse().ok(),
            None => self.handle.content_length(),
        }
    }

    /// Whether the client left or the time is over: long work may stop.
    ///
    /// ```
    /// # fn example(environ: dsgi::Environ) -> dsgi::Result<()> {
    /// for page in 0..10_000 {
    ///     if environ.cancelled() {
    ///         return Err(dsgi::Error::new(format!("stopped at page {page}")));
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.handle.cancelled()
    }

    /// The exchange.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    fn direct(&self, key: &str) -> Direct<'_> {
        // These are changed in the request itself, all others by a variable beside it.
        let text = match key {
            "REQUEST_METHOD" => Text::Method,
            "SCRIPT_NAME" => Text::ScriptName,
            "PATH_INFO" => Text::PathInfo,
            "QUERY_STRING" => Text::Query,
            "CONTENT_TYPE" => return self.field(b"content-type"),
            "HTTP_CONTENT_TYPE" | "HTTP_CONTENT_LENGTH" => return Direct::Absent,
            _ => {
                return match key.strip_prefix("HTTP_") {
                    Some(name) => self.named(name),
                    None => self.beside(key),
                };
            }
        };
        Direct::Value(self.handle.text(text))
    }

    /// What layers may set a variable for.
    fn beside(&self, key: &str) -> Direct<'_> {
        if let Some(value) = self.handle.variable(key) {
            return Direct::Value(value);
        }
        let text = match key {
            "REQUEST_URI" => Text::Target,
            "REQUEST_SCHEME" | "dsgi.url_scheme" => Text::Scheme,
            "SERVER_NAME" => Text::ServerName,
            "SERVER_SOFTWARE" => Text::Software,
            "REMOTE_ADDR" => return present(self.handle.text(Text::RemoteAddress)),
            "dsgi.gateway" => Text::Gateway,
            "SERVER_PROTOCOL" => return protocol(self.handle.protocol()),
            _ => return Direct::Computed,
        };
        Direct::Value(self.handle.text(text))
    }

    fn field(&self, name: &[u8]) -> Direct<'_> {
        self.one(self.handle.headers().filter(move |(field, _)| *field == name))
    }

    fn named(&self, name: &str) -> Direct<'_> {
        self.one(self.handle.headers().filter(|(field, _)| is_named(name, field)))
    }

    fn one<'a>(&self, mut found: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Direct<'a> {
        match (found.next(), found.next()) {
            (None, _) => Direct::Absent,
            (Some((_, value)), None) => Direct::Value(value),
            (Some(_), Some(_)) => Direct::Computed,
        }
    }

    fn all(&self) -> &[(String, Vec<u8>)] {
        self.all.get_or_init(|| everything(&self.handle))
    }
}

impl Index<&str> for Environ {
    type Output = str;

    /// # Panics
    /// When the key is absent or not UTF-8, with its name. The client then sees a 500.
    fn index(&self, key: &str) -> &str {
        match self.get_bytes(key).map(std::str::from_utf8) {
            Some(Ok(value)) => value,
            Some(Err(_)) => panic!("the value of `{key}` is not UTF-8; use `get_bytes`"),
            None => panic!("the environ has no `{key}`; use `get`"),
        }
    }
}

enum Direct<'a> {
    Value(&'a [u8]),
    Absent,
    Computed,
}

const fn present(value: &[u8]) -> Direct<'_> {
    if value.is_empty() { Direct::Absent } else { Direct::Value(value) }
}

/// Those that are spoken today.
const fn protocol(version: u32) -> Direct<'static> {
    match version {
        10 => Direct::Value(b"HTTP/1.0"),
        11 => Direct::Value(b"HTTP/1.1"),
        20 => Direct::Value(b"HTTP/2.0"),
        _ => Direct::Computed,
    }
}

/// Whether a lower-case field name is the one that `HTTP_` and `name` stand for.
fn is_named(name: &str, field: &[u8]) -> bool {
    name.len() == field.len()
        && name.bytes().zip(field).all(|(name, field)| match field {
            b'-' => name == b'_',
            field => name == field.to_ascii_uppercase(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgi_names_match_field_names() {
        assert!(is_named("USER_AGENT", b"user-agent"));
        assert!(!is_named("USER-AGENT", b"user-agent"));
        assert!(!is_named("user_agent", b"user-agent"));
        assert!(!is_named("USER_AGENTS", b"user-agent"));
    }
}
