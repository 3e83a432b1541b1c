//! The head of a request as the boundary describes it, laid out when somebody first asks.
//!
//! Everything points into the exchange or into the view itself; both live until the last handle is
//! released.

use std::borrow::Cow;
use std::cell::Cell;
use std::mem::ManuallyDrop;

use bytes::Bytes;
use dsgi::abi::grown::{Head, head_flag};
use dsgi::abi::known;
use dsgi::abi::leaf::{Header, Str};
use dsgi::abi::pointer::{Growable, In};
use dsgi::bridge::once::Once;
use http::{HeaderValue, Version, uri};

use super::Exchange;
use super::changes::{Derived, Part};
use super::numbers::Numbers;
use crate::forwarded::{Client, Trusted};
use crate::message::Origin;
use crate::path;

/// A head and what it points to beside the exchange, or beside the one that this was derived from.
pub(super) struct View {
    head: Head,
    rows: Vec<Header>,
    variables: Vec<Header>,
    /// What the exchange does not have in one piece, or not in these words.
    made: Made,
}

/// Texts that nothing else holds; nearly always none.
#[derive(Default)]
struct Made {
    target: Option<String>,
    path_info: Option<Vec<u8>>,
    server_name: Option<String>,
    remote_address: Option<String>,
}

/// The view of an exchange, once somebody has asked. Its memory is the thread's afterwards: asking
/// an allocator costs more than to lay a small request out.
pub(super) struct Laid(ManuallyDrop<Once<View>>);

thread_local! {
    static SPARE: Cell<Option<Box<View>>> = const { Cell::new(None) };
}

/// A view that had more rows is not worth keeping.
const ROWS_MAX: usize = 64;

const SOFTWARE: &str = concat!("dsgi-host/", env!("CARGO_PKG_VERSION"));

impl Laid {
    /// Nobody has asked.
    #[inline]
    pub(super) const fn not_yet() -> Self {
        Self(ManuallyDrop::new(Once::new()))
    }
}

impl Drop for Laid {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: never used again.
        if let Some(view) = unsafe { ManuallyDrop::take(&mut self.0) }.into_box() {
            keep(view);
        }
    }
}

/// Out of the way of exchanges that nobody has looked at.
#[inline(never)]
fn keep(mut view: Box<View>) {
    if view.rows.capacity() > ROWS_MAX {
        return;
    }
    view.rows.clear();
    view.variables.clear();
    view.made = Made::default();
    // A thread that ends has no place any more, and frees it.
    let _ = SPARE.try_with(|spare| spare.set(Some(view)));
}

impl Exchange {
    /// The head, laid out once.
    #[inline]
    pub(super) fn view(&self) -> &View {
        self.view.0.get_or_put(|| match &self.derived {
            None => View::of(self),
            Some(derived) => View::changed(self, derived),
        })
    }
}

impl View {
    /// A view that says nothing yet.
    fn empty() -> Box<Self> {
        SPARE.take().unwrap_or_else(|| {
            let (rows, variables) = (Vec::new(), Vec::new());
            Box::new(Self { head: Growable::absent(), rows, variables, made: Made::default() })
        })
    }

    fn of(exchange: &Exchange) -> Box<Self> {
        let (lease, origin) = (&exchange.mounted.lease, &exchange.origin);
        let run = if lease.member(0).is_none() { 0 } else { origin.run };
        let mut view = Self::empty();
        view.head = Head {
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
        };
        view.lay_target(exchange);
        view.lay_fields(exchange);
        if let Some(trusted) = &origin.trusted {
            view.lay_client(trusted, exchange);
        }
        if !origin.variables.is_empty() {
            view.lay_variables(&origin.variables);
        }
        view
    }

    /// What the parent has laid out stays where it is.
    fn changed(exchange: &Exchange, derived: &Derived) -> Box<Self> {
        let mut view = Self::empty();
        view.head = derived.parent.view().head;
        view.head.method = text(exchange.head.method.as_str());
        if derived.target == Part::Changed {
            view.head.script_name = text(&exchange.mounted.script_name);
            view.lay_target(exchange);
            if exchange.origin.trusted.is_some() {
                // Somebody may have named it whose fields are gone by now.
                view.head.scheme = derived.parent.view().head.scheme;
            }
        }
        if derived.fields == Part::Changed {
            view.lay_fields(exchange);
        }
        if let Some(variables) = &derived.variables {
            view.lay_variables(variables);
        }
        view
    }

    /// Who the client is, where our peer may say so: nearly no listener lets anybody.
    #[cold]
    #[inline(never)]
    fn lay_client(&mut self, trusted: &Trusted, exchange: &Exchange) {
        let client = trusted.client(exchange.origin.remote, exchange.fields());
        let Client { remote, scheme } = client.unwrap_or_default();
        if let Some(remote) = remote {
            let address = self.made.remote_address.insert(remote.ip().to_string());
            self.head.remote_address = text(address);
            self.head.remote_port = u32::from(remote.port());
        }
        if let Some(scheme) = scheme {
            self.head.scheme = text(scheme);
        }
    }

    /// What is no field, which requests over HTTP have none of.
    #[cold]
    #[inline(never)]
    fn lay_variables(&mut self, variables: &[(Bytes, Bytes)]) {
        let row = |(name, value): &(Bytes, Bytes)| {
            let (name, value) = (Str::lend(name), Str::lend(value));
            Header { id: 0, reserved: 0, name, value }
        };
        self.variables.extend(variables.iter().map(row));
        self.head.variables = self.variables.as_ptr();
        self.head.variable_count = count(&self.variables);
    }

    fn lay_target(&mut self, exchange: &Exchange) {
        let uri = &exchange.head.uri;
        self.head.target = match received(exchange) {
            Some(target) => text(target),
            None => text(self.made.target.insert(uri.to_string())),
        };
        let path = uri.path().get(exchange.mounted.script_length..).unwrap_or_default();
        self.head.path_info = match path::decode(path) {
            Cow::Borrowed(path) => Str::lend(path),
            Cow::Owned(path) => Str::lend(self.made.path_info.insert(path)),
        };
        self.head.scheme = text(uri.scheme_str().unwrap_or(exchange.origin.scheme));
        self.head.query = text(uri.query().unwrap_or_default());
    }

    /// Header fields as rows. Names with an underscore are left out, because `X_User` and `X-User`
    /// are one CGI name, and `Proxy`, because its CGI name configures clients (httpoxy).
    fn lay_fields(&mut self, exchange: &Exchange) {
        let (fields, numbers) = (exchange.fields(), Numbers::get());
        let (mut host, mut length) = (None, None);
        self.rows.reserve(fields.len());
        for (name, value) in fields {
            let name = name.as_str();
            let row = row(numbers.number(name), name, value.as_bytes());
            match row.id {
                // No name with a number is one of these.
                0 if is_left_out(name) => continue,
                known::HOST => host = host.or(Some(value)),
                known::CONTENT_LENGTH => length = length.or(Some(value)),
                _ => {}
            }
            self.rows.push(row);
        }
        self.head.headers = self.rows.as_ptr();
        self.head.header_count = count(&self.rows);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        self.head.content_length = length.unwrap_or(0);
        let others = self.head.flags & !head_flag::LENGTH;
        self.head.flags = others | length.map_or(0, |_| head_flag::LENGTH);
        self.lay_names(exchange, host);
    }

    /// The names of the server: what the client has asked for, and without the port, or the
    /// address that it reached: PEP 3333 forbids an empty one.
    fn lay_names(&mut self, exchange: &Exchange, host: Option<&HeaderValue>) {
        let uri = exchange.head.uri.authority().map(uri::Authority::as_str);
        let authority = uri.or_else(|| host?.to_str().ok()).unwrap_or_default();
        self.head.authority = text(authority);
        let name = match authority.bytes().rposition(|byte| !byte.is_ascii_digit()) {
            Some(at) if authority.as_bytes()[at] == b':' => &authority[..at],
            _ => authority,
        };
        let Origin { server_name, local, .. } = &*exchange.origin;
        self.head.server_name = match server_name {
            _ if !name.is_empty() => text(name),
            Some(name) => text(name),
            None => {
                let local = local.map(|local| local.ip().to_string());
                let name = local.unwrap_or_else(|| String::from("localhost"));
                text(self.made.server_name.insert(name))
            }
        };
    }

    pub(super) const fn head(&self) -> In<Head> {
        In::lend(&self.head)
    }
}

fn is_left_out(name: &str) -> bool {
    name.bytes().any(|byte| byte == b'_') || name == "proxy"
}

const fn row(id: u32, name: &str, value: &[u8]) -> Header {
    Header { id, reserved: 0, name: text(name), value: Str::lend(value) }
}

fn count(rows: &[Header]) -> u32 {
    u32::try_from(rows.len()).unwrap_or(0)
}

const fn text(text: &str) -> Str {
    Str::lend(text.as_bytes())
}

/// The target as received. An absolute one was taken apart by the parser, so there is no such text.
fn received(exchange: &Exchange) -> Option<&str> {
    let uri = &exchange.head.uri;
    if uri.scheme().is_some() && exchange.head.version < Version::HTTP_2 {
        return None;
    }
    uri.path_and_query().map(uri::PathAndQuery::as_str)
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
