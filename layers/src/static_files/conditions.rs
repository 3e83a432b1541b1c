//! Whether a client has the file already, or asks for another one than there is (RFC 9110 13).

use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::{fmt_http_date, parse_http_date};

/// What tells one state of a file from another.
#[derive(Debug)]
pub(super) struct Version {
    /// Strong: size, time in nanoseconds, and which file it is where the system tells.
    pub(super) etag: String,
    modified: Option<SystemTime>,
}

/// The fields of a request that set conditions, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions<'a> {
    pub(super) if_match: Option<&'a str>,
    pub(super) if_unmodified_since: Option<&'a str>,
    pub(super) if_none_match: Option<&'a str>,
    pub(super) if_modified_since: Option<&'a str>,
    pub(super) if_range: Option<&'a str>,
}

/// What they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The file is to be sent.
    Send,
    /// The client has it: 304.
    HasIt,
    /// The client means another one: 412.
    Differs,
}

impl Version {
    pub(super) fn of(found: &Metadata) -> Self {
        let modified = found.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = since.unwrap_or(Duration::ZERO).as_nanos();
        let etag = format!("\"{:x}-{nanoseconds:x}-{:x}\"", found.len(), number(found));
        Self { etag, modified }
    }

    /// As a field says it; absent where the system does not tell.
    pub(super) fn last_modified(&self) -> Option<String> {
        self.modified.map(fmt_http_date)
    }

    /// The conditions of a GET or HEAD, in the order of RFC 9110 13.2.2.
    pub(super) fn check(&self, conditions: &Conditions<'_>) -> Met {
        let means_it = match (conditions.if_match, conditions.if_unmodified_since) {
            (Some(tags), _) => self.is_among(tags, Self::is_same),
            (None, Some(date)) => self.is_not_after(date).unwrap_or(true),
            (None, None) => true,
        };
        if !means_it {
            return Met::Differs;
        }
        let has_it = match (conditions.if_none_match, conditions.if_modified_since) {
            (Some(tags), _) => self.is_among(tags, Self::is_alike),
            (None, Some(date)) => self.is_not_after(date).unwrap_or(false),
            (None, None) => false,
        };
        if has_it { Met::HasIt } else { Met::Send }
    }

    /// Whether a part of the file is a part of the one that the client has begun to load.
    pub(super) fn allows_part(&self, conditions: &Conditions<'_>) -> bool {
        match conditions.if_range.map(str::trim) {
            None => true,
            Some(tag) if tag.starts_with('"') || tag.starts_with("W/") => self.is_same(tag),
            // To the second: RFC 9110 13.1.5 asks for the very same date.
            Some(date) => self.last_modified().as_deref() == Some(date),
        }
    }

    fn is_among(&self, tags: &str, matches: impl Fn(&Self, &str) -> bool) -> bool {
        // Tags of ours have no comma, so others may be cut in two without harm.
        tags.trim() == "*" || tags.split(',').any(|tag| matches(self, tag.trim()))
    }

    /// Byte for byte.
    fn is_same(&self, tag: &str) -> bool {
        tag == self.etag
    }

    /// Also where something on the way has made it weak.
    fn is_alike(&self, tag: &str) -> bool {
        tag.strip_prefix("W/").unwrap_or(tag) == self.etag
    }

    /// Whether the file is no younger than a date, which has no parts of seconds.
    fn is_not_after(&self, date: &str) -> Option<bool> {
        let date = parse_http_date(date.trim()).ok()?;
        let second = Duration::from_secs(1);
        Some(self.modified? < date + second)
    }
}

#[cfg(unix)]
fn number(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn version() -> Version {
        let modified = parse_http_date(DATE).unwrap() + Duration::from_millis(400);
        Version { etag: String::from("\"a-b-c\""), modified: Some(modified) }
    }

    #[test]
    fn conditions_are_checked_in_their_order() {
        let none = Conditions::default();
        for (conditions, met) in [
            (none, Met::Send),
            (Conditions { if_none_match: Some("\"a-b-c\""), ..none }, Met::HasIt),
            (Conditions { if_none_match: Some("\"x\", W/\"a-b-c\""), ..none }, Met::HasIt),
            (Conditions { if_none_match: Some("*"), ..none }, Met::HasIt),
            (Conditions { if_none_match: Some("\"a-b-d\""), ..none }, Met::Send),
            (Conditions { if_modified_since: Some(DATE), ..none }, Met::HasIt),
            (Conditions { if_modified_since: Some(AFTER), ..none }, Met::HasIt),
            (Conditions { if_modified_since: Some(BEFORE), ..none }, Met::Send),
            (Conditions { if_modified_since: Some("yesterday"), ..none }, Met::Send),
            (
                Conditions { if_none_match: Some("\"x\""), if_modified_since: Some(DATE), ..none },
                Met::Send,
            ),
            (Conditions { if_match: Some("\"a-b-c\""), ..none }, Met::Send),
            (Conditions { if_match: Some("*"), ..none }, Met::Send),
            (Conditions { if_match: Some("W/\"a-b-c\""), ..none }, Met::Differs),
            (Conditions { if_match: Some("\"x\""), ..none }, Met::Differs),
            (Conditions { if_unmodified_since: Some(DATE), ..none }, Met::Send),
            (Conditions { if_unmodified_since: Some(BEFORE), ..none }, Met::Differs),
            (Conditions { if_unmodified_since: Some("never"), ..none }, Met::Send),
            (
                Conditions {
                    if_match: Some("\"a-b-c\""),
                    if_unmodified_since: Some(BEFORE),
                    ..none
                },
                Met::Send,
            ),
        ] {
            assert_eq!(version().check(&conditions), met, "{conditions:?}");
        }
    }

    #[test]
    fn a_part_is_sent_of_the_very_same_file_only() {
        for (if_range, allowed) in [
            (None, true),
            (Some("\"a-b-c\""), true),
            (Some("W/\"a-b-c\""), false),
            (Some("\"x\""), false),
            (Some(DATE), true),
            (Some(AFTER), false),
            (Some("nonsense"), false),
        ] {
            let conditions = Conditions { if_range, ..Conditions::default() };
            assert_eq!(version().allows_part(&conditions), allowed, "{if_range:?}");
        }
    }

    #[test]
    fn a_file_that_changes_has_another_tag() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "one").unwrap();
        let first = Version::of(&std::fs::metadata(&file).unwrap());
        assert_eq!(first.etag, Version::of(&std::fs::metadata(&file).unwrap()).etag);
        std::fs::write(&file, "three").unwrap();
        assert_ne!(first.etag, Version::of(&std::fs::metadata(&file).unwrap()).etag);
    }
}
