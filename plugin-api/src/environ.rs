//! The request as an application sees it.

use std::ops::Index;
use std::sync::OnceLock;

use crate::abi::grown::head_flag;
use crate::bridge::body::Stream;
use crate::bridge::exchange::{Derivation, Handle, Text};
use crate::input::{Errors, Input, Unread};
use crate::{Body, Error, Result};

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
#[derive(Debug)]
pub struct Environ {
    handle: Handle,
    unread: Unread,
    changes: Vec<(String, Vec<u8>)>,
    all: OnceLock<Vec<(String, Vec<u8>)>>,
}

impl Environ {
    /// Wraps a handle of an exchange.
    #[inline]
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        let (unread, changes, all) = (Unread::default(), Vec::new(), OnceLock::new());
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
        if let Some((_, value)) = self.changes.iter().rev().find(|(name, _)| name == key) {
            return Some(value);
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
        let changed = self.changes.iter().enumerate().filter(|(at, (name, _))| {
            !self.changes[at + 1..].iter().any(|(later, _)| later == name)
        });
        let kept = self
            .all()
            .iter()
            .filter(|(name, _)| !self.changes.iter().any(|(changed, _)| changed == name));
        changed.map(|(_, pair)| pair).chain(kept).map(|(name, value)| (&**name, &**value))
    }

    /// Sets a key for this environ and for every application further in.
    ///
    /// ```
    /// # fn example(mut environ: dsgi::Environ) {
    /// environ.set("shop.currency", "EUR");
    /// assert_eq!(&environ["shop.currency"], "EUR");
    /// # }
    /// ```
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.changes.push((name.into(), value.into()));
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
        self.handle.content_length()
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

    /// The handle with everything that was set, for the next application inwards.
    ///
    /// # Errors
    /// When the host refuses a value that was set.
    pub fn into_handle(self, input: Option<Body>) -> Result<Handle> {
        if self.changes.is_empty() && input.is_none() {
            return Ok(self.handle);
        }
        let variables =
            self.changes.iter().map(|(name, value)| (&**name, Some(&**value))).collect();
        let input = input.map(Stream::of);
        self.handle.derive(Derivation { variables, input }).map_err(Error::from_failure)
    }

    fn direct(&self, key: &str) -> Direct<'_> {
        let text = match key {
            "REQUEST_METHOD" => Text::Method,
            "SCRIPT_NAME" => Text::ScriptName,
            "PATH_INFO" => Text::PathInfo,
            "QUERY_STRING" => Text::Query,
            "REQUEST_URI" => Text::Target,
            "REQUEST_SCHEME" | "dsgi.url_scheme" => Text::Scheme,
            "SERVER_NAME" => Text::ServerName,
            "SERVER_SOFTWARE" => Text::Software,
            "REMOTE_ADDR" => return present(self.handle.text(Text::RemoteAddress)),
            "dsgi.gateway" => Text::Gateway,
            "CONTENT_TYPE" => return self.field(b"content-type"),
            "HTTP_CONTENT_TYPE" | "HTTP_CONTENT_LENGTH" => return Direct::Absent,
            _ => {
                return match key.strip_prefix("HTTP_") {
                    Some(name) => self.named(name),
                    None => Direct::Computed,
                };
            }
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

/// Whether a lower-case field name is the one that `HTTP_` and `name` stand for.
fn is_named(name: &str, field: &[u8]) -> bool {
    name.len() == field.len()
        && name.bytes().zip(field).all(|(name, field)| match field {
            b'-' => name == b'_',
            field => name == field.to_ascii_uppercase(),
        })
}

/// Every variable of the exchange, computed.
fn everything(handle: &Handle) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let texts = [
        ("REQUEST_METHOD", Text::Method),
        ("SCRIPT_NAME", Text::ScriptName),
        ("PATH_INFO", Text::PathInfo),
        ("QUERY_STRING", Text::Query),
        ("REQUEST_URI", Text::Target),
        ("REQUEST_SCHEME", Text::Scheme),
        ("SERVER_NAME", Text::ServerName),
        ("SERVER_SOFTWARE", Text::Software),
        ("REMOTE_ADDR", Text::RemoteAddress),
        ("dsgi.url_scheme", Text::Scheme),
        ("dsgi.gateway", Text::Gateway),
    ];
    for (name, text) in texts {
        let value = handle.text(text);
        if name != "REMOTE_ADDR" || !value.is_empty() {
            all.push((name.to_owned(), value.to_vec()));
        }
    }
    let flag = |bit| String::from(if handle.flags() & bit == 0 { "false" } else { "true" });
    let (server_port, remote_port) = handle.ports();
    let mut numbers = vec![
        ("SERVER_PORT", server_port.to_string()),
        ("SERVER_PROTOCOL", protocol(handle.protocol())),
        ("GATEWAY_INTERFACE", String::from("CGI/1.1")),
        ("dsgi.version", crate::abi::ABI.to_string()),
        ("dsgi.generation", handle.generation().to_string()),
        ("dsgi.multithread", flag(head_flag::MULTITHREAD)),
        ("dsgi.multiprocess", flag(head_flag::MULTIPROCESS)),
        ("dsgi.run_once", flag(head_flag::RUN_ONCE)),
    ];
    if remote_port != 0 {
        numbers.push(("REMOTE_PORT", remote_port.to_string()));
    }
    if let Some(length) = handle.content_length() {
        numbers.push(("CONTENT_LENGTH", length.to_string()));
    }
    all.extend(numbers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())));
    for (field, value) in handle.headers() {
        join(&mut all, field, value);
    }
    for (name, value) in handle.variables() {
        let name = String::from_utf8_lossy(name).into_owned();
        all.retain(|(known, _)| *known != name);
        all.push((name, value.to_vec()));
    }
    all
}

fn protocol(version: u32) -> String {
    format!("HTTP/{}.{}", version / 10, version % 10)
}

/// Adds a header field under its CGI name, or joins it to an earlier one of that name.
fn join(all: &mut Vec<(String, Vec<u8>)>, field: &[u8], value: &[u8]) {
    let name = match field {
        b"content-length" => return,
        b"content-type" => String::from("CONTENT_TYPE"),
        field => {
            let mut name = String::from("HTTP_");
            name.extend(field.iter().map(|byte| match byte {
                b'-' => '_',
                byte => char::from(byte.to_ascii_uppercase()),
            }));
            name
        }
    };
    match all.iter_mut().find(|(known, _)| *known == name) {
        Some((_, joined)) => {
            joined.extend_from_slice(if field == b"cookie" { b"; " } else { b", " });
            joined.extend_from_slice(value);
        }
        None => all.push((name, value.to_vec())),
    }
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

    #[test]
    fn repeated_fields_are_joined_and_cookies_by_a_semicolon() {
        let mut all = Vec::new();
        for (field, value) in
            [("accept", "a"), ("cookie", "x=1"), ("accept", "b"), ("cookie", "y=2")]
        {
            join(&mut all, field.as_bytes(), value.as_bytes());
        }
        join(&mut all, b"content-length", b"7");
        let pair = |name: &str, value: &str| (String::from(name), value.as_bytes().to_vec());
        assert_eq!(all, [pair("HTTP_ACCEPT", "a, b"), pair("HTTP_COOKIE", "x=1; y=2")]);
    }
}
