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

/// The number of `content-length`.
pub const CONTENT_LENGTH: u32 = 23;
/// The number of `host`.
pub const HOST: u32 = 36;
/// The number of `transfer-encoding`.
pub const TRANSFER_ENCODING: u32 = 70;
/// The number of `upgrade`.
pub const UPGRADE: u32 = 71;

/// The number of a lower-case name; 0 when it is not known.
#[must_use]
pub fn id(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let mut place = place(bytes);
    loop {
        let number = PLACES[place];
        match NAMES.get((number as usize).wrapping_sub(1)) {
            None => return 0,
            Some(known) if known.as_bytes() == bytes => return u32::from(number),
            Some(_) => place = (place + 1) % PLACES.len(),
        }
    }
}

/// Numbers where their names are looked for first, or behind that; 0 where nothing is.
const PLACES: [u8; 512] = {
    let mut places = [0; 512];
    let mut at = 0;
    while at < NAMES.len() {
        let mut place = place(NAMES[at].as_bytes());
        while places[place] != 0 {
            place = (place + 1) % places.len();
        }
        at += 1;
        places[place] = at as u8;
    }
    places
};

/// Length and three letters tell the names apart: nearly each has a place of its own.
const fn place(name: &[u8]) -> usize {
    if name.is_empty() {
        return 0;
    }
    let (length, last) = (name.len(), name.len() - 1);
    let letters = name[0] as usize * 7 + name[length / 2] as usize * 31 + name[last] as usize * 3;
    (letters + length * 61) % 512
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
        assert_eq!((id(""), id("Accept"), id("accep"), id("acceptt")), (0, 0, 0, 0));
    }

    #[test]
    fn numbers_with_a_name_are_those_of_their_names() {
        let named = [CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE].map(name);
        let names = ["content-length", "host", "transfer-encoding", "upgrade"].map(Some);
        assert_eq!(named, names);
    }

    /// A host need not look whether one of them must be left out of an environ.
    #[test]
    fn no_name_is_left_out_of_an_environ() {
        assert!(NAMES.iter().all(|name| !name.contains('_') && *name != "proxy"));
    }

    #[test]
    fn nearly_every_name_is_found_at_once() {
        let at_once = |name: &&&str| u32::from(PLACES[place(name.as_bytes())]) == id(name);
        assert!(NAMES.iter().filter(at_once).count() * 10 > NAMES.len() * 8);
    }
}
