//! Request paths: one policy for all gateways.
//!
//! A path is split into segments as it was received and each segment is decoded once, so an
//! encoded slash never makes a new segment for routing. Dot segments, NUL and broken escapes are
//! refused instead of repaired: a front server that repairs them differently could otherwise be
//! led around its own rules. Clients remove dot segments before they send.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PathFault {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    Relative,
    /// `.` or `..` as a whole segment, encoded or not, also between encoded slashes.
    #[error("the path has a dot segment")]
    DotSegment,
    /// A percent sign without two hexadecimal digits.
    #[error("the path has a broken escape")]
    BrokenEscape,
    /// An encoded NUL.
    #[error("the path has a NUL")]
    Nul,
}

/// Checks a path as received.
#[inline]
pub(crate) fn check(path: &str) -> Result<(), PathFault> {
    if path == "/" { Ok(()) } else { check_segments(path) }
}

fn check_segments(path: &str) -> Result<(), PathFault> {
    if path.starts_with('/') && !has_any(path, b"%.") {
        return Ok(());
    }
    let segments = path.strip_prefix('/').ok_or(PathFault::Relative)?;
    segments.split('/').try_for_each(check_segment)
}

/// A path without escapes.
pub(crate) fn decode(path: &str) -> Cow<'_, [u8]> {
    if has_any(path, b"%") { percent_decode_str(path).into() } else { path.as_bytes().into() }
}

/// Whether one of these bytes is in a text. All of it is looked at, which is quicker than to stop
/// where texts are as short as paths.
#[inline]
fn has_any<const N: usize>(text: &str, bytes: &[u8; N]) -> bool {
    text.bytes().fold(false, |found, byte| found | bytes.contains(&byte))
}

/// How many bytes of `path`, as received, stand for the decoded `mount`; `None` if the path lies
/// elsewhere. A mount ends at a segment border: `/app` holds `/app` and `/app/x`, not `/apple`.
pub(crate) fn mount_length(path: &str, mount: &str) -> Option<usize> {
    let mut length = 0;
    let mut rest = path;
    for wanted in mount.split('/').skip(1) {
        let segments = rest.strip_prefix('/')?;
        let segment = segments.split('/').next().unwrap_or(segments);
        if *decode(segment) != *wanted.as_bytes() {
            return None;
        }
        length += 1 + segment.len();
        rest = &segments[segment.len()..];
    }
    Some(length)
}

fn check_segment(segment: &str) -> Result<(), PathFault> {
    if !has_any(segment, b"%.") {
        return Ok(());
    }
    let mut escapes = segment.split('%').skip(1);
    if escapes.any(|escape| {
        !escape.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    }) {
        return Err(PathFault::BrokenEscape);
    }
    let decoded = decode(segment);
    // An encoded slash makes no segment here, but it does for who opens a file by `PATH_INFO`.
    if decoded.split(|byte| *byte == b'/').any(|part| matches!(part, b"." | b"..")) {
        return Err(PathFault::DotSegment);
    }
    if decoded.contains(&0) { Err(PathFault::Nul) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_be_read_twice_are_refused() {
        for fine in
            ["/", "/a", "/a/b.c", "/a%20b", "/...", "/a//b", "/.well-known", "/a%2Fb", "/a%2F..b"]
        {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        for (wrong, why) in [
            ("", PathFault::Relative),
            ("a", PathFault::Relative),
            ("/..", PathFault::DotSegment),
            ("/a/../b", PathFault::DotSegment),
            ("/a/%2e%2E/b", PathFault::DotSegment),
            ("/./a", PathFault::DotSegment),
            ("/a%2F..%2Fb", PathFault::DotSegment),
            ("/..%2fb", PathFault::DotSegment),
            ("/%", PathFault::BrokenEscape),
            ("/%4", PathFault::BrokenEscape),
            ("/%zz", PathFault::BrokenEscape),
            ("/a%00b", PathFault::Nul),
        ] {
            assert_eq!(check(wrong), Err(why), "{wrong}");
        }
    }

    #[test]
    fn a_mount_ends_at_a_segment_border() {
        for (path, mount, length) in [
            ("/", "", Some(0)),
            ("/app", "/app", Some(4)),
            ("/app/", "/app", Some(4)),
            ("/app/x/y", "/app", Some(4)),
            ("/apple", "/app", None),
            ("/%61pp/x", "/app", Some(6)),
            ("/a%2Fb/c", "/a/b", None),
            ("/a/b/c", "/a/b", Some(4)),
            ("/a", "/a/b", None),
        ] {
            assert_eq!(mount_length(path, mount), length, "{path} under {mount}");
        }
    }
}
