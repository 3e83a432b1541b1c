//! From the variables of a front server to a request and its origin, for every gateway that is
//! given some.
//!
//! Fronts agree about the raw target and about little else (measured on six of them), so the path
//! comes from `REQUEST_URI`, and where mounts are is the host's own business. From here on a
//! request goes the way of one over HTTP. Invariant: what a client may set, which is its target and
//! its fields, is refused or given on as it would be over HTTP.

mod beside;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use self::beside::Beside;
use super::strict::{self, Refusal};
use crate::invoke::answer::Wanted;
use crate::limits::Limits;
use crate::message::Origin;
use crate::wire::Variables;

/// A request without its body.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) request: Request<()>,
    pub(super) origin: Origin,
    pub(super) extent: Extent,
}

/// How long a body is, as far as the front knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// None is zero bytes.
    Bytes(u64),
    UntilItsEnd,
}

/// What is not a field of the request, as it was given last; empty ones were not given.
#[derive(Debug, Default)]
struct Meta {
    method: Bytes,
    target: Bytes,
    script_name: Bytes,
    path_info: Bytes,
    document: Bytes,
    query: Bytes,
    protocol: Bytes,
    scheme: Bytes,
    server_name: Bytes,
    server_address: Bytes,
    server_port: Bytes,
    remote_address: Bytes,
    remote_port: Bytes,
    content_type: Bytes,
    content_length: Option<Bytes>,
    headers: HeaderMap,
    beside: Beside,
    /// What was wrong first.
    fault: Option<Refusal>,
}

/// Makes a request of variables, in the order in which they came; `origin` is its connection's.
/// What the client wants is known even if the rest is refused.
pub(super) fn request(
    variables: impl IntoIterator<Item = (Bytes, Bytes)>,
    origin: &Origin,
    limits: &Limits,
) -> (Wanted, Result<Mapped, Refusal>) {
    let mut meta = Meta::default();
    for (name, value) in variables {
        if let Err(fault) = meta.take(name, value) {
            meta.fault.get_or_insert(fault);
        }
    }
    let wanted = if *meta.method == *b"HEAD" { Wanted::Head } else { Wanted::All };
    (wanted, meta.map(origin, limits))
}

impl Meta {
    fn map(mut self, origin: &Origin, limits: &Limits) -> Result<Mapped, Refusal> {
        self.fault.take().map_or(Ok(()), Err)?;
        let extent = self.extent()?;
        self.lay_content()?;
        let target = self.target(limits.target_bytes)?;
        let mut origin = self.origin(origin);
        origin.variables = self.beside.into_variables();
        let mut request = Request::new(());
        *request.method_mut() = Method::from_bytes(&self.method).map_err(|_| Refusal::Method)?;
        *request.uri_mut() = target;
        *request.version_mut() = version(&self.protocol);
        *request.headers_mut() = self.headers;
        strict::mapped(&mut request, limits)?;
        Ok(Mapped { request, origin, extent })
    }

    fn take(&mut self, name: Bytes, value: Bytes) -> Result<(), Refusal> {
        if let Some(field) = name.strip_prefix(b"HTTP_") {
            return self.take_field(field, value);
        }
        if *name == *b"CONTENT_LENGTH" && !value.is_empty() {
            let before = self.content_length.replace(value);
            let conflict = before.is_some_and(|before| Some(before) != self.content_length);
            return if conflict { Err(Refusal::Length) } else { Ok(()) };
        }
        let place = match &*name {
            b"REQUEST_METHOD" => &mut self.method,
            b"REQUEST_URI" => &mut self.target,
            b"SCRIPT_NAME" => &mut self.script_name,
            b"PATH_INFO" => &mut self.path_info,
            b"DOCUMENT_URI" => &mut self.document,
            b"QUERY_STRING" => &mut self.query,
            b"SERVER_PROTOCOL" => &mut self.protocol,
            b"REQUEST_SCHEME" => &mut self.scheme,
            b"SERVER_NAME" => &mut self.server_name,
            b"SERVER_ADDR" => &mut self.server_address,
            b"SERVER_PORT" => &mut self.server_port,
            b"REMOTE_ADDR" => &mut self.remote_address,
            b"REMOTE_PORT" => &mut self.remote_port,
            b"CONTENT_TYPE" => &mut self.content_type,
            _ => {
                self.beside.take(name, value);
                return Ok(());
            }
        };
        *place = value;
        Ok(())
    }

    /// A field of the request, by its CGI name. One that is there twice stays so: the environ joins
    /// both, as it does over HTTP.
    fn take_field(&mut self, field: &[u8], value: Bytes) -> Result<(), Refusal> {
        // No front writes small letters or dashes: what has some was not made by its rules.
        let foreign = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'-';
        // `Proxy` configures clients (httpoxy), and the other two have variables of their own.
        let reserved = matches!(field, b"PROXY" | b"CONTENT_TYPE" | b"CONTENT_LENGTH");
        if reserved || field.iter().any(foreign) {
            return Ok(());
        }
        let mut name = field.to_ascii_lowercase();
        name.iter_mut().filter(|byte| **byte == b'_').for_each(|byte| *byte = b'-');
        let Ok(name) = HeaderName::from_bytes(&name) else { return Ok(()) };
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| Refusal::FieldValue)?;
        self.headers.append(name, value);
        Ok(())
    }

    /// Nobody knows the length of a body in chunks: Caddy says -1, and others nothing but that
    /// there were some.
    fn extent(&mut self) -> Result<Extent, Refusal> {
        let Some(text) = self.content_length.as_deref().filter(|text| *text != b"-1") else {
            let chunked =
                self.content_length.is_some() || self.headers.contains_key(TRANSFER_ENCODING);
            return Ok(if chunked { Extent::UntilItsEnd } else { Extent::Bytes(0) });
        };
        let digits = text.iter().all(u8::is_ascii_digit).then_some(text);
        let number = digits.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let length: u64 = number.ok_or(Refusal::Length)?;
        self.headers.insert(CONTENT_LENGTH, length.into());
        // The front has undone it, and says so beside the length.
        self.headers.remove(TRANSFER_ENCODING);
        Ok(Extent::Bytes(length))
    }

    /// What of the body is told among the fields.
    fn lay_content(&mut self) -> Result<(), Refusal> {
        if !self.content_type.is_empty() {
            let kind = HeaderValue::from_maybe_shared(self.content_type.clone());
            self.headers.insert(CONTENT_TYPE, kind.map_err(|_| Refusal::FieldValue)?);
        }
        Ok(())
    }

    /// The target as the client sent it, or put together where the front does not tell.
    fn target(&self, most: usize) -> Result<Uri, Refusal> {
        let mut target = BytesMut::new();
        if !self.target.is_empty() {
            if self.query.is_empty() || self.target.contains(&b'?') {
                return parse(self.target.clone(), most);
            }
            target.put_slice(&self.target);
        } else if self.script_name.is_empty() && self.path_info.is_empty() {
            target.put_slice(if self.document.is_empty() { b"/" } else { &self.document });
        } else {
            for part in [&self.script_name, &self.path_info] {
                percent_encode(part, OUTSIDE).for_each(|text| target.put_slice(text.as_bytes()));
            }
        }
        if !self.query.is_empty() {
            target.put_u8(b'?');
            target.put_slice(&self.query);
        }
        parse(target.freeze(), most)
    }

    /// Who is at both ends, as the front tells; without it, as the connection does.
    fn origin(&self, connection: &Origin) -> Origin {
        let scheme = self.scheme().unwrap_or(connection.scheme);
        let remote = address(&self.remote_address)
            .map(|ip| SocketAddr::new(ip, number(&self.remote_port).unwrap_or(0)));
        let port = number(&self.server_port).unwrap_or(if scheme == "https" { 443 } else { 80 });
        let name = std::str::from_utf8(&self.server_name).unwrap_or_default();
        let name = match name.rsplit_once(':') {
            Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
            _ => name,
        };
        let local = address(&self.server_address);
        let named = || String::from(if name.is_empty() { "localhost" } else { name });
        Origin {
            gateway: connection.gateway,
            remote,
            local: Some(SocketAddr::new(local.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), port)),
            remote_address: remote.map(|remote| remote.ip().to_string()).unwrap_or_default(),
            scheme,
            server_name: (!name.is_empty() || local.is_none()).then(|| named().into()),
            variables: Variables::new(),
            run: connection.run,
            trusted: connection.trusted.clone(),
            errors: None,
        }
    }

    fn scheme(&self) -> Option<&'static str> {
        match &*self.scheme {
            scheme if scheme.eq_ignore_ascii_case(b"https") => return Some("https"),
            scheme if scheme.eq_ignore_ascii_case(b"http") => return Some("http"),
            _ => {}
        }
        let on: [&[u8]; 3] = [b"on", b"1", b"yes"];
        let said = self.beside.value("HTTPS");
        on.iter().any(|on| said.eq_ignore_ascii_case(on)).then_some("https")
    }
}

/// What is written as an escape in a path that was decoded before.
const OUTSIDE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

fn parse(target: Bytes, most: usize) -> Result<Uri, Refusal> {
    if target.len() > most {
        return Err(Refusal::TargetLength);
    }
    Uri::from_maybe_shared(target).map_err(|_| Refusal::TargetForm)
}

fn version(protocol: &[u8]) -> Version {
    match protocol {
        b"HTTP/0.9" => Version::HTTP_09,
        b"HTTP/1.0" => Version::HTTP_10,
        b"HTTP/2" | b"HTTP/2.0" => Version::HTTP_2,
        b"HTTP/3" | b"HTTP/3.0" => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
