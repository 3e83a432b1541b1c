//! The head of a request as the boundary describes it, laid out when somebody first asks.
//!
//! Everything points into the exchange or into the view itself; both live until the last handle is
//! released.

use std::borrow::Cow;

use dsgi::abi::grown::{Head, head_flag};
use dsgi::abi::known;
use dsgi::abi::leaf::{Header, Str};
use dsgi::abi::pointer::{Growable, In};
use http::header::{CONTENT_LENGTH, HOST};
use http::{Version, uri};

use super::Exchange;
use crate::path;

/// A head and what it points to beside the exchange.
pub(super) struct View {
    head: Head,
    _rows: Vec<Header>,
    _variables: Vec<Header>,
    _texts: Texts,
}

struct Texts {
    target: Cow<'static, str>,
    path_info: Vec<u8>,
    server_name: String,
}

const SOFTWARE: &str = concat!("dsgi-host/", env!("CARGO_PKG_VERSION"));

impl Exchange {
    /// The head, laid out once.
    pub(super) fn view(&self) -> &View {
        self.view.get_or_init(|| Box::new(View::of(self)))
    }

    /// Host and port as the client named them.
    fn authority(&self) -> &str {
        let uri = self.head.uri.authority().map(uri::Authority::as_str);
        uri.or_else(|| self.head.headers.get(HOST)?.to_str().ok()).unwrap_or_default()
    }
}

impl View {
    fn of(exchange: &Exchange) -> Self {
        let texts = Texts {
            target: target(exchange),
            path_info: path_info(exchange),
            server_name: server_name(exchange),
        };
        let rows = rows(exchange);
        let variables: Vec<Header> =
            exchange.variables.iter().map(|(name, value)| row(name, value)).collect();
        let length = content_length(exchange);
        let run =
            if exchange.mounted.lease.member(0).is_none() { 0 } else { head_flag::MULTITHREAD };
        let head = Head {
            protocol: protocol(exchange.head.version),
            flags: run | length.map_or(0, |_| head_flag::LENGTH),
            server_port: exchange.origin.local.map_or(80, |local| u32::from(local.port())),
            remote_port: exchange.origin.remote.map_or(0, |remote| u32::from(remote.port())),
            header_stride: size_of::<Header>() as u32,
            header_count: u32::try_from(rows.len()).unwrap_or(0),
            variable_count: u32::try_from(variables.len()).unwrap_or(0),
            method: text(exchange.head.method.as_str()),
            scheme: text(exchange.head.uri.scheme_str().unwrap_or("http")),
            authority: text(exchange.authority()),
            target: text(&texts.target),
            script_name: text(&exchange.mounted.script_name),
            path_info: Str::lend(&texts.path_info),
            query: text(exchange.head.uri.query().unwrap_or_default()),
            server_name: text(&texts.server_name),
            remote_address: text(&exchange.origin.remote_address),
            gateway: text(exchange.origin.gateway),
            software: text(SOFTWARE),
            headers: rows.as_ptr(),
            variables: variables.as_ptr(),
            content_length: length.unwrap_or(0),
            generation: exchange.mounted.lease.application().map_or(0, |app| app.number()),
            ..Growable::absent()
        };
        Self { head, _rows: rows, _variables: variables, _texts: texts }
    }

    pub(super) const fn head(&self) -> In<Head> {
        In::lend(&self.head)
    }
}

/// Header fields as rows. Names with an underscore are left out, because `X_User` and `X-User` are
/// one CGI name, and `Proxy`, because its CGI name configures clients (httpoxy).
fn rows(exchange: &Exchange) -> Vec<Header> {
    let fields = exchange.head.headers.iter();
    fields
        .filter(|(name, _)| !name.as_str().contains('_') && name.as_str() != "proxy")
        .map(|(name, value)| row(name.as_str(), value.as_bytes()))
        .collect()
}

fn row(name: &str, value: &[u8]) -> Header {
    Header { id: known::id(name), reserved: 0, name: text(name), value: Str::lend(value) }
}

const fn text(text: &str) -> Str {
    Str::lend(text.as_bytes())
}

/// The target as received. An absolute target was taken apart by the parser, and is put together.
fn target(exchange: &Exchange) -> Cow<'static, str> {
    let uri = &exchange.head.uri;
    if uri.scheme().is_some() && exchange.head.version < Version::HTTP_2 {
        return Cow::Owned(uri.to_string());
    }
    match uri.path_and_query() {
        Some(target) => Cow::Owned(target.as_str().to_owned()),
        None => Cow::Owned(uri.to_string()),
    }
}

fn path_info(exchange: &Exchange) -> Vec<u8> {
    let path = exchange.head.uri.path();
    let rest = path.get(exchange.mounted.script_length..).unwrap_or_default();
    path::decode(rest).into_owned()
}

/// The name the client asked for, or the address it reached: PEP 3333 forbids an empty one.
fn server_name(exchange: &Exchange) -> String {
    let authority = exchange.authority();
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    };
    if !name.is_empty() {
        return name.to_owned();
    }
    let local = exchange.origin.local.map(|local| local.ip().to_string());
    local.unwrap_or_else(|| String::from("localhost"))
}

fn content_length(exchange: &Exchange) -> Option<u64> {
    exchange.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn protocol(version: Version) -> u32 {
    match version {
        Version::HTTP_09 => 9,
        Version::HTTP_10 => 10,
        Version::HTTP_2 => 20,
        Version::HTTP_3 => 30,
        _ => 11,
    }
}
