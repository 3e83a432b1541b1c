//! Fields behind a body, of a request and of a response.
//!
//! Behind a body stands nothing that frames the message, routes it, or belongs to its head: a
//! front server that looks at heads only would be got round (RFC 9110 6.5.1).

use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

use crate::lease::Lease;

/// What an application gives, as it may be sent; what may not is left out, and the log is told.
#[cold]
pub(super) fn of_response(fields: Vec<(String, Vec<u8>)>, lease: &Lease) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let read = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value));
        let taken = match read {
            (Ok(name), Ok(value)) if !is_of_a_head(&name) => map.try_append(name, value).is_ok(),
            _ => false,
        };
        if !taken {
            let (app, name) = (lease.name(), name.escape_default());
            tracing::warn!(app, "the trailer `{name}` is no field for behind a body; left out");
        }
    }
    map
}

/// What a client has sent, as far as an application gets it: names as for fields of the head.
#[cold]
pub(super) fn of_request(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let passes = |name: &HeaderName| {
        !is_of_a_head(name) && !name.as_str().contains('_') && name.as_str() != "proxy"
    };
    let fields = map.iter().filter(|(name, _)| passes(name));
    fields.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn is_of_a_head(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 27] = [
        header::AGE,
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::DATE,
        header::EXPECT,
        header::EXPIRES,
        header::HOST,
        header::LOCATION,
        header::MAX_FORWARDS,
        header::PRAGMA,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::RANGE,
        header::RETRY_AFTER,
        header::SET_COOKIE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::VARY,
        header::WWW_AUTHENTICATE,
    ];
    NAMES.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "trailers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_request_passes_what_is_no_part_of_a_head() {
        let mut map = HeaderMap::new();
        for name in ["x-sum", "content-length", "host", "x_sum", "proxy", "keep-alive", "x-sum"] {
            map.append(name, HeaderValue::from_static("1"));
        }
        let sum = || (String::from("x-sum"), b"1".to_vec());
        assert_eq!(of_request(&map), [sum(), sum()]);
    }
}
