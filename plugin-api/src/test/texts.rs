//! The head of a request: what the client says, and what layers have changed.

use crate::abi::grown::{Head, head_flag};
use crate::abi::known;
use crate::abi::leaf::{Header, Str};
use crate::abi::pointer::Growable;
use crate::escape::{decoded, encode};

/// The texts of a head. What was lent of them is valid as long as they do not change.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    pub(super) protocol: u32,
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) target: String,
    pub(super) script_name: Vec<u8>,
    pub(super) path_info: Vec<u8>,
    pub(super) query: String,
    pub(super) remote_address: String,
    pub(super) remote_port: u16,
    pub(super) length: Option<u64>,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) variables: Vec<(String, Vec<u8>)>,
}

/// The name by which the client knows the server.
const SERVER: &str = "localhost";

impl Texts {
    /// A request for a target below a mount, as received.
    ///
    /// # Panics
    /// When the target is no path, or not one below the mount.
    #[track_caller]
    pub(super) fn new(method: &str, mount: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let rest = path.strip_prefix(mount).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        assert!(path.starts_with('/'), "a target begins with a slash: {target}");
        assert!(is_whole(path), "{path} has a percent sign without two digits");
        let rest = rest.unwrap_or_else(|| panic!("{target} does not lie below {mount}"));
        Self {
            protocol: 11,
            method: method.to_owned(),
            scheme: String::from("http"),
            target: target.to_owned(),
            script_name: decoded(mount),
            path_info: decoded(rest),
            query: query.to_owned(),
            remote_address: String::from("127.0.0.1"),
            remote_port: 50_000,
            length: None,
            fields: vec![(String::from("host"), SERVER.into())],
            variables: Vec::new(),
        }
    }

    /// The head that lends these texts, and the rows that it points to.
    pub(super) fn head(&self) -> (Head, [Vec<Header>; 2]) {
        let fields: Vec<Header> = self.fields.iter().map(row).collect();
        let variables: Vec<Header> = self.variables.iter().map(row).collect();
        let head = Head {
            protocol: self.protocol,
            flags: if self.length.is_some() { head_flag::LENGTH } else { 0 },
            server_port: if self.scheme == "https" { 443 } else { 80 },
            remote_port: self.remote_port.into(),
            header_stride: size_of::<Header>() as u32,
            header_count: count(&fields),
            variable_count: count(&variables),
            method: Str::lend(self.method.as_bytes()),
            scheme: Str::lend(self.scheme.as_bytes()),
            authority: Str::lend(SERVER.as_bytes()),
            target: Str::lend(self.target.as_bytes()),
            script_name: Str::lend(&self.script_name),
            path_info: Str::lend(&self.path_info),
            query: Str::lend(self.query.as_bytes()),
            server_name: Str::lend(SERVER.as_bytes()),
            remote_address: Str::lend(self.remote_address.as_bytes()),
            gateway: Str::lend(b"http"),
            software: Str::lend(concat!("dsgi-test/", env!("CARGO_PKG_VERSION")).as_bytes()),
            headers: fields.as_ptr(),
            variables: variables.as_ptr(),
            content_length: self.length.unwrap_or_default(),
            generation: 1,
            ..Growable::absent()
        };
        (head, [fields, variables])
    }

    /// Changes one, by its name in an environ; `None` removes a field.
    pub(super) fn set(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), String> {
        let broken = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        if value.is_some_and(|value| value.iter().any(broken)) {
            return Err(format!("`{name}` cannot be set: its value has a line break or a NUL"));
        }
        match (name, value) {
            ("REQUEST_METHOD", Some(value)) => self.method = text(name, value)?,
            ("PATH_INFO", Some(value)) => {
                self.path_info = value.to_vec();
                self.aim();
            }
            ("SCRIPT_NAME", Some(value)) => {
                self.script_name = value.to_vec();
                self.aim();
            }
            ("QUERY_STRING", Some(value)) => {
                self.query = text(name, value)?;
                self.aim();
            }
            (name, value) => {
                let (list, name) = match field_name(name) {
                    Some(field) => (&mut self.fields, field),
                    None => (&mut self.variables, name.to_owned()),
                };
                list.retain(|(known, _)| *known != name);
                list.extend(value.map(|value| (name, value.to_vec())));
            }
        }
        Ok(())
    }

    /// Makes the target anew.
    fn aim(&mut self) {
        let mut target = Vec::new();
        encode(&self.script_name, &mut target);
        encode(&self.path_info, &mut target);
        if !self.query.is_empty() {
            target.push(b'?');
            target.extend_from_slice(self.query.as_bytes());
        }
        self.target = String::from_utf8_lossy(&target).into_owned();
    }
}

fn row((name, value): &(String, Vec<u8>)) -> Header {
    let id = known::id(name);
    Header { id, reserved: 0, name: Str::lend(name.as_bytes()), value: Str::lend(value) }
}

fn count(rows: &[Header]) -> u32 {
    u32::try_from(rows.len()).unwrap_or(u32::MAX)
}

fn text(name: &str, value: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(value);
    text.map(str::to_owned).map_err(|_| format!("`{name}` cannot be set: it is not UTF-8"))
}

/// The header field that a CGI name stands for.
fn field_name(name: &str) -> Option<String> {
    let field = match name {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => name,
        _ => name.strip_prefix("HTTP_")?,
    };
    Some(field.to_ascii_lowercase().replace('_', "-"))
}

/// Whether each percent sign of a path has its digits.
fn is_whole(path: &str) -> bool {
    let mut escapes = path.split('%').skip(1);
    escapes.all(|escape| {
        escape.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
