//! What fuzzing asks of the mapping from variables to a request, whatever they are: a request that
//! could have come over HTTP, or a refusal; in whatever order they came.
//!
//! An input is names and values in turn, each ended by a NUL.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{Method, Uri};

use super::{Extent, Mapped, Refusal};
use crate::limits::Limits;
use crate::message::Origin;

pub(crate) fn variables(input: &[u8]) {
    let texts: Vec<Bytes> = input.split(|byte| *byte == 0).map(Bytes::copy_from_slice).collect();
    let mut pairs: Vec<(Bytes, Bytes)> =
        texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let limits = Limits { target_bytes: 200, header_count: 8, ..Limits::default() };
    let request =
        |pairs: &[(Bytes, Bytes)]| super::request(pairs.iter().cloned(), &Origin::cgi(), &limits).1;
    let mapped = request(&pairs);
    match &mapped {
        Ok(mapped) => could_be_http(mapped, &pairs, &limits),
        Err(refusal) => refused(*refusal),
    }
    // Values of one name stay in the order in which they came.
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    match (request(&pairs), mapped) {
        (Ok(sorted), Ok(mapped)) => same(sorted, mapped),
        (sorted, mapped) => assert_eq!(sorted.is_ok(), mapped.is_ok(), "in another order"),
    }
}

fn could_be_http(mapped: &Mapped, pairs: &[(Bytes, Bytes)], limits: &Limits) {
    let Mapped { request, origin, extent } = mapped;
    let fields = request.headers();
    let count = |name| fields.get_all(name).iter().count();
    assert!(fields.len() <= limits.header_count);
    assert!(!fields.contains_key("proxy"), "httpoxy");
    assert!(fields.keys().all(|name| !name.as_str().contains('_')), "names of their own");
    assert!(count(HOST) <= 1 && count(CONTENT_LENGTH) <= 1 && count(CONTENT_TYPE) <= 1);
    let said = fields.get(CONTENT_LENGTH).map(|length| length.to_str().expect("digits"));
    match *extent {
        Extent::Bytes(0) if said.is_none() => {}
        Extent::Bytes(bytes) => assert_eq!(said, Some(&*bytes.to_string())),
        Extent::UntilItsEnd => assert_eq!(said, None, "a length of what has none"),
    }
    assert!(said.is_none() || !fields.contains_key(TRANSFER_ENCODING), "two lengths");
    assert_ne!(request.method(), Method::CONNECT);
    let target = request.uri().path_and_query().expect("a path").as_str();
    assert!(target.starts_with('/') || (target == "*" && request.method() == Method::OPTIONS));
    assert!(target.len() <= limits.target_bytes);
    let given = pairs.iter().rfind(|(name, _)| name == "REQUEST_URI").map(|(_, value)| value);
    if let Some(given) = given
        && given.starts_with(b"/")
        && given.contains(&b'?')
        && !given.contains(&b'#')
    {
        assert_eq!(target.as_bytes(), given, "the target as it was sent");
    }
    assert_eq!(request.uri(), &request.uri().to_string().parse::<Uri>().expect("a target"));
    assert!(origin.server_name.as_deref() != Some(""), "no name at all");
    assert!(origin.server_name.is_some() || origin.local.is_some());
    let remote = origin.remote.map(|remote| remote.ip().to_string()).unwrap_or_default();
    assert_eq!(origin.remote_address, remote);
    assert!(matches!(origin.scheme, "http" | "https"));
    for (name, value) in &origin.variables {
        let last = pairs.iter().rfind(|(known, _)| known == name).map(|(_, value)| value);
        assert!(!value.is_empty() && last == Some(value), "the last one of {name:?}");
        assert!(!name.starts_with(b"HTTP_") && !name.starts_with(b"dsgi."), "{name:?} is ours");
        assert!(std::str::from_utf8(name).is_ok(), "{name:?} is no name");
        let count = origin.variables.iter().filter(|(known, _)| known == name).count();
        assert_eq!(count, 1, "{name:?}");
    }
}

fn same(mut one: Mapped, mut other: Mapped) {
    one.origin.variables.sort();
    other.origin.variables.sort();
    let line = |mapped: &Mapped| {
        let request = &mapped.request;
        (request.method().clone(), request.uri().clone(), request.version())
    };
    assert_eq!(line(&one), line(&other));
    assert_eq!(one.request.headers(), other.request.headers());
    assert_eq!(one.extent, other.extent);
    assert_eq!(format!("{:?}", one.origin), format!("{:?}", other.origin));
}

fn refused(refusal: Refusal) {
    let response = refusal.into_response();
    assert!(response.status().is_client_error() || response.status() == 501, "{refusal}");
}
