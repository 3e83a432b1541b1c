//! The host that a request names.
//!
//! Mounts are looked up by it, see `pattern`. It is compared without its port and in lower case; a
//! dot at its end says nothing. Names of other alphabets are as they travel, in their ASCII form.

use std::borrow::Cow;

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
}
