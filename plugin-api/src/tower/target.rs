//! The target of a request as a service sees it: without the mount.
//!
//! What was received is kept to the byte where it can be, because an encoded slash is none. Where a
//! layer has changed the path, the changed one is encoded again.

use std::borrow::Cow;

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::bridge::exchange::{Handle, Text};
use crate::{Result, escape};

/// HTTP versions, from which on a request names its authority beside its path.
const NAMES_AUTHORITY: u32 = 20;

/// A target behind the mount, before it is one of a request.
pub(super) enum Target<'a> {
    /// A path and a query, as most are.
    Path(Cow<'a, [u8]>),
    /// With an authority in front of it, an authority alone, or `*`.
    Unusual(Uri),
}

impl<'a> Target<'a> {
    /// The target behind the mount.
    pub(super) fn of(handle: &'a Handle) -> Result<Self> {
        let target = handle.text(Text::Target);
        match target.first() {
            Some(b'/') => Ok(Self::Path(behind_mount(handle, target))),
            _ => unusual(handle, target).map(Self::Unusual),
        }
    }

    /// What is to be kept for it.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Path(path) => path,
            Self::Unusual(_) => b"",
        }
    }

    /// The target itself, of which the bytes are kept.
    pub(super) fn uri(self, handle: &Handle, kept: Bytes) -> Result<Uri> {
        match self {
            Self::Path(_) => whole(handle, PathAndQuery::from_maybe_shared(kept)?),
            Self::Unusual(uri) => Ok(uri),
        }
    }
}

/// The target behind the mount.
pub(super) fn of(handle: &Handle) -> Result<Uri> {
    let target = Target::of(handle)?;
    let bytes = Bytes::copy_from_slice(target.bytes());
    target.uri(handle, bytes)
}

/// The target as it was received.
pub(super) fn original(handle: &Handle) -> Result<Uri> {
    let target = handle.text(Text::Target);
    let Some(b'/') = target.first() else { return Ok(Uri::try_from(target)?) };
    whole(handle, PathAndQuery::try_from(target)?)
}

fn whole(handle: &Handle, path: PathAndQuery) -> Result<Uri> {
    if handle.protocol() < NAMES_AUTHORITY {
        return Ok(Uri::from(path));
    }
    let authority = handle.text(Text::Authority);
    if authority.is_empty() {
        return Ok(Uri::from(path));
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::try_from(handle.text(Text::Scheme))?);
    parts.authority = Some(Authority::try_from(authority)?);
    parts.path_and_query = Some(path);
    Ok(Uri::from_parts(parts)?)
}

fn unusual(handle: &Handle, target: &[u8]) -> Result<Uri> {
    let uri = Uri::try_from(target)?;
    if uri.scheme().is_none() {
        return Ok(uri);
    }
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.take();
    let path = path.as_ref().map_or(b"/".as_slice(), |path| path.as_str().as_bytes());
    parts.path_and_query = Some(PathAndQuery::try_from(&*behind_mount(handle, path))?);
    Ok(Uri::from_parts(parts)?)
}

fn behind_mount<'a>(handle: &Handle, target: &'a [u8]) -> Cow<'a, [u8]> {
    let (mount, path) = (handle.text(Text::ScriptName), handle.text(Text::PathInfo));
    // As received, at the root and without a query: told at once.
    if target == path && mount.is_empty() && !is_escaped(target) {
        return target.into();
    }
    let query = handle.text(Text::Query);
    let (raw, raw_query) = split(target);
    match rest(raw, mount, path) {
        Some(rest) if !rest.is_empty() && raw_query.unwrap_or_default() == query => {
            target[raw.len() - rest.len()..].into()
        }
        kept => put_together(kept, path, query).into(),
    }
}

/// All of it is looked at, which is quicker than to stop where texts are as short as paths.
fn is_escaped(path: &[u8]) -> bool {
    path.iter().fold(false, |found, byte| found | (*byte == b'%'))
}

/// Path and query, as received.
fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    }
}

/// What of a path stands behind the mount, if it is encoded as it was received.
fn rest<'a>(raw: &'a [u8], mount: &[u8], path: &[u8]) -> Option<&'a [u8]> {
    let rest = behind(raw, mount)?;
    behind(rest, path)?.is_empty().then_some(rest)
}

/// What follows the part of an encoded text that stands for `decoded`.
fn behind<'a>(raw: &'a [u8], decoded: &[u8]) -> Option<&'a [u8]> {
    // Nearly always nothing is encoded.
    if let Some(behind) = raw.strip_prefix(decoded)
        && !is_escaped(&raw[..decoded.len()])
    {
        return Some(behind);
    }
    let mut left = raw;
    for byte in decoded {
        let (first, behind) = escape::first(left)?;
        if first != *byte {
            return None;
        }
        left = behind;
    }
    Some(left)
}

/// A target of parts, for what was not received like this.
fn put_together(kept: Option<&[u8]>, path: &[u8], query: &[u8]) -> Vec<u8> {
    let mut target = Vec::with_capacity(path.len() + query.len() + 2);
    match kept {
        Some(kept) => target.extend_from_slice(kept),
        None => escape::encode(path, &mut target),
    }
    if target.first() != Some(&b'/') {
        target.insert(0, b'/');
    }
    if !query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(raw: &str, mount: &str, path: &str) -> Option<String> {
        let rest = rest(raw.as_bytes(), mount.as_bytes(), path.as_bytes())?;
        Some(String::from_utf8(rest.to_vec()).unwrap())
    }

    #[test]
    fn what_was_received_is_kept_behind_the_mount() {
        for (raw, mount, path, kept) in [
            ("/a/b", "", "/a/b", Some("/a/b")),
            ("/shop/a%2Fb", "/shop", "/a/b", Some("/a%2Fb")),
            ("/sh%6fp/a", "/shop", "/a", Some("/a")),
            ("/shop", "/shop", "", Some("")),
            ("/100%/a", "/100%", "/a", Some("/a")),
            ("/a%zz", "", "/a%zz", Some("/a%zz")),
            ("/shop/a", "/shop", "/changed", None),
            ("/shop/a", "/other", "/a", None),
            ("/a", "", "/a/b", None),
        ] {
            assert_eq!(seen(raw, mount, path).as_deref(), kept, "{raw} at {mount}");
        }
    }

    #[test]
    fn what_was_changed_is_encoded() {
        let together = |path: &str, query: &str| {
            String::from_utf8(put_together(None, path.as_bytes(), query.as_bytes())).unwrap()
        };
        assert_eq!(together("/a b/\u{e9}?", "x=1"), "/a%20b/%C3%A9%3F?x=1");
        assert_eq!(together("", ""), "/");
        assert_eq!(put_together(Some(b""), b"", b"q"), b"/?q");
    }
}
