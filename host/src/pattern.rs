//! Which hosts a mount is for: one by its name, or all below a domain.
//!
//! A mount of a config has one, and the site looks requests up by it. Invariant: a pattern is in
//! small letters, as a request's host is before it is looked up.

use std::fmt;
use std::net::Ipv6Addr;

/// What a mount says of the hosts that it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HostPattern {
    /// `shop.example.org`.
    Exact(String),
    /// `*.example.org`, without the star and its dot: any host below it, but not itself.
    Below(String),
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPattern {
    #[error("is empty")]
    Empty,
    #[error("has a port, which no mount is chosen by")]
    Port,
    #[error("has a `*` that is not the whole of its first part")]
    Star,
    #[error("is for every host")]
    Every,
    #[error("is not as clients send it: a host has letters, digits, `-`, `_` and `.`")]
    Letters,
    #[error("has an empty part, or one of more than 63 letters")]
    Part,
    #[error("is longer than 253 letters")]
    Long,
}

/// Letters of a name and of each of its parts, RFC 1035 section 2.3.4.
const NAME_LETTERS: usize = 253;
const PART_LETTERS: usize = 63;

impl HostPattern {
    /// Reads `example.org`, `*.example.org`, `127.0.0.1` or `[::1]`.
    pub(crate) fn parse(text: &str) -> Result<Self, BadPattern> {
        let text = text.to_ascii_lowercase();
        let below = text.strip_prefix("*.");
        let name = below.unwrap_or(&text);
        if below.is_none() && is_address(name) {
            return Ok(Self::Exact(text));
        }
        match name {
            "" => return Err(BadPattern::Empty),
            "*" if below.is_none() => return Err(BadPattern::Every),
            name if name.contains('*') => return Err(BadPattern::Star),
            name if has_port(name) => return Err(BadPattern::Port),
            name if !name.bytes().all(is_letter) => return Err(BadPattern::Letters),
            name if name.len() > NAME_LETTERS => return Err(BadPattern::Long),
            _ => {}
        }
        if name.split('.').any(|part| part.is_empty() || part.len() > PART_LETTERS) {
            return Err(BadPattern::Part);
        }
        let name = name.to_owned();
        Ok(if below.is_some() { Self::Below(name) } else { Self::Exact(name) })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

impl BadPattern {
    /// What the user can do.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Empty | Self::Every => "leave `host` out: the mount is for every host then",
            Self::Port => "write the host alone: host = \"example.org\"",
            Self::Letters => "a name of other letters is written as xn--...",
            Self::Star | Self::Part | Self::Long => {
                "host = \"example.org\", or host = \"*.example.org\" for all below it"
            }
        }
    }
}

/// A host that is an address of IPv6; one of IPv4 looks like any name.
fn is_address(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
}

fn has_port(text: &str) -> bool {
    let port = text.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_or_all_below_a_domain() {
        for (text, shown) in [
            ("example.org", "example.org"),
            ("Shop.Example.ORG", "shop.example.org"),
            ("*.Example.org", "*.example.org"),
            ("*.localhost", "*.localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("my_host", "my_host"),
        ] {
            assert_eq!(HostPattern::parse(text).unwrap().to_string(), shown);
        }
        let below = HostPattern::Below(String::from("example.org"));
        assert_eq!(HostPattern::parse("*.example.org"), Ok(below));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for (text, why) in [
            ("", BadPattern::Empty),
            ("*.", BadPattern::Empty),
            ("*", BadPattern::Every),
            ("**", BadPattern::Star),
            ("a.*.org", BadPattern::Star),
            ("*.*.org", BadPattern::Star),
            ("*example.org", BadPattern::Star),
            ("example.org:80", BadPattern::Port),
            ("[::1]:80", BadPattern::Port),
            ("::1", BadPattern::Port),
            ("http://example.org", BadPattern::Letters),
            ("b\u{fc}cher.de", BadPattern::Letters),
            ("a b", BadPattern::Letters),
            ("example.org.", BadPattern::Part),
            (".example.org", BadPattern::Part),
            (&"a".repeat(64), BadPattern::Part),
            (&"a.".repeat(127), BadPattern::Long),
        ] {
            assert_eq!(HostPattern::parse(text), Err(why), "{text}");
        }
    }
}
