//! A request of a layer as an exchange again: what it has changed, and nothing else.

use std::any::Any;

use bytes::Buf;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE};
use http::request::Parts;
use http::{HeaderName, Request};

use super::exchange::Exchange;
use super::failure::BoxError;
use super::outgoing::Outgoing;
use super::runtime::Entry;
use super::{Body, target};
use crate::bridge::body::Stream;
use crate::bridge::exchange::{Derivation, Handle, Text};
use crate::{Error, Result, escape};

type Changes = Vec<(String, Option<Vec<u8>>)>;

/// A handle for whoever is further in.
pub(super) fn handle<B>(request: Request<B>) -> Result<Handle>
where
    B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let Some(exchange) = head.extensions.get::<Exchange>() else {
        return Err(Error::new(
            "a layer has sent a request inwards without the extensions of the one it was given",
        ));
    };
    let handle = exchange.handle();
    let changes = changes(&head, handle)?;
    let any: &dyn Any = &body;
    let input = match any.downcast_ref::<Body>() {
        Some(body) if body.is_untouched() => None,
        _ => Some(Stream::of(Outgoing::new(body, &Entry::current(), None))),
    };
    if changes.is_empty() && input.is_none() {
        return handle.duplicate().ok_or_else(|| Error::new("this host gives no second handle"));
    }
    let variables = changes.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let derivation = Derivation { variables: variables.collect(), input };
    handle.derive(derivation).map_err(Error::from_failure)
}

/// What differs from what was received, in the words of an environ.
fn changes(head: &Parts, handle: &Handle) -> Result<Changes> {
    let mut changes = Changes::new();
    if head.method.as_str().as_bytes() != handle.text(Text::Method) {
        changes.push((String::from("REQUEST_METHOD"), Some(head.method.as_str().into())));
    }
    let received = target::of(handle)?;
    if head.uri.path() != received.path() {
        changes.push((String::from("PATH_INFO"), Some(escape::decoded(head.uri.path()))));
    }
    if head.uri.query() != received.query() {
        let query = head.uri.query().unwrap_or_default();
        changes.push((String::from("QUERY_STRING"), Some(query.into())));
    }
    for name in head.headers.keys() {
        let values = || head.headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
        if !values().eq(received_values(handle, name)) {
            changes.push((variable(name.as_str()), Some(joined(name, values()))));
        }
    }
    for (name, _) in handle.headers() {
        let name = HeaderName::from_bytes(name)?;
        if !head.headers.contains_key(&name) {
            changes.push((variable(name.as_str()), None));
        }
    }
    Ok(changes)
}

fn received_values<'a>(handle: &'a Handle, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let is_named = move |field: &(&[u8], &[u8])| field.0 == name.as_str().as_bytes();
    handle.headers().filter(is_named).map(|(_, value)| value)
}

/// The name of a field in an environ.
fn variable(name: &str) -> String {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let bare = name == CONTENT_TYPE.as_str() || name == CONTENT_LENGTH.as_str();
    if bare { upper } else { format!("HTTP_{upper}") }
}

fn joined<'a>(name: &HeaderName, values: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let between: &[u8] = if *name == COOKIE { b"; " } else { b", " };
    values.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_an_environ() {
        assert_eq!(variable("x-user"), "HTTP_X_USER");
        assert_eq!(variable("content-type"), "CONTENT_TYPE");
        let values = || [b"a=1".as_slice(), b"b=2"].into_iter();
        assert_eq!(joined(&COOKIE, values()), b"a=1; b=2");
        assert_eq!(joined(&CONTENT_TYPE, values()), b"a=1, b=2");
    }
}
