//! So many requests a client, and then 429 with the time after which to come again.

mod buckets;

use std::time::{Duration, Instant};

use dsgi::{Body, Environ, Error, Flavour, Inner, Middleware, Purpose, StartResponse};

use self::buckets::{Buckets, Rate};

/// The layer `rate-limit`.
///
/// | key | default | what |
/// |---|---|---|
/// | `requests` | 10 | how many, for each client |
/// | `seconds` | 1 | in how long a time |
/// | `burst` | as `requests` | how many of them at once |
/// | `by` | `"peer"` | one client is an address, or a value of this field, as `"X-Api-Key"` |
/// | `clients` | 65536 | how many are remembered; the one that asks least is forgotten first |
///
/// By its address an IPv6 client is its network of 64 bits. A header field is to be trusted only
/// where something in front of the host sets it.
#[derive(Debug)]
pub struct RateLimit {
    buckets: Buckets,
    by: By,
    began: Instant,
}

/// The config of [`RateLimit`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    requests: u32,
    seconds: u32,
    burst: Option<u32>,
    by: String,
    clients: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum By {
    Peer,
    /// A header field, by its CGI name; who sends none is known by the address.
    Header(String),
}

impl Default for Config {
    fn default() -> Self {
        Self { requests: 10, seconds: 1, burst: None, by: String::from("peer"), clients: 65_536 }
    }
}

impl Middleware for RateLimit {
    type Config = Config;

    const FLAVOUR: Flavour = Flavour::NonBlocking;

    fn init(config: Config, _: Purpose) -> dsgi::Result<Self> {
        let burst = config.burst.unwrap_or(config.requests);
        if config.requests == 0 || config.seconds == 0 || burst == 0 {
            return Err(Error::new("`requests`, `seconds` and `burst` are at least 1"));
        }
        let by = match &*config.by {
            "peer" => By::Peer,
            name => By::Header(format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"))),
        };
        let rate = Rate::new(config.requests, Duration::from_secs(config.seconds.into()), burst);
        Ok(Self { buckets: Buckets::new(rate, config.clients), by, began: Instant::now() })
    }

    fn call(
        &self,
        inner: Inner,
        environ: Environ,
        start_response: StartResponse,
    ) -> dsgi::Result<Body> {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match self.buckets.take(&self.key(&environ), now) {
            Ok(()) => inner(environ, start_response),
            Err(wait) => too_many(wait, &start_response),
        }
    }
}

impl RateLimit {
    fn key(&self, environ: &Environ) -> Vec<u8> {
        if let By::Header(variable) = &self.by
            && let Some(value) = environ.get_bytes(variable)
        {
            // Never the same as an address.
            return [b"=", value].concat();
        }
        network(environ.get("REMOTE_ADDR").unwrap_or_default())
    }
}

/// What one client can choose of its address is left out.
fn network(address: &str) -> Vec<u8> {
    match address.parse() {
        Ok(std::net::IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.octets().to_vec(),
            None => address.octets()[..8].to_vec(),
        },
        Ok(std::net::IpAddr::V4(address)) => address.octets().to_vec(),
        // A socket of the file system has none: all of them are one client.
        Err(_) => address.as_bytes().to_vec(),
    }
}

fn too_many(wait: Duration, start_response: &StartResponse) -> dsgi::Result<Body> {
    // Whole seconds, and never too early.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    start_response(
        "429 Too Many Requests",
        &[("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", &seconds.to_string())],
    )?;
    Ok(Body::from("too many requests\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_what_it_cannot_choose() {
        assert_eq!(network("192.0.2.7"), [192, 0, 2, 7]);
        assert_eq!(network("::ffff:192.0.2.7"), [192, 0, 2, 7]);
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network(""), b"");
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let limit =
            |config: &str| RateLimit::init(serde_json::from_str(config).unwrap(), Purpose::Probe);
        assert_eq!(limit("{}").unwrap().by, By::Peer);
        for wrong in ["{\"requests\": 0}", "{\"seconds\": 0}", "{\"burst\": 0}"] {
            limit(wrong).unwrap_err();
        }
    }
}
