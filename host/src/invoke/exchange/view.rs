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
use super::changes::{Derived, Part};
use crate::message::Origin;
use crate::path;

/// A head and what it points to beside the exchange, or beside the one that this was derived from.
pub(super) struct View {
    head: Head,
    rows: Vec<Header>,
    variables: Vec<Header>,
    target: Cow<'static, str>,
    path_info: Vec<u8>,
    server_name: String,
}

const SOFTWARE: &str = concat!("dsgi-host/", env!("CARGO_PKG_VERSION"));

impl Exchange {
    /// The head, laid out once.
    pub(super) fn view(&self) -> &View {
        self.view.get_or_init(|| {
            Box::new(match &self.derived {
                None => View::of(self),
                Some(derived) => View::changed(self, derived),
            })
        })
    }

    /// Host and port as the client named them.
    fn authority(&self) -> &str {
        let uri = self.head.uri.authority().map(uri::Authority::as_str);
        uri.or_else(|| self.fields().get(HOST)?.to_str().ok()).unwrap_or_default()
    }
}

impl View {
    fn of(exchange: &Exchange) -> Self {
        let (lease, origin) = (&exchange.mounted.lease, &exchange.origin);
        let run = if lease.member(0).is_none() { 0 } else { origin.run };
        let mut view = Self::with(Head {
            protocol: protocol(exchange.head.version),
            flags: run,
            server_port: origin.local.map_or(80, |local| u32::from(local.port())),
            remote_port: origin.remote.map_or(0, |remote| u32::from(remote.port())),
            header_stride: size_of::<Header>() as u32,
            method: text(exchange.head.method.as_str()),
            script_name: text(&exchange.mounted.script_name),
            remote_address: text(&origin.remote_address),
            gateway: text(origin.gateway),
            software: text(SOFTWARE),
            generation: lease.application().map_or(0, |app| app.number()),
            ..Growable::absent()
        });
        view.lay_target(exchange);
        view.lay_fields(exchange);
        view
    }

    /// What the parent has laid out stays where it is.
    fn changed(exchange: &Exchange, derived: &Derived) -> Self {
        let mut view = Self::with(derived.parent.view().head);
        view.head.method = text(exchange.head.method.as_str());
        if derived.target == Part::Changed {
            view.head.script_name = text(&exchange.mounted.script_name);
            view.lay_target(exchange);
        }
        if derived.fields == Part::Changed {
            view.lay_fields(exchange);
        }
        if let Some(variables) = &derived.variables {
            view.variables = variables.iter().map(|(name, value)| row(name, value)).collect();
            view.head.variables = view.variables.as_ptr();
            view.head.variable_count = count(&view.variables);
        }
        view
    }

    fn with(head: Head) -> Self {
        let (rows, variables, path_info) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            head,
            rows,
            variables,
            target: Cow::Borrowed(""),
            path_info,
            server_name: String::new(),
        }
    }

    fn lay_target(&mut self, exchange: &Exchange) {
        let uri = &exchange.head.uri;
        (self.target, self.path_info) = (target(exchange), path_info(exchange));
        self.head.scheme = text(uri.scheme_str().unwrap_or(exchange.origin.scheme));
        self.head.target = text(&self.target);
        self.head.path_info = Str::lend(&self.path_info);
        self.head.query = text(uri.query().unwrap_or_default());
    }

    fn lay_fields(&mut self, exchange: &Exchange) {
        let length = content_length(exchange);
        (self.rows, self.server_name) = (rows(exchange), server_name(exchange));
        self.head.headers = self.rows.as_ptr();
        self.head.header_count = count(&self.rows);
        self.head.authority = text(exchange.authority());
        self.head.server_name = text(&self.server_name);
        self.head.content_length = length.unwrap_or(0);
        let others = self.head.flags & !head_flag::LENGTH;
        self.head.flags = others | length.map_or(0, |_| head_flag::LENGTH);
    }

    pub(super) const fn head(&self) -> In<Head> {
        In::lend(&self.head)
    }
}

/// Header fields as rows. Names with an underscore are left out, because `X_User` and `X-User` are
/// one CGI name, and `Proxy`, because its CGI name configures clients (httpoxy).
fn rows(exchange: &Exchange) -> Vec<Header> {
    let fields = exchange.fields();
    let mut rows = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let row = row(name.as_str(), value.as_bytes());
        // No name with a number is one of these.
        if row.id != 0 || !is_left_out(name.as_str()) {
            rows.push(row);
        }
    }
    rows
}

fn is_left_out(name: &str) -> bool {
    name.bytes().any(|byte| byte == b'_') || name == "proxy"
}

fn row(name: &str, value: &[u8]) -> Header {
    Header { id: known::id(name), reserved: 0, name: text(name), value: Str::lend(value) }
}

fn count(rows: &[Header]) -> u32 {
    u32::try_from(rows.len()).unwrap_or(0)
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
    let Origin { server_name, local, .. } = &*exchange.origin;
    if let Some(name) = server_name {
        return name.to_string();
    }
    local.map_or_else(|| String::from("localhost"), |local| local.ip().to_string())
}

fn content_length(exchange: &Exchange) -> Option<u64> {
    exchange.fields().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
