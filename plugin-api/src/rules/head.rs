//! The head of a response, as it crosses the boundary.

use super::Kept::{Checked, Enforced, Held, Impossible};
use super::Severity::{Error, Warning};
use super::Shown::{Mistake, Type};
use super::{Breach, quoted, rules};

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered<'a> {
    /// HTTP status.
    pub(crate) status: u32,
    /// Reason phrase; empty for the usual one.
    pub(crate) reason: &'a [u8],
    /// Header fields, in their order.
    pub(crate) fields: Vec<(&'a [u8], &'a [u8])>,
}

/// The length that a head declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// None.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// Not one number.
    Nonsense,
}

impl Answered<'_> {
    /// The rules that it breaks.
    pub(crate) fn breaches(&self) -> Vec<Breach> {
        look(self)
    }

    /// Whether the connection is to be taken over.
    pub(crate) const fn switches(&self) -> bool {
        self.status == 101
    }

    /// Whether a field of the connection is the application's to say.
    fn may_say(&self, name: &[u8], value: &[u8]) -> bool {
        let upgrade = |text: &[u8]| text.eq_ignore_ascii_case(b"upgrade");
        let connection = name.eq_ignore_ascii_case(b"connection") && upgrade(value);
        self.switches() && (upgrade(name) || connection)
    }

    /// Whether a body may follow.
    pub(crate) const fn has_body(&self) -> bool {
        !matches!(self.status, 101 | 204 | 304)
    }

    /// Whether it has a field of this lower-case name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    pub(crate) fn declared(&self) -> Declared {
        let mut lengths = self.values("content-length").map(number);
        match lengths.next() {
            None => Declared::Nothing,
            Some(Some(length)) if lengths.all(|other| other == Some(length)) => {
                Declared::Bytes(length)
            }
            Some(_) => Declared::Nonsense,
        }
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        let named =
            self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| *value)
    }

    /// What is seen where a field is wrong.
    fn field(&self, wrong: impl Fn(&[u8], &[u8]) -> bool) -> Option<String> {
        let (name, value) = self.fields.iter().find(|(name, value)| wrong(name, value))?;
        Some(format!("{}: {}", quoted(name), quoted(value)))
    }

    /// What is seen where there is a field that must not be.
    fn stray(&self, name: &'static str) -> Option<String> {
        self.field(|field, _| field.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The fields that `Connection` names.
    fn is_named_by_connection(&self, name: &[u8]) -> bool {
        let tokens = self.values("connection").flat_map(|value| value.split(|byte| *byte == b','));
        tokens.map(<[u8]>::trim_ascii).any(|token| token.eq_ignore_ascii_case(name))
    }
}

rules! {
    Answers(Answered<'_>);

    /// The status is given as text: `200 OK`.
    STATUS_TEXT = 21, "status-text", App, Impossible(Mistake("start_response_types"));

    /// The status has three digits.
    STATUS_DIGITS = 22, "status-three-digits", App, Enforced(Error), |seen| {
        (seen.status > 999).then(|| seen.status.to_string())
    };

    /// The status is a number where it crosses the boundary.
    STATUS_NUMBER = 23, "status-number", App, Impossible(Type("a_status_is_a_number"));

    /// The status is 200 or more: it is the final one. So is a 101, with an upgrade.
    STATUS_FINAL = 24, "status-final", App, Enforced(Error), |seen| {
        (seen.status < 200 && !seen.switches()).then(|| seen.status.to_string())
    };

    /// Behind the digits stand one space and a reason, which has no control characters. The
    /// digits alone are enough.
    STATUS_REASON = 25, "status-reason", App, Enforced(Error), |seen| {
        (!is_clean(seen.reason)).then(|| quoted(seen.reason))
    };

    /// The fields are a list.
    LIST = 26, "fields-list", App, Impossible(Mistake("start_response_types"));

    /// Each is a pair.
    PAIR = 27, "fields-pair", App, Impossible(Mistake("start_response_types"));

    /// A pair has two parts.
    TWO_PARTS = 28, "fields-two-parts", App, Impossible(Mistake("start_response_types"));

    /// The name is text.
    NAME_TEXT = 29, "field-name-text", App, Impossible(Mistake("start_response_types"));

    /// The value is text or bytes.
    VALUE_TEXT = 30, "field-value-text", App, Impossible(Mistake("start_response_types"));

    /// There is no field `Status`: the status is told by `start_response` alone.
    NO_STATUS = 31, "field-no-status", App, Checked(Error), |seen| seen.stray("status");

    /// The name of a field has no colon and no line break.
    NAME_CLEAN = 32, "field-name-clean", App, Enforced(Error), |seen| {
        seen.field(|name, _| has_break(name))
    };

    /// The name of a field is a token of RFC 9110: letters, digits, and some marks.
    NAME_TOKEN = 33, "field-name-token", App, Enforced(Error), |seen| {
        seen.field(|name, _| !has_break(name) && !is_token(name))
    };

    /// The name of a field does not end with `-` or `_`.
    NAME_END = 34, "field-name-end", App, Checked(Warning), |seen| {
        seen.field(|name, _| is_token(name) && matches!(name, [.., b'-' | b'_']))
    };

    /// The value of a header field has no line break, NUL or other control character but the tab.
    VALUE_CLEAN = 35, "field-value-clean", App, Enforced(Error), |seen| {
        seen.field(|_, value| !is_clean(value))
    };

    /// A 204 has no `Content-Type`.
    CONTENT_TYPE_UNWANTED = 36, "content-type-unwanted", App, Checked(Error), |seen| {
        if seen.status == 204 { seen.stray("content-type") } else { None }
    };

    /// A response with a body has a `Content-Type`.
    CONTENT_TYPE_MISSING = 37, "content-type-missing", App, Checked(Warning);

    /// A response has no fields of the connection: `Connection` and what it names, `Keep-Alive`,
    /// `Proxy-Authenticate`, `Proxy-Authorization`, `Proxy-Connection`, `TE`, `Trailers`,
    /// `Transfer-Encoding`, `Upgrade`. They are the host's; a 101 may have `Connection: upgrade`
    /// and `Upgrade`.
    HOP_BY_HOP = 61, "field-hop-by-hop", App, Enforced(Error), |seen| {
        seen.field(|name, value| {
            let of_the_connection = is_hop_by_hop(name) || seen.is_named_by_connection(name);
            of_the_connection && !seen.may_say(name, value)
        })
    };

    /// `Content-Length` is one number of bytes, however often it is said.
    CONTENT_LENGTH = 69, "content-length-one", App, Enforced(Error), |seen| {
        if seen.declared() == Declared::Nonsense { seen.stray("content-length") } else { None }
    };

    /// A 204 has no `Content-Length` (RFC 9110 8.6).
    LENGTH_UNWANTED = 89, "content-length-unwanted", App, Enforced(Warning), |seen| {
        if seen.status == 204 { seen.stray("content-length") } else { None }
    };

    /// A 304 needs no `Content-Type`: the client has the one it knows.
    NOT_MODIFIED = 90, "content-type-not-modified", App, Checked(Warning), |seen| {
        if seen.status == 304 { seen.stray("content-type") } else { None }
    };

    /// The host adds `Date` where the application gave none; there is always exactly one.
    DATE = 91, "field-date", Host, Held("tests/wire.rs: every_response_has_one_date");
}

/// Whether these bytes are a token of RFC 9110 5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    let marks = b"!#$%&'*+-.^_`|~";
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(byte))
}

/// Whether these bytes may stand in one line of a head.
pub(super) fn is_clean(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control())
}

/// Fields that belong to a connection and not to a response.
pub(super) fn is_hop_by_hop(name: &[u8]) -> bool {
    const NAMES: [&str; 9] = [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn has_break(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b':' | b'\r' | b'\n'))
}

/// A length as a field gives it.
fn number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(status: u32, fields: &[(&str, &str)]) -> Vec<&'static str> {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let seen = Answered { status, reason: b"", fields: fields.collect() };
        seen.breaches().iter().map(|breach| breach.rule.id).collect()
    }

    #[test]
    fn heads_that_are_right_break_nothing() {
        let usual = [("Content-Type", "text/plain"), ("Content-Length", "7")];
        assert_eq!(ids(200, &usual), [""; 0]);
        let cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b\t=2"), ("X-Latin", "caf\u{e9}")];
        assert_eq!(ids(999, &cookies), [""; 0]);
        assert_eq!(ids(200, &[("Content-Length", "7"), ("content-length", "7")]), [""; 0]);
    }

    #[test]
    fn each_fault_of_a_name_has_one_rule() {
        for (name, id) in [
            ("X:", "field-name-clean"),
            ("X\r\nY", "field-name-clean"),
            ("X Y", "field-name-token"),
            ("", "field-name-token"),
            ("X\u{e9}", "field-name-token"),
            ("X-", "field-name-end"),
            ("Status", "field-no-status"),
            ("TE", "field-hop-by-hop"),
        ] {
            assert_eq!(ids(200, &[(name, "1")]), [id], "{name:?}");
        }
    }

    #[test]
    fn what_connection_names_is_the_connections() {
        let named = [("X-Private", "1"), ("Connection", "close, x-private")];
        assert_eq!(ids(200, &named), ["field-hop-by-hop"]);
        assert_eq!(ids(200, &named[..1]), [""; 0]);
    }

    #[test]
    fn a_101_says_to_what_it_switches() {
        let fine = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
        assert_eq!(ids(101, &fine), [""; 0]);
        assert_eq!(ids(200, &fine), ["field-hop-by-hop"]);
        assert_eq!(ids(101, &[("Connection", "close")]), ["field-hop-by-hop"]);
        assert_eq!(ids(103, &[]), ["status-final"]);
    }

    #[test]
    fn a_length_is_one_number() {
        for wrong in ["", "-1", "+1", "1 ", "0x1", "99999999999999999999"] {
            assert_eq!(ids(200, &[("Content-Length", wrong)]), ["content-length-one"], "{wrong:?}");
        }
        let two = [("Content-Length", "1"), ("Content-Length", "2")];
        assert_eq!(ids(200, &two), ["content-length-one"]);
    }
}
