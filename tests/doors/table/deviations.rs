//! Where an endpoint does not answer as the others do, and why. Each is seen in every run: one that
//! is not true any more is a failure.

use super::endpoints::ENDPOINTS;
use super::rows::{Expected, Row};

/// Rows that are answered otherwise by some endpoints.
#[derive(Debug, PartialEq)]
pub(super) struct Deviation {
    pub(super) rows: &'static [&'static str],
    /// Endpoints, or the first word of several.
    pub(super) at: &'static [&'static str],
    /// What is seen instead: nothing where only an end is certain, none where the row cannot be put
    /// to them.
    pub(super) seen: Option<Expected>,
    pub(super) why: &'static str,
}

/// The row that shows which endpoints collect blocks.
const STREAMED: &str = "a block before the next one";

pub(super) static DEVIATIONS: &[Deviation] = &[
    // Of protocols.
    Deviation {
        rows: &["the protocol"],
        at: &["http2"],
        seen: Some(&[("status", "200"), ("environ SERVER_PROTOCOL", "HTTP/2.0")]),
        why: "the protocol is another one",
    },
    Deviation {
        rows: &["an underscore"],
        at: &["cgi", "lighttpd", "h2o", "caddy", "fcgi-client"],
        seen: Some(&[("status", "200"), ("environ HTTP_X_ONE", "a")]),
        why: "a variable does not tell `X_One` from `X-One`, and these servers let both pass",
    },
    Deviation {
        rows: &["chunks are undone"],
        at: &["http", "cgi", "apache-cgi", "fcgi-client"],
        seen: Some(&[("status", "200"), ("environ HTTP_TRANSFER_ENCODING", "chunked")]),
        why: "where nobody knows the length, the field tells that there is a body",
    },
    Deviation {
        rows: &["chunks are undone"],
        at: &["apache-fastcgi"],
        seen: Some(&[("status", "200")]),
        why: "Apache tells a length if all of the body is there when it looks, else the field",
    },
    Deviation {
        rows: &["a body that is asked for"],
        at: &["http2", "cgi", "fcgi-client"],
        seen: Some(&[("status", "200"), ("interim", "none"), ("body", "some text")]),
        why: "only a client of HTTP/1.1 waits to be asked",
    },
    Deviation {
        rows: &["a field called Status"],
        at: &["http", "http2", "nginx-http"],
        seen: Some(&[("status", "200"), ("field status", "404 Lost"), ("body", "abc")]),
        why: "over HTTP it is a field like any other",
    },
    Deviation {
        rows: &["no body"],
        at: &["nginx-scgi", "apache-scgi", "lighttpd", "haproxy", "caddy"],
        seen: Some(&[
            ("status", "200"),
            ("environ CONTENT_LENGTH", "0"),
            ("environ CONTENT_TYPE", "-"),
        ]),
        why: "it is called a body of no bytes, for which SCGI has no other word",
    },
    Deviation {
        rows: &["an error in the second block"],
        at: &["nginx-fcgiwrap", "apache-cgi", "lighttpd-cgi"],
        seen: Some(&[("status", "200"), ("body", r"first\n"), ("end", "whole")]),
        why: "by CGI a server is not told that an answer without a length was cut",
    },
    Deviation {
        rows: &["an error in the second block"],
        at: &["nginx-uwsgi", "lighttpd-scgi"],
        seen: Some(&[("status", "200"), ("body", r"first\n"), ("end", "whole")]),
        why: "at a Unix socket, which cannot be reset, it looks like the end",
    },
    // nginx.
    Deviation {
        rows: &["TRACE"],
        at: &["nginx"],
        seen: Some(&[("status", "405")]),
        why: "nginx refuses it",
    },
    Deviation {
        rows: &["10 MiB there and back"],
        at: &["nginx"],
        seen: Some(&[("status", "200")]),
        why: "nginx gives up the rest of a body when it sees the head of an answer, so it is luck",
    },
    Deviation {
        rows: &["Host with a port"],
        at: &["nginx-fastcgi", "nginx-scgi", "nginx-uwsgi", "nginx-fcgiwrap"],
        seen: Some(&[("status", "200"), ("environ HTTP_HOST", "b.test")]),
        why: "Debian's parameters of nginx give a host without its port",
    },
    // fcgiwrap.
    Deviation {
        rows: &["a field twice"],
        at: &["nginx-fcgiwrap"],
        seen: Some(&[("status", "200"), ("environ HTTP_X_ONE", "c"), ("environ HTTP_X_TWO", "b")]),
        why: "fcgiwrap keeps the last one",
    },
    Deviation {
        rows: &["cookies twice"],
        at: &["nginx-fcgiwrap"],
        seen: Some(&[("status", "200"), ("environ HTTP_COOKIE", "c=3")]),
        why: "fcgiwrap keeps the last one",
    },
    Deviation {
        rows: &[STREAMED],
        at: &["nginx-fcgiwrap"],
        seen: Some(&[("status", "200"), ("body", r"first\nunasked\n"), ("end", "whole")]),
        why: "fcgiwrap collects blocks",
    },
    // Apache.
    Deviation {
        rows: &["TRACE"],
        at: &["apache-cgi"],
        seen: Some(&[("status", "200"), ("field content-type", "message/http")]),
        why: "Apache answers it itself",
    },
    Deviation {
        rows: &["a NUL"],
        at: &["apache"],
        seen: Some(&[("status", "404")]),
        why: "Apache refuses it by another status",
    },
    Deviation {
        rows: &["cookies twice"],
        at: &["apache", "caddy"],
        seen: Some(&[("status", "200"), ("environ HTTP_COOKIE", "a=1; b=2, c=3")]),
        why: "Apache and Caddy join cookies like any other field",
    },
    Deviation {
        rows: &["10 MiB there and back"],
        at: &["apache-scgi", "apache-uwsgi", "caddy"],
        seen: Some(&[]),
        why: "they read no answer before all of the body is gone: luck, if the system holds it",
    },
    Deviation {
        rows: &["chunks", "no chunks", "chunks are undone", "10 MiB in chunks"],
        at: &["apache-scgi", "apache-uwsgi"],
        seen: Some(&[("status", "411")]),
        why: "Apache wants a length for these protocols",
    },
    Deviation {
        rows: &["HEAD with a length"],
        at: &["apache-cgi", "apache-fastcgi", "apache-scgi"],
        seen: Some(&[("status", "200"), ("field content-length", "-"), ("body", "")]),
        why: "Apache frames answers anew",
    },
    Deviation {
        rows: &["10 MiB with a length"],
        at: &["apache-cgi", "apache-fastcgi", "apache-scgi"],
        seen: Some(&[
            ("status", "200"),
            ("field content-length", "-"),
            ("body", "10485760 bytes of letters"),
            ("end", "whole"),
        ]),
        why: "Apache frames answers anew",
    },
    Deviation {
        rows: &["200 with a Location"],
        at: &["apache-cgi"],
        seen: Some(&[("status", "500")]),
        why: "Apache takes it for a redirect within itself, which leads to the program again",
    },
    Deviation {
        rows: &["200 with a Location"],
        at: &["apache-scgi"],
        seen: Some(&[("status", "431")]),
        why: "the same, and each round adds variables until the host takes no more",
    },
    Deviation {
        rows: &["an error before the length is reached", "less than the length"],
        at: &["apache-cgi"],
        seen: Some(&[("status", "200"), ("body", r"first\n"), ("end", "whole")]),
        why: "Apache frames answers anew, and calls a cut one whole",
    },
    // lighttpd.
    Deviation {
        rows: &["a method of nobody"],
        at: &["lighttpd"],
        seen: Some(&[("status", "501")]),
        why: "lighttpd has a list of methods",
    },
    Deviation {
        rows: &["not UTF-8", "a query with a NUL", "a line break in a field"],
        at: &["lighttpd"],
        seen: Some(&[("status", "400")]),
        why: "lighttpd refuses targets with what is no text",
    },
    Deviation {
        rows: &["an empty field"],
        at: &["lighttpd"],
        seen: Some(&[("status", "200"), ("environ HTTP_X_ONE", "-")]),
        why: "lighttpd drops it",
    },
    Deviation {
        rows: &["a body of GET"],
        at: &["lighttpd"],
        seen: Some(&[("status", "400")]),
        why: "lighttpd refuses it",
    },
    // HAProxy.
    Deviation {
        rows: &["half an escape"],
        at: &["haproxy"],
        seen: Some(&[("status", "500")]),
        why: "HAProxy refuses it by another status",
    },
    Deviation {
        rows: &["Authorization"],
        at: &["haproxy"],
        seen: Some(&[("status", "200"), ("environ HTTP_AUTHORIZATION", "-")]),
        why: "HAProxy 2.6 does not hand it on",
    },
    Deviation {
        rows: &["10 MiB in chunks"],
        at: &["haproxy"],
        seen: Some(&[("status", "400")]),
        why: "HAProxy wants a length for a body that it cannot keep whole",
    },
    Deviation {
        rows: &["a panic"],
        at: &["haproxy"],
        seen: None,
        why: "HAProxy 2.6.12 fails itself now and then over the answer (SIGSEGV in `fcgi_io_cb`)",
    },
    // h2o and Caddy.
    Deviation {
        rows: &["cookies twice"],
        at: &["h2o"],
        seen: Some(&[("status", "200"), ("environ HTTP_COOKIE", "a=1; b=2;c=3")]),
        why: "h2o joins them without a space",
    },
    Deviation {
        rows: &["an error in the second block"],
        at: &["h2o", "caddy"],
        seen: Some(&[("status", "200"), ("body", r"first\n"), ("end", "whole")]),
        why: "without the last record they call it whole, at an address too",
    },
    Deviation {
        rows: &["a field called Status"],
        at: &["caddy"],
        seen: Some(&[("status", "200"), ("field status", "200 OK"), ("body", "abc")]),
        why: "Caddy shows its client the status as a field too",
    },
    // cgi-fcgi.
    Deviation {
        rows: &["chunks"],
        at: &["fcgi-client"],
        seen: Some(&[("status", "200"), ("body", "")]),
        why: "cgi-fcgi reads as much as `CONTENT_LENGTH` says",
    },
    Deviation {
        rows: &["10 MiB in chunks"],
        at: &["fcgi-client"],
        seen: Some(&[("status", "200"), ("body", "0 bytes, cbf29ce484222325")]),
        why: "cgi-fcgi reads as much as `CONTENT_LENGTH` says",
    },
    // Of CGI.
    Deviation {
        rows: &["a client that leaves"],
        at: &["apache-cgi", "lighttpd-cgi"],
        seen: None,
        why: "nobody was told how the body ended: the server seems to end the program",
    },
];

/// What a row is expected to give at this endpoint, if it is not what the row says.
pub(super) fn of(row: &Row, endpoint: &str) -> Option<&'static Deviation> {
    let mut found =
        DEVIATIONS.iter().filter(|it| it.rows.contains(&row.name) && is_at(it, endpoint));
    let first = found.next();
    assert!(found.next().is_none(), "two deviations of {} at {endpoint}", row.name);
    first
}

/// Whether an endpoint keeps the first blocks of an answer back.
pub(super) fn collects_blocks(endpoint: &str) -> bool {
    DEVIATIONS.iter().any(|it| it.rows.contains(&STREAMED) && is_at(it, endpoint))
}

fn is_at(deviation: &Deviation, endpoint: &str) -> bool {
    let family = endpoint.split('-').next();
    deviation.at.iter().any(|at| *at == endpoint || Some(*at) == family)
}

/// Every deviation names rows and endpoints that are there, and is none of what the row says.
pub(super) fn check(rows: &[&Row]) {
    for deviation in DEVIATIONS {
        for name in deviation.rows {
            let row = rows.iter().find(|row| row.name == *name);
            let row = row.unwrap_or_else(|| panic!("there is no row {name}"));
            assert!(deviation.seen != Some(row.expected), "{name} does not deviate");
        }
        for at in deviation.at {
            let known = ENDPOINTS.iter().any(|it| it.name == *at || it.name.starts_with(at));
            assert!(known, "there is no endpoint {at}");
        }
    }
}
