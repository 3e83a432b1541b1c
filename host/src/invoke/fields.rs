//! Header fields of responses, from an application's bytes to the host's own memory.
//!
//! Names and values that go to hyper are always the host's: HTTP/2 keeps them after the response.
//! An application sends the same few fields again and again, so each thread keeps the last ones as
//! parsed and compares contents, which is cheaper than parsing and needs no promise of the
//! application that its bytes never change.

use std::cell::RefCell;

use http::HeaderMap;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRANSFER_ENCODING, UPGRADE,
};

/// What a field needs besides being sent. The order is used: the greatest class of a head decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Nothing.
    Plain,
    /// It declares the body's length.
    Length,
    /// It belongs to the connection.
    HopByHop,
}

/// What was found out about a field that was appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) class: Class,
    pub(super) seen: Seen,
}

/// Whether a field was remembered already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    Before,
    First,
}

struct Parsed {
    raw_name: Box<[u8]>,
    name: HeaderName,
    value: HeaderValue,
    class: Class,
}

/// Fields a thread remembers; a power of two.
const REMEMBERED: usize = 64;
/// Longer values are rarely the same twice.
const VALUE_BYTES_MAX: usize = 128;

thread_local! {
    static FIELDS: RefCell<[Option<Parsed>; REMEMBERED]> =
        const { RefCell::new([const { None }; REMEMBERED]) };
}

/// Parses a field and appends it.
///
/// # Errors
/// One line that names the field, when name or value may not go on the wire.
#[inline]
pub(super) fn append(headers: &mut HeaderMap, name: &[u8], value: &[u8]) -> Result<Field, String> {
    FIELDS.with_borrow_mut(|fields| {
        let place = &mut fields[place(name, value)];
        match place {
            Some(known) if *known.raw_name == *name && known.value.as_bytes() == value => {
                put(headers, known.name.clone(), known.value.clone())?;
                Ok(Field { class: known.class, seen: Seen::Before })
            }
            place => {
                let parsed = parse(name, value)?;
                let class = parsed.class;
                put(headers, parsed.name.clone(), parsed.value.clone())?;
                if value.len() <= VALUE_BYTES_MAX {
                    *place = Some(parsed);
                }
                Ok(Field { class, seen: Seen::First })
            }
        }
    })
}

/// Leaves of the connection's fields what says to which protocol it switches.
pub(super) fn strip_all_but_upgrade(headers: &mut HeaderMap) {
    let protocols: Vec<_> = headers.get_all(UPGRADE).iter().cloned().collect();
    strip_hop_by_hop(headers);
    for protocol in protocols {
        headers.append(UPGRADE, protocol);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
}

/// Removes what belongs to the connection and not to the response. `Trailer` stays: who sends the
/// response sends what it names.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|token| token.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    headers.remove("trailers");
}

const HOP_BY_HOP: [HeaderName; 6] =
    [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE];

#[inline]
fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), String> {
    headers.try_append(name, value).map(drop).map_err(|_| String::from("it has too many headers"))
}

/// Where a field is remembered: lengths and a few bytes tell an application's fields apart.
#[inline]
fn place(name: &[u8], value: &[u8]) -> usize {
    let last = value.last().copied().unwrap_or_default();
    let first = name.first().copied().unwrap_or_default();
    (name.len() * 5 + value.len() * 3 + usize::from(first) * 7 + usize::from(last)) % REMEMBERED
}

#[cold]
fn parse(raw_name: &[u8], raw_value: &[u8]) -> Result<Parsed, String> {
    let name = HeaderName::from_bytes(raw_name)
        .map_err(|_| format!("the header name `{}` is not a token", raw_name.escape_ascii()))?;
    let value = HeaderValue::from_bytes(raw_value)
        .map_err(|_| format!("the value of the header `{name}` has control characters"))?;
    let hop_by_hop = HOP_BY_HOP.contains(&name)
        || ["keep-alive", "proxy-connection", "trailers"].contains(&name.as_str());
    let class = if hop_by_hop {
        Class::HopByHop
    } else if name == CONTENT_LENGTH {
        Class::Length
    } else {
        Class::Plain
    };
    Ok(Parsed { raw_name: raw_name.into(), name, value, class })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(given: &[(&str, &str)]) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            append(&mut headers, name.as_bytes(), value.as_bytes())?;
        }
        strip_hop_by_hop(&mut headers);
        Ok(headers)
    }

    #[test]
    fn repeated_fields_are_kept_and_remembered_ones_are_compared() {
        for value in ["a=1", "a=2", "a=1"] {
            let headers = fields(&[("Set-Cookie", value), ("set-cookie", "b=1")]).unwrap();
            let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
            assert_eq!(cookies, [value, "b=1"]);
        }
    }

    #[test]
    fn what_splits_a_response_is_refused() {
        for (name, value) in [
            ("X", "a\r\nSet-Cookie: b"),
            ("X", "a\nb"),
            ("X", "a\0"),
            ("X Y", "a"),
            ("", "a"),
            ("X:", "a"),
        ] {
            assert!(fields(&[(name, value)]).is_err(), "{name:?}: {value:?} was taken");
        }
        assert!(fields(&[("X", "tab\tis fine")]).is_ok());
    }

    #[test]
    fn hop_by_hop_fields_are_dropped_with_what_connection_names() {
        let headers = fields(&[
            ("Connection", "X-Private, close"),
            ("X-Private", "1"),
            ("Keep-Alive", "timeout=5"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("X-Public", "2"),
        ])
        .unwrap();
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-public"]);
    }
}
