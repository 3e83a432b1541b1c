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
    /// What is seen instead; none where the row cannot be put to them.
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
        at: &["cgi"],
        seen: Some(&[("status", "200"), ("environ HTTP_X_ONE", "a")]),
        why: "a variable does not tell `X_One` from `X-One`, and this server lets both pass",
    },
    Deviation {
        rows: &["chunks are undone"],
        at: &["http", "cgi", "apache-cgi"],
        seen: Some(&[("status", "200"), ("environ HTTP_TRANSFER_ENCODING", "chunked")]),
        why: "where nobody knows the length, the field tells that there is a body",
    },
    Deviation {
        rows: &["a body that is asked for"],
        at: &["http2", "cgi"],
        seen: Some(&[("status", "200"), ("interim", "none"), ("body", "some text")]),
        why: "a client of HTTP/2 or CGI does not wait to be asked",
    },
    Deviation {
        rows: &["a field called Status"],
        at: &["http", "http2", "nginx-http"],
        seen: Some(&[("status", "200"), ("field status", "404 Lost"), ("body", "abc")]),
        why: "over HTTP it is a field like any other",
    },
    Deviation {
        rows: &["an error in the second block"],
        at: &["nginx-fcgiwrap", "apache-cgi", "lighttpd-cgi"],
        seen: Some(&[("status", "200"), ("body", r"first\n"), ("end", "whole")]),
        why: "by CGI a server is not told that an answer without a length was cut",
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
        seen: None,
        why: "it did not end: nginx seems to send no more of a body once an answer has begun",
    },
    Deviation {
        rows: &["Host with a port"],
        at: &["nginx-fcgiwrap"],
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
        at: &["apache"],
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
        at: &["apache"],
        seen: Some(&[("status", "200"), ("environ HTTP_COOKIE", "a=1; b=2, c=3")]),
        why: "Apache joins cookies like any other field",
    },
    Deviation {
        rows: &["10 MiB there and back"],
        at: &["apache-cgi"],
        seen: None,
        why: "it did not end: Apache seems to read no answer before the body is given away",
    },
    Deviation {
        rows: &["HEAD with a length"],
        at: &["apache-cgi"],
        seen: Some(&[("status", "200"), ("field content-length", "-"), ("body", "")]),
        why: "Apache frames answers anew",
    },
    Deviation {
        rows: &["10 MiB with a length"],
        at: &["apache-cgi"],
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
        rows: &["an error before the length is reached", "less than the length"],
        at: &["apache-cgi"],
        seen: Some(&[("status", "200"), ("body", r"first\n"), ("end", "whole")]),
        why: "Apache frames answers anew, and calls a cut one whole",
    },
    Deviation {
        rows: &["more than is taken"],
        at: &["apache-cgi"],
        seen: None,
        why: "sometimes there is no answer: Apache seems to close over a body that it has not read",
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
        rows: &["an underscore"],
        at: &["lighttpd"],
        seen: Some(&[("status", "200"), ("environ HTTP_X_ONE", "a")]),
        why: "a variable does not tell `X_One` from `X-One`, and this server lets both pass",
    },
    Deviation {
        rows: &["no body"],
        at: &["lighttpd"],
        seen: Some(&[
            ("status", "200"),
            ("environ CONTENT_LENGTH", "0"),
            ("environ CONTENT_TYPE", "-"),
        ]),
        why: "lighttpd calls it a body of no bytes",
    },
    Deviation {
        rows: &["a body of GET"],
        at: &["lighttpd"],
        seen: Some(&[("status", "400")]),
        why: "lighttpd refuses it",
    },
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
