//! Methods, paths, queries and fields, as the application sees them.

use super::{Row, get, method, row, with};

pub(in super::super) const ROWS: &[Row] = &[
    // Methods.
    row("GET", get("/environ"), &[("status", "200"), ("environ REQUEST_METHOD", "GET")]),
    row(
        "DELETE",
        method("DELETE", "/environ"),
        &[("status", "200"), ("environ REQUEST_METHOD", "DELETE")],
    ),
    row(
        "PATCH without a body",
        method("PATCH", "/environ"),
        &[("status", "200"), ("environ REQUEST_METHOD", "PATCH")],
    ),
    row(
        "OPTIONS",
        method("OPTIONS", "/environ"),
        &[("status", "200"), ("environ REQUEST_METHOD", "OPTIONS")],
    ),
    row(
        "PROPFIND",
        method("PROPFIND", "/environ"),
        &[("status", "200"), ("environ REQUEST_METHOD", "PROPFIND")],
    ),
    row(
        "a method of nobody",
        method("BREW", "/environ"),
        &[("status", "200"), ("environ REQUEST_METHOD", "BREW")],
    ),
    row(
        "TRACE",
        method("TRACE", "/environ"),
        &[("status", "200"), ("environ REQUEST_METHOD", "TRACE")],
    ),
    // Paths.
    row(
        "no mount",
        get("/environ/a"),
        &[
            ("status", "200"),
            ("environ SCRIPT_NAME", ""),
            ("environ PATH_INFO", "/environ/a"),
            ("environ REQUEST_URI", "/environ/a"),
        ],
    ),
    row(
        "a mount",
        get("/shop/environ/a?b"),
        &[
            ("status", "200"),
            ("environ SCRIPT_NAME", "/shop"),
            ("environ PATH_INFO", "/environ/a"),
            ("environ REQUEST_URI", "/shop/environ/a?b"),
        ],
    ),
    row("beside a mount", get("/shopping/environ"), &[("status", "404")]),
    row(
        "a slash at the end",
        get("/environ/a/"),
        &[("status", "200"), ("environ PATH_INFO", "/environ/a/")],
    ),
    row(
        "a space",
        get("/environ/a%20b"),
        &[
            ("status", "200"),
            ("environ PATH_INFO", "/environ/a b"),
            ("environ REQUEST_URI", "/environ/a%20b"),
        ],
    ),
    row("a plus", get("/environ/a+b"), &[("status", "200"), ("environ PATH_INFO", "/environ/a+b")]),
    row(
        "an encoded slash",
        get("/environ/a%2Fb"),
        &[
            ("status", "200"),
            ("environ PATH_INFO", "/environ/a/b"),
            ("environ REQUEST_URI", "/environ/a%2Fb"),
        ],
    ),
    row(
        "an encoded percent",
        get("/environ/a%2525b"),
        &[
            ("status", "200"),
            ("environ PATH_INFO", "/environ/a%25b"),
            ("environ REQUEST_URI", "/environ/a%2525b"),
        ],
    ),
    row(
        "encoded letters",
        get("/%65nviron/%7Ea"),
        &[
            ("status", "200"),
            ("environ PATH_INFO", "/environ/~a"),
            ("environ REQUEST_URI", "/%65nviron/%7Ea"),
        ],
    ),
    row(
        "not ASCII",
        get("/environ/%c3%A9"),
        &[
            ("status", "200"),
            ("environ PATH_INFO", r"/environ/\xc3\xa9"),
            ("environ REQUEST_URI", "/environ/%c3%A9"),
        ],
    ),
    row(
        "not UTF-8",
        get("/environ/%ff"),
        &[
            ("status", "200"),
            ("environ PATH_INFO", r"/environ/\xff"),
            ("environ REQUEST_URI", "/environ/%ff"),
        ],
    ),
    row(
        "two slashes",
        get("/environ//a"),
        &[("status", "200"), ("environ PATH_INFO", "/environ//a")],
    ),
    row(
        "parameters of a segment",
        get("/environ/a;b=c,d:e@f/(g)"),
        &[("status", "200"), ("environ PATH_INFO", "/environ/a;b=c,d:e@f/(g)")],
    ),
    row(
        "a long path",
        get("/environ/LONG"),
        &[("status", "200"), ("environ PATH_INFO", "/environ/LONG")],
    ),
    row("a segment above", get("/environ/a/../b"), &[("status", "400")]),
    row("an encoded segment above", get("/environ/%2e%2E/b"), &[("status", "400")]),
    row("a segment above, with its slash", get("/environ/..%2fb"), &[("status", "400")]),
    row("a NUL", get("/environ/a%00b"), &[("status", "400")]),
    row("half an escape", get("/environ/a%2"), &[("status", "400")]),
    // Queries.
    row("no query", get("/environ"), &[("status", "200"), ("environ QUERY_STRING", "")]),
    row("an empty query", get("/environ?"), &[("status", "200"), ("environ QUERY_STRING", "")]),
    row(
        "a query",
        get("/environ?a=1%20&b=%2F&&c=d?e"),
        &[("status", "200"), ("environ QUERY_STRING", "a=1%20&b=%2F&&c=d?e")],
    ),
    row(
        "a query like a command line",
        get("/environ?--load+x.so+--listen+127.0.0.1:0"),
        &[("status", "200"), ("environ QUERY_STRING", "--load+x.so+--listen+127.0.0.1:0")],
    ),
    row(
        "a query with a NUL",
        get("/environ?a=%00"),
        &[("status", "200"), ("environ QUERY_STRING", "a=%00")],
    ),
    row(
        "a long query",
        get("/environ?LONG"),
        &[("status", "200"), ("environ QUERY_STRING", "LONG")],
    ),
    // Fields.
    row(
        "a field",
        with(get("/environ"), &[("X-One", "a  b,c"), ("x-two", "3")]),
        &[("status", "200"), ("environ HTTP_X_ONE", "a  b,c"), ("environ HTTP_X_TWO", "3")],
    ),
    row(
        "a field twice",
        with(get("/environ"), &[("X-One", "a"), ("X-Two", "b"), ("x-one", "c")]),
        &[("status", "200"), ("environ HTTP_X_ONE", "a, c"), ("environ HTTP_X_TWO", "b")],
    ),
    row(
        "cookies twice",
        with(get("/environ"), &[("Cookie", "a=1; b=2"), ("Cookie", "c=3")]),
        &[("status", "200"), ("environ HTTP_COOKIE", "a=1; b=2; c=3")],
    ),
    row(
        "an empty field",
        with(get("/environ"), &[("X-One", "")]),
        &[("status", "200"), ("environ HTTP_X_ONE", "")],
    ),
    row(
        "a field that is not ASCII",
        with(get("/environ"), &[("X-One", "\u{e9}")]),
        &[("status", "200"), ("environ HTTP_X_ONE", r"\xc3\xa9")],
    ),
    row(
        "a long field",
        with(get("/environ"), &[("X-One", "LONG")]),
        &[("status", "200"), ("environ HTTP_X_ONE", "LONG")],
    ),
    row(
        "an underscore",
        with(get("/environ"), &[("X_One", "a")]),
        &[("status", "200"), ("environ HTTP_X_ONE", "-")],
    ),
    row(
        "Proxy",
        with(get("/environ"), &[("Proxy", "http://evil.test")]),
        &[("status", "200"), ("environ HTTP_PROXY", "-")],
    ),
    row(
        "Authorization",
        with(get("/environ"), &[("Authorization", "Basic YTpi")]),
        &[("status", "200"), ("environ HTTP_AUTHORIZATION", "Basic YTpi")],
    ),
    row(
        "Host with a port",
        with(get("/environ"), &[("Host", "b.test:81")]),
        &[("status", "200"), ("environ HTTP_HOST", "b.test:81")],
    ),
    row(
        "whom others name",
        with(get("/environ"), &[("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")]),
        &[("status", "200"), ("environ REMOTE_ADDR", "127.0.0.1")],
    ),
    row(
        "no body",
        get("/environ"),
        &[("status", "200"), ("environ CONTENT_LENGTH", "-"), ("environ CONTENT_TYPE", "-")],
    ),
    row("the scheme", get("/environ"), &[("status", "200"), ("environ dsgi.url_scheme", "http")]),
    row(
        "the protocol",
        get("/environ"),
        &[("status", "200"), ("environ SERVER_PROTOCOL", "HTTP/1.1")],
    ),
];
