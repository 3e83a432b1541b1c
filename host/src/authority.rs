//! Hosts: the one that a request names, and patterns that hosts are mounted by.
//!
//! A host is compared without its port and in lower case; a dot at its end says nothing. Names of
//! other alphabets are named as they travel, in their ASCII form.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Which hosts a mount is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HostPattern {
    /// This one.
    Exact(String),
    /// All that end with a dot and this.
    Under(String),
}

/// Why a text is no pattern of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host: it is a name, an address, or `*.` before a name")]
pub(crate) struct HostError(String);

/// The host of an authority.
pub(crate) fn host(authority: &str) -> Cow<'_, str> {
    let port = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, rest)) if port(rest) => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        host.into()
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_suffix('.').unwrap_or(&lower);
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_name =
            |name: &str| name.split('.').all(|part| !part.is_empty() && part.bytes().all(label));
        let is_address = |name: &str| {
            let inside = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inside.is_some_and(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok())
        };
        match name.strip_prefix("*.") {
            Some(under) if is_name(under) => Ok(Self::Under(under.to_owned())),
            None if is_name(name) || is_address(name) => Ok(Self::Exact(name.to_owned())),
            _ => Err(HostError(text.to_owned())),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Under(name) => write!(f, "*.{name}"),
        }
    }
}

#[cfg(all(test, not(dsgi_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_no_port_and_no_case() {
        for (authority, expected) in [
            ("example.org", "example.org"),
            ("Example.ORG:8080", "example.org"),
            ("example.org.", "example.org"),
            ("example.org.:80", "example.org"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("example.org:", "example.org"),
            ("", ""),
        ] {
            assert_eq!(host(authority), expected, "{authority}");
        }
    }

    #[test]
    fn patterns_are_names_addresses_and_what_lies_under_a_name() {
        let exact = |name: &str| HostPattern::Exact(name.to_owned());
        for (text, pattern) in [
            ("Example.org", exact("example.org")),
            ("example.org.", exact("example.org")),
            ("localhost", exact("localhost")),
            ("127.0.0.1", exact("127.0.0.1")),
            ("[::1]", exact("[::1]")),
            ("*.Example.org", HostPattern::Under("example.org".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(pattern), "{text}");
        }
        for wrong in
            ["", ".", "*", "*.", "a..b", "example.org:80", "*example.org", "a.*.org", "a b", "[x]"]
        {
            let parsed: Result<HostPattern, _> = wrong.parse();
            assert!(parsed.is_err(), "{wrong} is {parsed:?}");
        }
    }
}
