//! The request's head, as whoever is called finds it.

use super::Kept::{Checked, Enforced, Impossible};
use super::Severity::{Error, Warning};
use super::Shown::Type;
use super::head::{is_clean, is_token};
use super::{Breach, quoted, rules};

/// A request as the boundary describes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request<'a> {
    /// `REQUEST_METHOD`.
    pub(crate) method: &'a [u8],
    /// `dsgi.url_scheme`.
    pub(crate) scheme: &'a [u8],
    /// `REQUEST_URI`.
    pub(crate) target: &'a [u8],
    /// `SCRIPT_NAME`.
    pub(crate) script_name: &'a [u8],
    /// `PATH_INFO`.
    pub(crate) path_info: &'a [u8],
    /// `SERVER_NAME`.
    pub(crate) server_name: &'a [u8],
    /// `SERVER_PORT`; 0 for none.
    pub(crate) server_port: u32,
    /// `SERVER_PROTOCOL` as major * 10 + minor.
    pub(crate) protocol: u32,
    /// `CONTENT_LENGTH`.
    pub(crate) length: Option<u64>,
    /// Header fields.
    pub(crate) fields: Vec<(&'a [u8], &'a [u8])>,
    /// Variables that were added.
    pub(crate) variables: Vec<(&'a [u8], &'a [u8])>,
}

impl Request<'_> {
    /// The rules that it breaks.
    pub(crate) fn breaches(&self) -> Vec<Breach> {
        look(self)
    }

    fn values<'s>(&'s self, name: &'s [u8]) -> impl Iterator<Item = &'s [u8]> {
        let named = self.fields.iter().filter(move |(field, _)| *field == name);
        named.map(|(_, value)| *value)
    }

    /// What is seen where a field is wrong.
    fn field(&self, wrong: fn(&[u8], &[u8]) -> bool) -> Option<String> {
        let found = self.fields.iter().find(|(name, value)| wrong(name, value))?;
        Some(format!("the field {} with {}", quoted(found.0), quoted(found.1)))
    }

    /// What is seen where a variable has a name that it must not have.
    fn variable(&self, wrong: fn(&[u8]) -> bool) -> Option<String> {
        let found = self.variables.iter().find(|(name, _)| wrong(name))?;
        Some(format!("the variable {}", quoted(found.0)))
    }
}

rules! {
    Variables(Request<'_>);

    /// The environ is one owned object of one type, and whoever is called may do with it what it
    /// likes. Looking a key up computes it; no copy of all variables is made.
    ONE_TYPE = 3, "environ-one-type", Host, Impossible(Type("the_environ_is_one_type"));

    /// `REQUEST_METHOD`, `SERVER_NAME` and `SERVER_PORT` are there and never empty. The other
    /// variables that a host must give are always there: `SCRIPT_NAME`, `PATH_INFO`,
    /// `QUERY_STRING`, `SERVER_PROTOCOL` and the keys that begin with `dsgi.`.
    REQUIRED = 4, "environ-required", Host, Enforced(Error), |seen| {
        let empty = [
            ("REQUEST_METHOD", seen.method.is_empty()),
            ("SERVER_NAME", seen.server_name.is_empty()),
            ("SERVER_PORT", seen.server_port == 0),
        ];
        let (name, _) = empty.into_iter().find(|(_, empty)| *empty)?;
        Some(format!("`{name}` without a value"))
    };

    /// There is no `HTTP_CONTENT_TYPE`: the field `Content-Type` is `CONTENT_TYPE`.
    NO_HTTP_CONTENT_TYPE = 5, "environ-no-http-content-type", Host, Enforced(Error),
        |seen| seen.variable(|name| name == b"HTTP_CONTENT_TYPE");

    /// There is no `HTTP_CONTENT_LENGTH`: the field `Content-Length` is `CONTENT_LENGTH`.
    NO_HTTP_CONTENT_LENGTH = 6, "environ-no-http-content-length", Host, Enforced(Error),
        |seen| seen.variable(|name| name == b"HTTP_CONTENT_LENGTH");

    /// `QUERY_STRING` is always there; without a query it is empty.
    QUERY = 7, "environ-query", Host, Impossible(Type("texts_of_a_request_are_always_there"));

    /// Every value is bytes: what was received, not decoded from any character set. Where it is
    /// UTF-8, `get` gives it as text.
    BYTES = 8, "environ-bytes", Host, Impossible(Type("values_of_the_environ_are_bytes"));

    /// `dsgi.version` is one number, the ABI's.
    VERSION = 9, "environ-version", Host, Impossible(Type("the_version_is_a_number"));

    /// `dsgi.url_scheme` is `http` or `https`.
    SCHEME = 10, "environ-scheme", Host, Enforced(Error), |seen| {
        let known = matches!(seen.scheme, b"http" | b"https");
        (!known).then(|| quoted(seen.scheme))
    };

    /// `REQUEST_METHOD` is a token of RFC 9110, as received: any method that has the form of one,
    /// not one of a list.
    METHOD = 13, "environ-method", Host, Enforced(Error), |seen| {
        let wrong = !seen.method.is_empty() && !is_token(seen.method);
        wrong.then(|| quoted(seen.method))
    };

    /// `SCRIPT_NAME` is empty or begins with a slash.
    SCRIPT_NAME = 14, "environ-script-name", Host, Enforced(Error), |seen| {
        let wrong = !matches!(seen.script_name, [] | [b'/', ..]);
        wrong.then(|| quoted(seen.script_name))
    };

    /// `PATH_INFO` is empty or begins with a slash; it is `*` where `OPTIONS` asks for the whole
    /// server.
    PATH_INFO = 15, "environ-path-info", Host, Enforced(Error), |seen| {
        let asterisk = seen.path_info == b"*" && seen.method == b"OPTIONS";
        let wrong = !asterisk && !matches!(seen.path_info, [] | [b'/', ..]);
        wrong.then(|| quoted(seen.path_info))
    };

    /// `CONTENT_LENGTH` is a number of bytes, or absent where the length is not known.
    LENGTH_NUMBER = 16, "environ-length-number", Host, Impossible(Type("a_length_is_a_number"));

    /// One of `SCRIPT_NAME` and `PATH_INFO` is not empty.
    PATH = 17, "environ-path", Host, Enforced(Error), |seen| {
        let none = seen.script_name.is_empty() && seen.path_info.is_empty();
        none.then(|| String::from("both empty"))
    };

    /// `SCRIPT_NAME` does not end with a slash. At the root it is empty, and the slash belongs to
    /// `PATH_INFO`.
    SCRIPT_NAME_END = 18, "environ-script-name-end", Host, Enforced(Error), |seen| {
        let slash = matches!(seen.script_name, [b'/', .., b'/'] | [b'/']);
        slash.then(|| quoted(seen.script_name))
    };

    /// `SERVER_PROTOCOL` is a version of HTTP that exists: 0.9, 1.0, 1.1, 2.0 or 3.0.
    PROTOCOL = 71, "environ-protocol", Host, Enforced(Warning), |seen| {
        let known = matches!(seen.protocol, 9 | 10 | 11 | 20 | 30);
        (!known).then(|| format!("HTTP/{}.{}", seen.protocol / 10, seen.protocol % 10))
    };

    /// `REQUEST_URI` is the target as received: a path, an address with a scheme, or `*`.
    TARGET = 72, "environ-request-uri", Host, Enforced(Error), |seen| {
        let absolute = seen.target.windows(3).any(|part| part == b"://");
        let known = absolute || matches!(seen.target, [b'/', ..] | b"*");
        (!known).then(|| quoted(seen.target))
    };

    /// `PATH_INFO` has no segment that is `.` or `..`, and no NUL. Clients resolve them before they
    /// send, so only who wants to leave a folder does not.
    PATH_DOTS = 73, "environ-path-dots", Host, Enforced(Error), |seen| {
        let mut segments = seen.path_info.split(|byte| *byte == b'/');
        let dots = segments.any(|segment| matches!(segment, b"." | b".."));
        (dots || seen.path_info.contains(&0)).then(|| quoted(seen.path_info))
    };

    /// Header fields reach an application by names that are tokens in lower case, so that there is
    /// one way to look each up.
    FIELD_NAME = 74, "environ-field-name", Host, Enforced(Error),
        |seen| seen.field(|name, _| !is_token(name) || name.iter().any(u8::is_ascii_uppercase));

    /// A header field whose name has an underscore does not reach an application: `X_User` and
    /// `X-User` would both be `HTTP_X_USER`, and a front server filters only one of them.
    FIELD_UNDERSCORE = 75, "environ-field-underscore", Host, Enforced(Error),
        |seen| seen.field(|name, _| name.contains(&b'_'));

    /// The header field `Proxy` does not reach an application: programs take `HTTP_PROXY` for their
    /// own configuration.
    NO_PROXY = 76, "environ-no-proxy", Host, Enforced(Error),
        |seen| seen.field(|name, _| name.eq_ignore_ascii_case(b"proxy"));

    /// The value of a header field has no line break, NUL or other control character but the tab.
    FIELD_VALUE = 77, "environ-field-value", Host, Enforced(Error),
        |seen| seen.field(|_, value| !is_clean(value));

    /// `CONTENT_LENGTH` and the header field `content-length` say the same, or both nothing.
    LENGTH_AGREES = 78, "environ-length-agrees", Host, Enforced(Error), |seen| {
        let known = seen.length.map(|length| length.to_string());
        let fields: Vec<&[u8]> = seen.values(b"content-length").collect();
        let agrees = match &known {
            Some(known) => {
                !fields.is_empty() && fields.iter().all(|field| *field == known.as_bytes())
            }
            None => fields.is_empty(),
        };
        let known = known.as_deref().unwrap_or("none");
        (!agrees).then(|| format!("{} fields beside the length {known}", fields.len()))
    };

    /// A variable that a front server tells, or a host or a layer adds, has a dot in its name, as
    /// `shop.currency`, so that it is never taken for a header field. The variables of CGI that
    /// have no field may be added: `AUTH_TYPE`, `REMOTE_USER`, `REMOTE_IDENT`, `REMOTE_HOST`,
    /// `HTTPS`, `DOCUMENT_ROOT`, `PATH_TRANSLATED`, `SCRIPT_FILENAME`; and those of TLS, which
    /// begin with `SSL_`.
    VARIABLE_NAME = 79, "environ-variable-name", Layer, Checked(Warning),
        |seen| seen.variable(|name| !name.contains(&b'.') && !of_cgi(name));
}

/// Variables of CGI (RFC 3875, 4.1) that are no part of the request line and no field. A front
/// server may tell them, and a host or a layer add them.
pub const OF_CGI: [&str; 8] = [
    "AUTH_TYPE",
    "REMOTE_USER",
    "REMOTE_IDENT",
    "REMOTE_HOST",
    "HTTPS",
    "DOCUMENT_ROOT",
    "PATH_TRANSLATED",
    "SCRIPT_FILENAME",
];

/// Whether a name without a dot may be added; those of rules 5 and 6 are told there.
fn of_cgi(name: &[u8]) -> bool {
    let elsewhere = ["HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"];
    let mut names = OF_CGI.iter().chain(&elsewhere);
    name.starts_with(b"SSL_") || names.any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<'static> {
        Request {
            method: b"GET",
            scheme: b"http",
            target: b"/shop/a%20b?x=1",
            script_name: b"/shop",
            path_info: b"/a b",
            server_name: b"a.example",
            server_port: 8080,
            protocol: 11,
            length: Some(3),
            fields: vec![(b"host", b"a.example"), (b"content-length", b"3")],
            variables: vec![
                (b"shop.currency", b"EUR"),
                (b"REMOTE_USER", b"ada"),
                (b"SSL_PROTOCOL", b"TLSv1.3"),
            ],
        }
    }

    fn ids(request: &Request<'_>) -> Vec<&'static str> {
        request.breaches().iter().map(|breach| breach.rule.id).collect()
    }

    #[test]
    fn requests_that_are_right_break_nothing() {
        assert_eq!(ids(&request()), [""; 0]);
        let (script_name, path_info) = (b"".as_slice(), b"/".as_slice());
        assert_eq!(ids(&Request { script_name, path_info, ..request() }), [""; 0]);
        assert_eq!(ids(&Request { path_info: b"", ..request() }), [""; 0]);
        let whole = Request { method: b"OPTIONS", target: b"*", path_info: b"*", ..request() };
        assert_eq!(ids(&whole), [""; 0]);
        assert_eq!(ids(&Request { target: b"http://a/b", ..request() }), [""; 0]);
        assert_eq!(ids(&Request { path_info: b"/...", ..request() }), [""; 0]);
    }

    #[test]
    fn paths_begin_with_a_slash_and_stay_inside() {
        for (script_name, path_info, id) in [
            ("shop", "/", "environ-script-name"),
            ("/", "", "environ-script-name-end"),
            ("/a/", "/", "environ-script-name-end"),
            ("/a", "b", "environ-path-info"),
            ("/a", "*", "environ-path-info"),
            ("", "", "environ-path"),
            ("/a", "/..", "environ-path-dots"),
            ("/a", "/b/./c", "environ-path-dots"),
            ("/a", "/b\0", "environ-path-dots"),
        ] {
            let (script_name, path_info) = (script_name.as_bytes(), path_info.as_bytes());
            assert_eq!(ids(&Request { script_name, path_info, ..request() }), [id]);
        }
    }

    #[test]
    fn variables_have_a_dot_or_are_of_cgi() {
        for name in ["currency", "SSL", "REMOTE_USER_2", "remote_user", "PATH"] {
            let variables = vec![(name.as_bytes(), b"x".as_slice())];
            let broken = ids(&Request { variables, ..request() });
            assert_eq!(broken, ["environ-variable-name"], "{name}");
        }
    }

    #[test]
    fn lengths_agree() {
        assert_eq!(ids(&Request { length: None, ..request() }), ["environ-length-agrees"]);
        assert_eq!(ids(&Request { length: Some(4), ..request() }), ["environ-length-agrees"]);
    }
}
