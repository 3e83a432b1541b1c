//! `derive`: a new exchange with changes, in the words of an environ.
//!
//! Only what changes is copied: the rest is read where it is, in the exchange that it was derived
//! from, which lives as long.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use bytes::Bytes;
use dsgi::abi::grown::Changes;
use dsgi::abi::leaf::rows;
use dsgi::bridge::body::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::head::Head;
use super::input::Input;
use super::position::Position;
use super::values::Values;
use super::view::Laid;
use super::{Exchange, Mounted, tables};
use crate::wire::Variables;

/// What must be escaped so that a decoded path can be a target again.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// What a derived exchange has of its own, and of whom the rest is.
pub(super) struct Derived {
    pub(super) parent: Arc<Exchange>,
    pub(super) target: Part,
    pub(super) fields: Part,
    /// Variables, if layers have set some; none where they are the parent's.
    pub(super) variables: Option<Variables>,
}

/// Whose a part of the head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The parent's.
    Kept,
    /// One's own.
    Changed,
}

impl Exchange {
    /// A new exchange with changes; only what changes is copied.
    ///
    /// # Safety
    /// `changes` was read from a struct that is lent for this call; its input passes to it.
    pub(super) unsafe fn derive(
        self: &Arc<Self>,
        changes: &Changes,
        position: Position,
    ) -> Result<Arc<Self>, String> {
        let input = match changes.input {
            input if input.is_null() => Input::inherited(),
            // SAFETY: ownership of the body came with the changes.
            input => Input::supplied(unsafe { Stream::from_raw(input) }),
        };
        let mut draft = Draft::of(self);
        // SAFETY: the rows are lent for this call.
        let rows =
            unsafe { rows(changes.variables, changes.variable_count, changes.variable_stride) };
        for row in rows {
            // SAFETY: the texts are lent for this call.
            let (name, value) = unsafe { (row.name.bytes(), row.value.bytes()) };
            let name = std::str::from_utf8(name).map_err(|_| "a name is not UTF-8")?;
            draft.set(name, (!row.value.ptr.is_null()).then_some(value))?;
        }
        let Draft { head, script_name, script_length, derived } = draft;
        let lease = self.mounted.lease.clone();
        Ok(Arc::new(Self {
            table: &tables::FIRST,
            position,
            state: AtomicU32::new(0),
            head,
            origin: Arc::clone(&self.origin),
            input,
            derived: Some(Box::new(derived)),
            values: Values::none(),
            view: Laid::not_yet(),
            mounted: Mounted { lease, script_name, script_length },
        }))
    }

    /// Variables that layers have set, wherever they are, and those of a front that are left.
    fn variables(&self) -> &[(Bytes, Bytes)] {
        match &self.derived {
            None => &self.origin.variables,
            Some(derived) => match &derived.variables {
                Some(variables) => variables,
                None => derived.parent.variables(),
            },
        }
    }

    /// Header fields of the request, wherever they are.
    pub(super) fn fields(&self) -> &HeaderMap {
        match &self.derived {
            Some(derived) if derived.fields == Part::Kept => derived.parent.fields(),
            _ => &self.head.headers,
        }
    }
}

struct Draft {
    head: Head,
    script_name: Arc<str>,
    script_length: usize,
    derived: Derived,
}

impl Draft {
    fn of(parent: &Arc<Exchange>) -> Self {
        Self {
            head: parent.head.without_fields(),
            script_name: Arc::clone(&parent.mounted.script_name),
            script_length: parent.mounted.script_length,
            derived: Derived {
                parent: Arc::clone(parent),
                target: Part::Kept,
                fields: Part::Kept,
                variables: None,
            },
        }
    }

    fn set(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), String> {
        let refused = |why: &str| format!("`{name}` cannot be set: {why}");
        match (name, value) {
            ("REQUEST_METHOD", Some(value)) => {
                self.head.method =
                    Method::from_bytes(value).map_err(|_| refused("it is not a method"))?;
            }
            ("PATH_INFO", Some(value)) => {
                let path = percent_encode(value, PATH).to_string();
                let script = self.head.uri.path().get(..self.script_length).unwrap_or_default();
                let path = format!("{script}{path}");
                self.target(&path, None).map_err(|()| refused("it is not a path"))?;
            }
            ("SCRIPT_NAME", Some(value)) => {
                let script =
                    String::from_utf8(value.to_vec()).map_err(|_| refused("it is not UTF-8"))?;
                let rest = self.head.uri.path().get(self.script_length..).unwrap_or_default();
                let escaped = percent_encode(script.as_bytes(), PATH).to_string();
                let path = format!("{escaped}{rest}");
                self.target(&path, None).map_err(|()| refused("it is not a path"))?;
                self.script_name = script.into();
                self.script_length = escaped.len();
            }
            ("QUERY_STRING", Some(value)) => {
                let path = self.head.uri.path().to_owned();
                let query = String::from_utf8_lossy(value);
                self.target(&path, Some(&query)).map_err(|()| refused("it is not a query"))?;
            }
            (name, value) => match field_name(name) {
                Some(field) => self.field(&field, value).map_err(refused)?,
                None => {
                    let parent = &self.derived.parent;
                    let variables =
                        self.derived.variables.get_or_insert_with(|| parent.variables().to_vec());
                    variables.retain(|(known, _)| *known != *name.as_bytes());
                    let copy = |text: &[u8]| Bytes::copy_from_slice(text);
                    variables.extend(value.map(|value| (copy(name.as_bytes()), copy(value))));
                }
            },
        }
        Ok(())
    }

    fn field(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), &'static str> {
        let name = HeaderName::try_from(name).map_err(|_| "it is not a header name")?;
        if self.derived.fields == Part::Kept {
            if value.is_none() && !self.derived.parent.fields().contains_key(&name) {
                return Ok(());
            }
            self.derived.fields = Part::Changed;
            *self.head.headers = self.derived.parent.fields().clone();
        }
        match value {
            Some(value) => {
                let value =
                    HeaderValue::from_bytes(value).map_err(|_| "it is not a header value")?;
                self.head.headers.insert(name, value);
            }
            None => {
                self.head.headers.remove(name);
            }
        }
        Ok(())
    }

    fn target(&mut self, path: &str, query: Option<&str>) -> Result<(), ()> {
        let query = query.or_else(|| self.head.uri.query());
        let target = match query {
            Some(query) if !query.is_empty() => format!("{path}?{query}"),
            _ => path.to_owned(),
        };
        let mut parts = Uri::default().into_parts();
        (parts.scheme, parts.authority) =
            (self.head.uri.scheme().cloned(), self.head.uri.authority().cloned());
        parts.path_and_query = Some(target.parse().map_err(|_| ())?);
        self.head.uri = Uri::from_parts(parts).map_err(|_| ())?;
        self.derived.target = Part::Changed;
        Ok(())
    }
}

/// The header field that a CGI name stands for.
fn field_name(name: &str) -> Option<String> {
    let field = match name {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => name,
        _ => name.strip_prefix("HTTP_")?,
    };
    Some(field.to_ascii_lowercase().replace('_', "-"))
}
