//! What the test suite of Plack's handlers (`Plack::Test::Suite`, which its tests of FastCGI run
//! behind lighttpd) asks of a server, case by case by its names, and what has to come of it here.
//!
//! Its applications are PSGI's own; ours answer the same by other paths: what looks at the request
//! asks `environ`, what looks at the response `doors`, whose query spells it out. Variables stand
//! as lighttpd hands them on, which joins fields that are there twice. That its three shapes of
//! bodies end by `close` is what the validator sees to.

use crate::harness::doors::Answer;

/// A case, by its name there.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) target: &'static str,
    pub(super) variables: &'static [(&'static str, &'static str)],
    pub(super) body: &'static [u8],
    wanted: &'static [Wanted],
}

enum Wanted {
    /// The first line behind its opening.
    Status(&'static str),
    /// A field, all its values joined.
    Field(&'static str, &'static str),
    NoField(&'static str),
    Body(&'static [u8]),
    /// So many bytes of it.
    Bytes(usize),
    /// A line of the environ.
    Line(&'static str),
    /// No variable of this name.
    NoVariable(&'static str),
}

use Wanted::{Body, Bytes, Field, Line, NoField, NoVariable, Status};

const OK: Wanted = Status("200 OK");
const PLAIN: Wanted = Field("content-type", "text/plain");

const GET: Case =
    Case { name: "", method: "GET", target: "/", variables: &[], body: b"", wanted: &[OK] };

const fn environ(name: &'static str, target: &'static str, wanted: &'static [Wanted]) -> Case {
    Case { name, target, wanted, ..GET }
}

const fn given(
    name: &'static str,
    variables: &'static [(&'static str, &'static str)],
    wanted: &'static [Wanted],
) -> Case {
    Case { name, variables, wanted, ..GET }
}

/// The application that answers what the query says.
const fn answer(name: &'static str, target: &'static str, wanted: &'static [Wanted]) -> Case {
    Case { name, target, wanted, ..GET }
}

const fn echo(
    name: &'static str,
    kind: &'static [(&'static str, &'static str)],
    body: &'static [u8],
    wanted: &'static [Wanted],
) -> Case {
    Case { name, method: "POST", target: "/doors/echo", variables: kind, body, wanted }
}

/// As large as its picture of a bridge.
pub(super) const FILE: &[u8] = &[b'b'; 14_750];
/// As large as its big body.
const BIG: &[u8] = &[b'a'; 96_000];

const FOO: &str = "/foo/?dankogai=kogaidan";

pub(super) const CASES: [Case; 37] = [
    environ("SCRIPT_NAME", "/", &[OK, Line("SCRIPT_NAME=")]),
    environ("GET", "/?name=miyagawa", &[OK, Line("QUERY_STRING=name=miyagawa")]),
    echo(
        "POST",
        &[("CONTENT_TYPE", "application/x-www-form-urlencoded")],
        b"name=tatsuhiko",
        &[OK, Field("content-type", "application/x-www-form-urlencoded"), Body(b"name=tatsuhiko")],
    ),
    echo(
        "big POST",
        &[("CONTENT_TYPE", "application/octet-stream")],
        BIG,
        &[OK, Field("content-type", "application/octet-stream"), Body(BIG)],
    ),
    Case {
        name: "psgi.url_scheme",
        method: "POST",
        wanted: &[OK, Line("dsgi.url_scheme=http")],
        ..GET
    },
    answer("return glob", "/files/face.txt", &[OK, Body(FILE)]),
    answer("filehandle", "/files/face.txt", &[OK, Field("content-length", "14750")]),
    answer("bigger file", "/files/face.txt", &[OK, Body(FILE)]),
    Case {
        name: "handle HTTP-Header",
        target: FOO,
        variables: &[("HTTP_FOO", "Bar")],
        wanted: &[OK, Line("HTTP_FOO=Bar")],
        ..GET
    },
    Case {
        name: "handle HTTP-Cookie",
        target: FOO,
        variables: &[("HTTP_COOKIE", "foo")],
        wanted: &[OK, Line("HTTP_COOKIE=foo")],
        ..GET
    },
    environ(
        "validate env",
        FOO,
        &[
            OK,
            Line("REQUEST_METHOD=GET"),
            Line("SCRIPT_NAME="),
            Line("PATH_INFO=/foo/"),
            Line("QUERY_STRING=dankogai=kogaidan"),
            Line("SERVER_NAME=a.test"),
            Line("SERVER_PORT=8081"),
        ],
    ),
    environ("% encoding in PATH_INFO", "/foo/bar%2cbaz", &[Line("PATH_INFO=/foo/bar,baz")]),
    environ(
        "% double encoding in PATH_INFO",
        "/foo/bar%252cbaz",
        &[Line("PATH_INFO=/foo/bar%2cbaz")],
    ),
    environ(
        "% encoding in PATH_INFO (outside of URI characters)",
        "/foo%E3%81%82",
        &[Line(r"PATH_INFO=/foo\xe3\x81\x82")],
    ),
    environ("SERVER_PROTOCOL is required", FOO, &[OK, Line("SERVER_PROTOCOL=HTTP/1.1")]),
    environ("SCRIPT_NAME should not be undef", FOO, &[Line("SCRIPT_NAME=")]),
    answer(
        "call close after read IO::Handle-like",
        "/doors/answer?field=Content-Type:text/plain&block=1&block=2&block=3&block=4",
        &[Body(b"1234")],
    ),
    environ("has errors", "/has_errors", &[OK]),
    environ("status line", FOO, &[OK]),
    answer(
        "Do not crash when the app dies",
        "/doors/panic",
        &[Status("500 Internal Server Error")],
    ),
    given("multi headers (request)", &[("HTTP_FOO", "bar, baz")], &[Line("HTTP_FOO=bar, baz")]),
    answer(
        "multi headers (response)",
        "/doors/answer?field=Content-Type:text/plain&field=X-Foo:foo&field=X-Foo:bar,%20baz",
        &[Field("x-foo", "foo, bar, baz")],
    ),
    given(
        "Do not set $env->{COOKIE}",
        &[("HTTP_COOKIE", "foo=bar")],
        &[Line("HTTP_COOKIE=foo=bar"), NoVariable("COOKIE")],
    ),
    answer(
        "no entity headers on 304",
        "/doors/answer?status=304%20Not%20Modified",
        &[
            Status("304 Not Modified"),
            Body(b""),
            NoField("content-type"),
            NoField("content-length"),
            NoField("transfer-encoding"),
        ],
    ),
    environ(
        "REQUEST_URI is set",
        "/foo/bar%20baz%73?x=a",
        &[Line("REQUEST_URI=/foo/bar%20baz%73?x=a")],
    ),
    answer("filehandle with path()", "/files/face.txt", &[OK, Field("content-length", "14750")]),
    given("a big header value > 128 bytes", &[("HTTP_X_FOO", LONG)], &[OK, Line(LONG_LINE)]),
    answer(
        "coderef res",
        "/doors/answer?field=Content-Type:text/plain&block=Hello,%20name%3Dmiyagawa",
        &[OK, PLAIN, Body(b"Hello, name=miyagawa")],
    ),
    answer(
        "coderef streaming",
        "/doors/answer?field=Content-Type:text/plain&block=Hello,%20&block=name%3Dmiyagawa",
        &[OK, PLAIN, Body(b"Hello, name=miyagawa")],
    ),
    answer(
        "CRLF output and FCGI parse bug",
        "/doors/answer?field=Content-Type:text/plain&block=Foo:%20Bar%0D%0A%0D%0AHello%20World",
        &[NoField("foo"), Body(b"Foo: Bar\r\n\r\nHello World")],
    ),
    answer("newlines", "/doors/answer?field=Content-Type:text/plain&block=Bar%0ABaz", &[Bytes(7)]),
    answer(
        "test 404",
        "/doors/answer?status=404%20Not%20Found&field=Content-Type:text/plain&block=Not%20Found",
        &[Status("404 Not Found"), Body(b"Not Found")],
    ),
    echo(
        "request->input seekable",
        &[("CONTENT_TYPE", "text/plain")],
        b"body",
        &[OK, PLAIN, Body(b"body")],
    ),
    answer("request->content on GET", "/doors/echo", &[OK, Body(b"")]),
    given(
        "handle Authorization header",
        &[("HTTP_AUTHORIZATION", "Basic XXXX")],
        &[Line("HTTP_AUTHORIZATION=Basic XXXX")],
    ),
    given("handle Authorization header: none", &[], &[NoVariable("HTTP_AUTHORIZATION")]),
    environ("repeated slashes", "//foo///bar/baz", &[OK, Line("PATH_INFO=//foo///bar/baz")]),
];

const LONG: &str = LONG_LINE.split_at("HTTP_X_FOO=".len()).1;
const LONG_LINE: &str = "HTTP_X_FOO=\
    abcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh\
    abcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh";

impl Case {
    pub(super) fn tells_errors(&self) -> bool {
        let is_error = |wanted: &Wanted| matches!(wanted, Status(said) if said.starts_with('5'));
        self.wanted.iter().any(is_error)
    }

    /// What is wrong with an answer, if anything is.
    pub(super) fn wrong_with(&self, answer: &Answer) -> Option<String> {
        let missed = self.wanted.iter().find(|wanted| !wanted.is_in(answer))?;
        Some(format!("{}: {} in {answer:?}", self.name, missed.told()))
    }
}

impl Wanted {
    fn is_in(&self, answer: &Answer) -> bool {
        let text = answer.text();
        let variable = |name: &str| text.lines().any(|line| line.starts_with(&format!("{name}=")));
        match *self {
            Status(status) => answer.first.split_once(' ').is_some_and(|(_, said)| said == status),
            Field(name, value) => joined(answer, name) == value,
            NoField(name) => answer.header(name).is_none(),
            Body(body) => answer.body == body,
            Bytes(length) => answer.body.len() == length,
            Line(line) => text.lines().any(|seen| seen == line),
            NoVariable(name) => !variable(name) && variable("REQUEST_METHOD"),
        }
    }

    fn told(&self) -> String {
        match *self {
            Status(text) | Line(text) => format!("no `{text}`"),
            Field(name, value) => format!("no `{name}: {value}`"),
            NoField(name) | NoVariable(name) => format!("`{name}`, which is to be absent,"),
            Body(body) => format!("another body than {} bytes", body.len()),
            Bytes(length) => format!("another length than {length}"),
        }
    }
}

fn joined(answer: &Answer, wanted: &str) -> String {
    let fields = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    fields.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ")
}
