//! The target of a request as a service sees it: without the mount.
//!
//! What was received is kept to the byte where it can be, because an encoded slash is none. Where a
//! layer has changed the path, the changed one is encoded again.

use bytes::Bytes;
use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::bridge::exchange::{Handle, Text};
use crate::{Result, escape};

/// HTTP versions, from which on a request names its authority beside its path.
const NAMES_AUTHORITY: u32 = 20;

/// The target behind the mount.
pub(super) fn of(handle: &Handle) -> Result<Uri> {
    let target = handle.text(Text::Target);
    let Some(b'/') = target.first() else { return unusual(handle, target) };
    whole(handle, behind_mount(handle, target)?)
}

/// The target as it was received.
pub(super) fn original(handle: &Handle) -> Result<Uri> {
    let target = handle.text(Text::Target);
    let Some(b'/') = target.first() else { return Ok(Uri::try_from(target)?) };
    whole(handle, path_and_query(target)?)
}

fn whole(handle: &Handle, path: PathAndQuery) -> Result<Uri> {
    let authority = handle.text(Text::Authority);
    if handle.protocol() < NAMES_AUTHORITY || authority.is_empty() {
        return Ok(Uri::from(path));
    }
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::try_from(handle.text(Text::Scheme))?);
    parts.authority = Some(Authority::try_from(authority)?);
    parts.path_and_query = Some(path);
    Ok(Uri::from_parts(parts)?)
}

/// A target that is no path: with an authority in front of it, an authority alone, or `*`.
fn unusual(handle: &Handle, target: &[u8]) -> Result<Uri> {
    let uri = Uri::try_from(target)?;
    if uri.scheme().is_none() {
        return Ok(uri);
    }
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.take();
    let path = path.as_ref().map_or(b"/".as_slice(), |path| path.as_str().as_bytes());
    parts.path_and_query = Some(behind_mount(handle, path)?);
    Ok(Uri::from_parts(parts)?)
}

fn behind_mount(handle: &Handle, target: &[u8]) -> Result<PathAndQuery> {
    let (mount, path) = (handle.text(Text::ScriptName), handle.text(Text::PathInfo));
    let query = handle.text(Text::Query);
    let (raw, raw_query) = split(target);
    match rest(raw, mount, path) {
        Some(rest) if !rest.is_empty() && raw_query.unwrap_or_default() == query => {
            path_and_query(&target[raw.len() - rest.len()..])
        }
        kept => path_and_query(&put_together(kept, path, query)),
    }
}

fn path_and_query(bytes: &[u8]) -> Result<PathAndQuery> {
    Ok(PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(bytes))?)
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
        && !raw[..decoded.len()].contains(&b'%')
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
