//! Header names with a number, so that neither side parses them again.
//!
//! Numbers are positions in [`NAMES`] plus one, so the list is sorted once and frozen with ABI 1;
//! names that matter later get a second list behind it.

/// Known names in lower case; the name with number `n` stands at `n - 1`.
pub const NAMES: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-request-headers",
    "access-control-request-method",
    "age",
    "allow",
    "alt-svc",
    "authorization",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-security-policy",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "referrer-policy",
    "retry-after",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-content-type-options",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-frame-options",
    "x-request-id",
];

/// The number of a lower-case name; 0 when it is not known.
#[must_use]
pub fn id(name: &str) -> u32 {
    NAMES.binary_search(&name).ok().and_then(|at| u32::try_from(at + 1).ok()).unwrap_or(0)
}

/// The name with this number.
#[must_use]
pub fn name(id: u32) -> Option<&'static str> {
    NAMES.get((id as usize).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_its_number() {
        for (at, known) in NAMES.iter().enumerate() {
            let number = u32::try_from(at + 1).unwrap();
            assert_eq!((id(known), name(number)), (number, Some(*known)));
        }
        assert_eq!((id("x-unknown"), name(0), name(10_000)), (0, None, None));
    }
}
