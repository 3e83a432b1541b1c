//! Answers as an application gives them, right and wrong, and how they end.

use super::{Row, get, method, row, with};
use crate::harness::asking::Ask;

/// So that whatever is sent behind an answer is seen.
const fn closing(ask: Ask<'static>) -> Ask<'static> {
    with(ask, &[("Connection", "close")])
}

pub(in super::super) const ROWS: &[Row] = &[
    row(
        "an empty answer",
        get("/answer?field=Content-Type:text/x"),
        &[("status", "200"), ("field content-type", "text/x"), ("body", ""), ("end", "whole")],
    ),
    row(
        "blocks",
        get("/answer?field=Content-Type:text/x&block=a&block=&block=b"),
        &[("status", "200"), ("body", "ab"), ("end", "whole")],
    ),
    row(
        "a length",
        get("/answer?field=Content-Type:text/x&field=Content-Length:4&block=ab&block=cd"),
        &[("status", "200"), ("body", "abcd"), ("end", "whole")],
    ),
    row(
        "HEAD",
        closing(method("HEAD", "/answer?field=Content-Type:text/x&block=abc")),
        &[("status", "200"), ("field content-type", "text/x"), ("body", "")],
    ),
    row(
        "HEAD with a length",
        closing(method(
            "HEAD",
            "/answer?field=Content-Type:text/x&field=Content-Length:3&block=abc",
        )),
        &[("status", "200"), ("field content-length", "3"), ("body", "")],
    ),
    row(
        "201",
        get("/answer?status=201%20Created&field=Location:/a&field=Content-Type:text/x&block=a"),
        &[("status", "201"), ("field location", "/a"), ("body", "a")],
    ),
    row(
        "204",
        closing(get("/answer?status=204%20No%20Content")),
        &[("status", "204"), ("body", ""), ("end", "whole")],
    ),
    row(
        "304",
        closing(get("/answer?status=304%20Not%20Modified&field=ETag:%22a%22")),
        &[("status", "304"), ("field etag", "\"a\""), ("body", ""), ("end", "whole")],
    ),
    row(
        "a redirect elsewhere",
        get("/answer?status=302%20Found&field=Location:http://b.test/&field=Content-Type:text/x"),
        &[("status", "302"), ("field location", "http://b.test/")],
    ),
    row(
        "a redirect to a path",
        get("/answer?status=303%20See%20Other&field=Location:/environ&field=Content-Type:text/x"),
        &[("status", "303"), ("field location", "/environ"), ("body", "")],
    ),
    row(
        "200 with a Location",
        get("/answer?field=Location:/environ&field=Content-Type:text/x&block=a"),
        &[("status", "200"), ("field location", "/environ"), ("body", "a")],
    ),
    row("404 of the application", get("/nothing"), &[("status", "404")]),
    row(
        "401",
        get("/answer?status=401%20Who&field=WWW-Authenticate:Basic%20realm=x\
            &field=Content-Type:text/x&block=a"),
        &[("status", "401"), ("field www-authenticate", "Basic realm=x"), ("body", "a")],
    ),
    row(
        "a status of nobody",
        get("/answer?status=299%20Nearly&field=Content-Type:text/x&block=a"),
        &[("status", "299"), ("body", "a")],
    ),
    row(
        "500 with a body",
        get("/answer?status=500%20Broken&field=Content-Type:text/x&block=a"),
        &[("status", "500"), ("body", "a")],
    ),
    row(
        "two cookies",
        get("/answer?field=Set-Cookie:a=1&field=Set-Cookie:b=2&field=Content-Type:text/x&block=a"),
        &[("status", "200"), ("field set-cookie", "a=1 | b=2")],
    ),
    row(
        "a long field of an answer",
        get("/answer?field=Content-Type:text/x&field=X-One:x&times=4000&block=a"),
        &[("status", "200"), ("field x-one", "LONG"), ("body", "a")],
    ),
    row(
        "a field of an answer that is not ASCII",
        get("/answer?field=Content-Type:text/x&field=X-One:%c3%a9&block=a"),
        &[("status", "200"), ("field x-one", "\u{c3}\u{a9}")],
    ),
    row(
        "10 MiB with a length",
        get("/bytes?blocks=160&declared=1"),
        &[
            ("status", "200"),
            ("field content-length", "10485760"),
            ("body", LARGE),
            ("end", "whole"),
        ],
    ),
    row(
        "10 MiB without a length",
        get("/bytes?blocks=160"),
        &[("status", "200"), ("body", LARGE), ("end", "whole")],
    ),
    row(
        "a block before the next one",
        get("/stream?sign=SIGN&patience=PATIENCE"),
        &[("status", "200"), ("body", r"first\nasked for\n"), ("end", "whole")],
    ),
    row(
        "a client that leaves",
        get("/leave?sign=SIGN&blocks=512"),
        &[("status", "200"), ("outcome", "ClientGone")],
    ),
    row("an error", get("/error/call"), &[("status", "503"), ("end", "whole")]),
    row("an error in the first block", get("/error/first"), &[("status", "503"), ("end", "whole")]),
    row(
        "an error in the second block",
        closing(get("/error/second?sign=SIGN&patience=PATIENCE")),
        &[("status", "200"), ("body", r"first\n"), ("end", "broken")],
    ),
    row(
        "an error before the length is reached",
        closing(get("/error/declared?sign=SIGN&patience=PATIENCE")),
        &[("status", "200"), ("body", r"first\n"), ("end", "broken")],
    ),
];

const LARGE: &str = "10485760 bytes of letters";

/// What an application must not do; its gateway repairs or refuses it.
pub(in super::super) const WRONG: &[Row] = &[
    row(
        "more than the length",
        get("/wrong/answer?field=Content-Type:text/x&field=Content-Length:3&block=abcdef"),
        &[("status", "200"), ("body", "abc")],
    ),
    row(
        "less than the length",
        closing(get("/wrong/error/short?sign=SIGN&patience=PATIENCE")),
        &[("status", "200"), ("body", r"first\n"), ("end", "broken")],
    ),
    row(
        "two lengths",
        get("/wrong/answer?field=Content-Type:text/x&field=Content-Length:1\
                &field=Content-Length:2&block=ab"),
        &[("status", "502")],
    ),
    row(
        "a body of 204",
        closing(get("/wrong/answer?status=204%20No%20Content&block=abc")),
        &[("status", "204"), ("body", ""), ("end", "whole")],
    ),
    row(
        "a body of 304",
        closing(get("/wrong/answer?status=304%20Not%20Modified&block=abc")),
        &[("status", "304"), ("body", ""), ("end", "whole")],
    ),
    row(
        "fields of the connection",
        get("/wrong/answer?field=Content-Type:text/x&field=Connection:X-One&field=X-One:a\
            &field=Keep-Alive:timeout=9&field=Transfer-Encoding:gzip&field=X-Two:b&block=abc"),
        &[("status", "200"), ("field x-one", "-"), ("field x-two", "b"), ("body", "abc")],
    ),
    row(
        "a field called Status",
        get("/wrong/answer?field=Content-Type:text/x&field=Status:404%20Lost&block=abc"),
        &[("status", "200"), ("field status", "-"), ("body", "abc")],
    ),
    row(
        "a line break in a field",
        get("/wrong/answer?field=Content-Type:text/x&field=X-One:a%0d%0aEvil:%20b&block=abc"),
        &[("status", "502"), ("field evil", "-")],
    ),
    row(
        "an interim status",
        get("/wrong/answer?status=103%20Early%20Hints&field=Content-Type:text/x&block=abc"),
        &[("status", "500")],
    ),
    row("a panic", get("/wrong/panic"), &[("status", "500"), ("end", "whole")]),
];
