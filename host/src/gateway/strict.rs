//! What HTTP requires of a request, whichever gateway has it: what hyper lets pass, and all of it
//! where a front server gives variables.
//!
//! hyper parses strictly where it parses at all; this is the rest: Host count and form, transfer
//! codings, and the form of the target. Bare line feeds between fields never reach us: hyper takes
//! them as line ends.

use std::cell::RefCell;

use http::header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use http_body::Body;

use crate::dispatch::page;
use crate::invoke::answer::Wanted;
use crate::limits::Limits;
use crate::message::Response;

/// Why a request is not dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Refusal {
    /// RFC 9112 3.2: HTTP/1.1 has exactly one Host.
    #[error("an HTTP/1.1 request has exactly one Host")]
    HostCount,
    /// RFC 9110 7.2.
    #[error("the Host is not a host and a port")]
    HostForm,
    /// RFC 9112 6.1: we know no other coding.
    #[error("the only transfer coding known here is chunked, once")]
    TransferCoding,
    /// RFC 9112 3.2.
    #[error("the target does not fit the method")]
    TargetForm,
    /// Longer than the limit.
    #[error("the target is too long")]
    TargetLength,
    /// More fields than the limit.
    #[error("the head has too many fields")]
    FieldCount,
    /// RFC 9110 9.3.6: this is not a proxy.
    #[error("CONNECT is for proxies")]
    Connect,
    /// A front server gave none, or one that is not a token.
    #[error("the request has no method")]
    Method,
    /// A front server gave none that is a number, or two.
    #[error("the length of the body is not one number")]
    Length,
    /// A front server let control characters pass.
    #[error("a field has control characters")]
    FieldValue,
}

impl Refusal {
    #[cold]
    pub(super) fn into_response(self) -> Response {
        let status = match self {
            Self::TargetLength => StatusCode::URI_TOO_LONG,
            Self::FieldCount => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Connect => StatusCode::NOT_IMPLEMENTED,
            Self::HostCount
            | Self::HostForm
            | Self::TransferCoding
            | Self::TargetForm
            | Self::Method
            | Self::Length
            | Self::FieldValue => StatusCode::BAD_REQUEST,
        };
        let mut response = page(status, &self.to_string());
        // What follows on this connection cannot be trusted to begin where we think it does.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        response
    }
}

/// Checks what hyper has parsed.
#[inline]
pub(super) fn check<B>(
    request: &Request<B>,
    body: Framing,
    target_bytes: usize,
    known: &KnownHost,
) -> Result<(), Refusal> {
    target(request, target_bytes)?;
    host(request, known)?;
    match body {
        // Without a body there is no coding that could be misread.
        Framing::None => Ok(()),
        Framing::Some => coding(request.headers()),
    }
}

#[inline(always)]
fn target<B>(request: &Request<B>, target_bytes: usize) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if target.len() > target_bytes {
        return Err(Refusal::TargetLength);
    }
    let origin = target.as_bytes().first() == Some(&b'/');
    let asterisk = target == "*" && request.method() == Method::OPTIONS;
    if !origin && !asterisk { Err(Refusal::TargetForm) } else { Ok(()) }
}

/// Checks what a front server's variables said. A client of HTTP/1.1 has to name a host; whoever
/// speaks to us here need not have had such a client.
pub(super) fn mapped(request: &mut Request<()>, limits: &Limits) -> Result<(), Refusal> {
    target(request, limits.target_bytes)?;
    if request.headers().contains_key(HOST) {
        host(request, &KnownHost::default())?;
    }
    // Behind the one that may be added.
    name_host(request)?;
    count(request, limits.header_count)
}

/// Counts fields over HTTP/2; over HTTP/1 hyper has done so while it parsed them.
#[inline]
pub(super) fn count<B>(request: &Request<B>, most: usize) -> Result<(), Refusal> {
    if request.headers().len() > most { Err(Refusal::FieldCount) } else { Ok(()) }
}

/// Lets the authority of an absolute target be the Host, whatever that says (RFC 9112 3.2.2); over
/// HTTP/2 it is usually the only one (RFC 9113 8.3.1).
#[inline]
pub(super) fn name_host<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    let Some(authority) = request.uri().authority() else { return Ok(()) };
    let host = HeaderValue::from_str(authority.as_str()).ok().filter(is_host);
    request.headers_mut().insert(HOST, host.ok_or(Refusal::HostForm)?);
    Ok(())
}

/// Whether a request asks for another protocol: over HTTP/1.1, and where its `Connection` says that
/// `Upgrade` is meant for us (RFC 9110 7.8). One with a body cannot, which would come first.
#[cold]
pub(super) fn upgrade<B: Body>(request: &Request<B>, wanted: Wanted) -> Wanted {
    let fields = |name| request.headers().get_all(name).iter();
    let tokens = fields(CONNECTION).flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_meant = tokens.map(<[u8]>::trim_ascii).any(|it| it.eq_ignore_ascii_case(b"upgrade"));
    let asks = is_meant
        && wanted == Wanted::All
        && request.version() == Version::HTTP_11
        && request.body().is_end_stream();
    match fields(UPGRADE).next() {
        Some(to) if asks && to.as_bytes().eq_ignore_ascii_case(b"websocket") => Wanted::WebSocket,
        Some(_) if asks => Wanted::Upgrade,
        _ => wanted,
    }
}

/// Whether a request has a body, as hyper has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Some,
}

/// The last Host of a connection that was accepted.
///
/// A client names the same one in nearly every request, and comparing costs less than reading it
/// again.
#[derive(Debug, Default)]
pub(super) struct KnownHost(RefCell<Box<[u8]>>);

impl KnownHost {
    #[inline]
    fn accepts(&self, host: &HeaderValue) -> bool {
        let known = **self.0.borrow() == *host.as_bytes();
        known || self.accepts_new(host)
    }

    fn accepts_new(&self, host: &HeaderValue) -> bool {
        let accepted = is_host(host);
        if accepted {
            *self.0.borrow_mut() = host.as_bytes().into();
        }
        accepted
    }
}

#[inline]
fn host<B>(request: &Request<B>, known: &KnownHost) -> Result<(), Refusal> {
    let headers = request.headers();
    // Nearly every client sends Host first, and looking there costs less than looking it up.
    let first = headers.iter().next().filter(|(name, _)| *name == HOST);
    match first.map(|(_, host)| host).or_else(|| headers.get(HOST)) {
        // Counting keys is cheaper than walking values, and nearly no head repeats a name.
        Some(_) if headers.len() != headers.keys_len() && repeats_host(headers) => {
            Err(Refusal::HostCount)
        }
        Some(host) if known.accepts(host) => Ok(()),
        Some(_) => Err(Refusal::HostForm),
        None if request.version() != Version::HTTP_11 => Ok(()),
        None => Err(Refusal::HostCount),
    }
}

#[cold]
fn repeats_host(headers: &HeaderMap) -> bool {
    headers.get_all(HOST).iter().count() > 1
}

/// Bytes of names and of IPv4 addresses.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let known = byte as u8;
        plain[byte] = known.is_ascii_alphanumeric() || matches!(known, b'.' | b'-' | b'_');
        byte += 1;
    }
    plain
};

/// `host` or `host:port` without user information; empty is allowed by RFC 9112.
fn is_host(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    let name = host.iter().take_while(|byte| PLAIN[usize::from(**byte)]).count();
    match &host[name..] {
        [] => true,
        [b':', port @ ..] => port.iter().all(u8::is_ascii_digit) && port.len() <= 5,
        _ => !host.contains(&b'@') && Authority::try_from(host).is_ok(),
    }
}

fn coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Refusal::TransferCoding),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn checked(
        version: Version,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Option<Refusal> {
        let mut request = Request::builder().version(version).method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap(), Framing::Some, 16, &KnownHost::default()).err()
    }

    #[test]
    fn hosts_are_counted_and_read() {
        let get = |fields: &[(&str, &str)]| checked(Version::HTTP_11, "GET", "/", fields);
        for fine in ["a", "a.example:80", "[::1]:8080", "127.0.0.1", "", "a_b"] {
            assert_eq!(get(&[("host", fine)]), None, "{fine}");
        }
        for wrong in ["a b", "a@b", "a:port", "a/b", "a:123456"] {
            assert_eq!(get(&[("host", wrong)]), Some(Refusal::HostForm), "{wrong}");
        }
        assert_eq!(get(&[]), Some(Refusal::HostCount));
        assert_eq!(get(&[("host", "a"), ("host", "a")]), Some(Refusal::HostCount));
        assert_eq!(checked(Version::HTTP_10, "GET", "/", &[]), None);
    }

    #[test]
    fn a_known_host_is_no_other() {
        let known = KnownHost::default();
        for (host, fine) in [("a:1", true), ("a:1", true), ("a@1", false), ("a:1", true)] {
            assert_eq!(known.accepts(&HeaderValue::from_static(host)), fine, "{host}");
        }
    }

    #[test]
    fn codings_and_targets_are_checked() {
        let post = |coding: &[(&str, &str)]| {
            let fields: Vec<_> = [("host", "a")].iter().chain(coding).copied().collect();
            checked(Version::HTTP_11, "POST", "/", &fields)
        };
        assert_eq!(post(&[("transfer-encoding", "Chunked")]), None);
        for wrong in ["chunked, chunked", "gzip, chunked", "identity", "xchunked"] {
            let refused = post(&[("transfer-encoding", wrong)]);
            assert_eq!(refused, Some(Refusal::TransferCoding), "{wrong}");
        }
        let host = [("host", "a")];
        let target = |method, target| checked(Version::HTTP_11, method, target, &host);
        assert_eq!(target("OPTIONS", "*"), None);
        assert_eq!(target("GET", "*"), Some(Refusal::TargetForm));
        assert_eq!(target("CONNECT", "a:1"), Some(Refusal::Connect));
        assert_eq!(target("GET", "/0123456789abcdef"), Some(Refusal::TargetLength));
    }
}
