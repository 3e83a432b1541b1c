//! A name for each request, so that lines of several logs can be told to belong together.
//!
//! The name goes inwards as a header field, which an application reads as `HTTP_X_REQUEST_ID`, and
//! as a value; and out with the response. One that comes with the request is kept where the host
//! trusts whoever stands in front of it.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use dsgi::{Body, Environ, Flavour, Inner, Middleware, Purpose, StartResponse};

use crate::given;

/// The layer `request-id`.
///
/// | key | default | what |
/// |---|---|---|
/// | `header` | `"X-Request-Id"` | the field that carries the name, in both directions |
/// | `incoming` | `"replace"` | or `"keep"`: one that comes with the request stays |
///
/// What is kept has at most 128 letters, digits and `-._~:/+=@`. Further in it is also a value,
/// [`given::RequestId`].
#[derive(Debug)]
pub struct RequestId {
    header: String,
    variable: String,
    incoming: Incoming,
    /// Random, so that two hosts never give the same names.
    prefix: u64,
    next: AtomicU64,
}

/// The config of [`RequestId`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    header: String,
    incoming: Incoming,
}

/// What becomes of a name that comes with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Incoming {
    #[default]
    Replace,
    Keep,
}

/// Bytes of a name that is kept.
const LENGTH_MAX: usize = 128;

impl Default for Config {
    fn default() -> Self {
        Self { header: String::from("X-Request-Id"), incoming: Incoming::default() }
    }
}

impl Middleware for RequestId {
    type Config = Config;

    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if config.header.is_empty() || !config.header.bytes().all(is_name) {
            return Err(dsgi::Error::new(format!("`{}` is no header name", config.header)));
        }
        let variable = format!("HTTP_{}", config.header.to_ascii_uppercase().replace('-', "_"));
        let (prefix, next) = (RandomState::new().hash_one("dsgi"), AtomicU64::new(0));
        Ok(Self { header: config.header, variable, incoming: config.incoming, prefix, next })
    }

    fn call(
        &self,
        inner: Inner,
        mut environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let kept = environ.get(&self.variable).filter(|id| self.keeps(id)).map(ToOwned::to_owned);
        let id = kept.unwrap_or_else(|| {
            let id = self.make();
            environ.set(self.variable.as_str(), id.as_str());
            id
        });
        environ.set_value(given::RequestId { id: id.as_str().into() })?;
        let header = self.header.clone();
        inner(environ, start_response.edit(move |head| head.set(&header, &id)))
    }
}

impl RequestId {
    fn keeps(&self, id: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/+=@".contains(&byte);
        self.incoming == Incoming::Keep
            && (1..=LENGTH_MAX).contains(&id.len())
            && id.bytes().all(is_plain)
    }

    /// 32 hexadecimal digits. They tell requests apart and nothing else: they can be guessed.
    fn make(&self) -> String {
        format!("{:016x}{:016x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(config: &str) -> dsgi::Result<RequestId> {
        RequestId::init(serde_json::from_str(config)?, Purpose::Probe)
    }

    #[test]
    fn names_are_made_once_and_kept_where_they_are_plain() {
        let layer_of = |config| layer(config).unwrap();
        let replaces = layer_of("{}");
        assert!(!replaces.keeps("abc"));
        let (one, two) = (replaces.make(), replaces.make());
        assert_ne!(one, two);
        assert_eq!(one.len(), 32);
        assert_ne!(one, layer_of("{}").make(), "another process gives other names");
        let keeps = layer_of("{\"incoming\": \"keep\"}");
        assert!(keeps.keeps("01ARZ3NDEK-x_y"));
        for id in ["", "a b", "a\"b", "a\u{e9}", &"x".repeat(LENGTH_MAX + 1)] {
            assert!(!keeps.keeps(id), "{id:?}");
        }
        layer("{\"header\": \"a b\"}").unwrap_err();
        layer("{\"incoming\": true}").unwrap_err();
    }
}
