//! What fronts really send, row by row, and what comes of it.

use std::fmt::Write;

use super::*;

/// What a front sends, and what comes of it: the request line, the fields in their order, and what
/// is known of both ends.
type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const GET: (&str, &str) = ("REQUEST_METHOD", "GET");
const POST: (&str, &str) = ("REQUEST_METHOD", "POST");
const ROOT: (&str, &str) = ("REQUEST_URI", "/");

/// The path comes from the raw target, whatever a front makes of it.
const PATHS: &[Row] = &[
    (
        "nginx, fastcgi",
        &[GET, ("REQUEST_URI", "/app/a%2Fb//e?x=1%20&y"), ("SCRIPT_NAME", "/app/a/b/e")],
        "GET /app/a%2Fb//e?x=1%20&y HTTP/1.1",
    ),
    (
        "nginx, uwsgi",
        &[GET, ("REQUEST_URI", "/app/a%2Fb"), ("PATH_INFO", "/app/a/b")],
        "GET /app/a%2Fb HTTP/1.1",
    ),
    (
        "Apache, scgi, with a path that was encoded twice",
        &[GET, ("REQUEST_URI", "/app/a%2Fb"), ("PATH_INFO", "//a%252Fb")],
        "GET /app/a%2Fb HTTP/1.1",
    ),
    (
        "HAProxy, which does not normalise",
        &[GET, ("REQUEST_URI", "/app/e/%2e%2e/x"), ("PATH_INFO", "/e/../x")],
        "GET /app/e/%2e%2e/x HTTP/1.1",
    ),
    (
        "the whole server",
        &[("REQUEST_METHOD", "OPTIONS"), ("REQUEST_URI", "*")],
        "OPTIONS * HTTP/1.1",
    ),
    (
        "an absolute target",
        &[GET, ("REQUEST_URI", "http://a.test/x")],
        "GET http://a.test/x HTTP/1.1\nhost: a.test",
    ),
    (
        "a target without its query",
        &[GET, ("REQUEST_URI", "/x"), ("QUERY_STRING", "a=1")],
        "GET /x?a=1 HTTP/1.1",
    ),
    (
        "no target",
        &[GET, ("SCRIPT_NAME", "/app"), ("PATH_INFO", "/a b%/?"), ("QUERY_STRING", "q=%20")],
        "GET /app/a%20b%25/%3F?q=%20 HTTP/1.1",
    ),
    ("no path either", &[GET, ("DOCUMENT_URI", "/d")], "GET /d HTTP/1.1"),
    ("nothing", &[GET], "GET / HTTP/1.1"),
    ("an empty target", &[GET, ("REQUEST_URI", ""), ("PATH_INFO", "/p")], "GET /p HTTP/1.1"),
];

const FIELDS: &[Row] = &[
    (
        "the same key twice: nginx, HAProxy",
        &[GET, ROOT, ("HTTP_X_A", "1"), ("HTTP_X_B", "2"), ("HTTP_X_A", "3")],
        "GET / HTTP/1.1\nx-a: 1\nx-a: 3\nx-b: 2",
    ),
    (
        "two cookies stay two, to be joined by a semicolon",
        &[GET, ROOT, ("HTTP_COOKIE", "a=1"), ("HTTP_COOKIE", "b=2")],
        "GET / HTTP/1.1\ncookie: a=1\ncookie: b=2",
    ),
    (
        "a variable that is set anew: the last one is meant",
        &[GET, ("REQUEST_URI", "/a"), ("REQUEST_URI", "/b")],
        "GET /b HTTP/1.1",
    ),
    (
        "empty is absent",
        &[GET, ROOT, ("CONTENT_LENGTH", ""), ("CONTENT_TYPE", ""), ("HTTPS", "")],
        "GET / HTTP/1.1",
    ),
    ("an empty field is a field", &[GET, ROOT, ("HTTP_X_A", "")], "GET / HTTP/1.1\nx-a: "),
    (
        "a body",
        &[POST, ROOT, ("CONTENT_LENGTH", "7"), ("CONTENT_TYPE", "text/plain")],
        "POST / HTTP/1.1\ncontent-length: 7\ncontent-type: text/plain\n7 bytes",
    ),
    (
        "Caddy, of a chunked body",
        &[POST, ROOT, ("CONTENT_LENGTH", "-1")],
        "POST / HTTP/1.1\nuntil its end",
    ),
    (
        "nginx, of a chunked body that it has read",
        &[POST, ROOT, ("CONTENT_LENGTH", "7"), ("HTTP_TRANSFER_ENCODING", "chunked")],
        "POST / HTTP/1.1\ncontent-length: 7\n7 bytes",
    ),
    (
        "Apache, of a chunked body that it hands on",
        &[POST, ROOT, ("HTTP_TRANSFER_ENCODING", "chunked")],
        "POST / HTTP/1.1\ntransfer-encoding: chunked\nuntil its end",
    ),
    (
        "the same length twice",
        &[POST, ROOT, ("CONTENT_LENGTH", "7"), ("CONTENT_LENGTH", "7")],
        "POST / HTTP/1.1\ncontent-length: 7\n7 bytes",
    ),
    ("httpoxy", &[GET, ROOT, ("HTTP_PROXY", "http://evil.test")], "GET / HTTP/1.1"),
    (
        "no second way to say a length",
        &[POST, ROOT, ("HTTP_CONTENT_LENGTH", "9"), ("HTTP_CONTENT_TYPE", "x")],
        "POST / HTTP/1.1",
    ),
    (
        "names that no front makes",
        &[GET, ROOT, ("HTTP_x_a", "1"), ("HTTP_X-A", "2"), ("HTTP_", "3"), ("HTTP_X A", "4")],
        "GET / HTTP/1.1",
    ),
    ("latin-1", &[GET, ROOT, ("HTTP_X_A", "\u{e9}")], "GET / HTTP/1.1\nx-a: \u{e9}"),
];

/// What is neither the request line nor a field: who the client is, as the front has found out, and
/// whatever it is configured to say.
const BESIDE: &[Row] = &[
    (
        "who it is: Apache, with a password",
        &[GET, ROOT, ("REMOTE_USER", "ada"), ("AUTH_TYPE", "Basic")],
        "REMOTE_USER=ada AUTH_TYPE=Basic",
    ),
    (
        "all of CGI that nothing else tells",
        &[
            GET,
            ROOT,
            ("REMOTE_IDENT", "a"),
            ("REMOTE_HOST", "b"),
            ("HTTPS", "on"),
            ("DOCUMENT_ROOT", "/d"),
            ("PATH_TRANSLATED", "/d/e"),
            ("SCRIPT_FILENAME", "/f"),
        ],
        "REMOTE_IDENT=a REMOTE_HOST=b HTTPS=on DOCUMENT_ROOT=/d PATH_TRANSLATED=/d/e \
         SCRIPT_FILENAME=/f",
    ),
    (
        "TLS, in the words of mod_ssl",
        &[GET, ROOT, ("SSL_PROTOCOL", "TLSv1.3"), ("SSL_CLIENT_SAN_Email_0", "a@b.test")],
        "SSL_PROTOCOL=TLSv1.3 SSL_CLIENT_SAN_Email_0=a@b.test",
    ),
    (
        "fastcgi_param shop.currency EUR",
        &[GET, ROOT, ("shop.currency", "EUR")],
        "shop.currency=EUR",
    ),
    (
        "what is ours to say",
        &[GET, ROOT, ("dsgi.url_scheme", "https"), ("dsgi.gateway", "http")],
        "",
    ),
    (
        "the last one of a name",
        &[GET, ROOT, ("REMOTE_USER", "a"), ("REMOTE_USER", "b")],
        "REMOTE_USER=b",
    ),
    ("empty is absent", &[GET, ROOT, ("REMOTE_USER", ""), ("AUTH_TYPE", "")], ""),
    ("also the last time", &[GET, ROOT, ("REMOTE_USER", "a"), ("REMOTE_USER", "")], ""),
    (
        "a client that calls a field so",
        &[
            GET,
            ROOT,
            ("HTTP_REMOTE_USER", "evil"),
            ("HTTP_SHOP.CURRENCY", "0"),
            ("HTTP_SSL_A", "b"),
        ],
        "",
    ),
    (
        "what concerns the front's own process",
        &[
            GET,
            ROOT,
            ("PATH", "/bin"),
            ("SSL_CERT_DIR", "/c"),
            ("SERVER_ADMIN", "x"),
            ("a b.c", "y"),
        ],
        "",
    ),
    (
        "letters that are not text",
        &[GET, ROOT, ("REMOTE_USER", "\u{e9}\n")],
        "REMOTE_USER=\u{e9}\n",
    ),
];

/// The last lines: scheme, server, client.
const ENDS: &[Row] = &[
    (
        "all of it",
        &[
            GET,
            ROOT,
            ("REQUEST_SCHEME", "https"),
            ("SERVER_NAME", "a.test"),
            ("SERVER_ADDR", "127.0.0.9"),
            ("SERVER_PORT", "444"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("REMOTE_PORT", "5"),
        ],
        "https a.test 127.0.0.9:444 from 192.0.2.1:5",
    ),
    ("HTTPS=on", &[GET, ROOT, ("HTTPS", "on")], "https localhost 0.0.0.0:443 from nobody"),
    ("HTTPS=1", &[GET, ROOT, ("HTTPS", "1")], "https localhost 0.0.0.0:443 from nobody"),
    ("HTTPS=YES", &[GET, ROOT, ("HTTPS", "YES")], "https localhost 0.0.0.0:443 from nobody"),
    ("HTTPS=off", &[GET, ROOT, ("HTTPS", "off")], "http localhost 0.0.0.0:80 from nobody"),
    (
        "the scheme goes first",
        &[GET, ROOT, ("REQUEST_SCHEME", "http"), ("HTTPS", "on")],
        "http localhost 0.0.0.0:80 from nobody",
    ),
    (
        "a scheme that is none",
        &[GET, ROOT, ("REQUEST_SCHEME", "gopher"), ("HTTPS", "on")],
        "https localhost 0.0.0.0:443 from nobody",
    ),
    (
        "nginx without a server_name",
        &[GET, ROOT, ("SERVER_NAME", ""), ("SERVER_ADDR", "127.0.0.9"), ("SERVER_PORT", "81")],
        "http - 127.0.0.9:81 from nobody",
    ),
    (
        "HAProxy, with a port",
        &[GET, ROOT, ("SERVER_NAME", "ex.test:8080"), ("SERVER_PORT", "8080")],
        "http ex.test 0.0.0.0:8080 from nobody",
    ),
    (
        "six",
        &[GET, ROOT, ("REMOTE_ADDR", "[2001:db8::1]"), ("SERVER_ADDR", "::1")],
        "http - [::1]:80 from [2001:db8::1]:0",
    ),
    (
        "a client without an address",
        &[GET, ROOT, ("REMOTE_ADDR", "unix:")],
        "http localhost 0.0.0.0:80 from nobody",
    ),
];

const VERSIONS: &[(&str, Version)] = &[
    ("", Version::HTTP_11),
    ("INCLUDED", Version::HTTP_11),
    ("HTTP/1.0", Version::HTTP_10),
    ("HTTP/1.1", Version::HTTP_11),
    ("HTTP/2", Version::HTTP_2),
    ("HTTP/2.0", Version::HTTP_2),
    ("HTTP/3.0", Version::HTTP_3),
];

/// What is refused, and as what.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], Refusal);

const REFUSED: &[Wrong] = &[
    ("no method", &[ROOT], Refusal::Method),
    ("a method that is none", &[("REQUEST_METHOD", "G T"), ROOT], Refusal::Method),
    ("a tunnel", &[("REQUEST_METHOD", "CONNECT"), ("REQUEST_URI", "/")], Refusal::Connect),
    (
        "two lengths",
        &[POST, ROOT, ("CONTENT_LENGTH", "7"), ("CONTENT_LENGTH", "8")],
        Refusal::Length,
    ),
    ("a signed length", &[POST, ROOT, ("CONTENT_LENGTH", "+7")], Refusal::Length),
    ("a length below none", &[POST, ROOT, ("CONTENT_LENGTH", "-2")], Refusal::Length),
    ("a length with a blank", &[POST, ROOT, ("CONTENT_LENGTH", "7 ")], Refusal::Length),
    ("a huge length", &[POST, ROOT, ("CONTENT_LENGTH", "99999999999999999999")], Refusal::Length),
    ("a line end", &[GET, ROOT, ("HTTP_X_A", "a\r\nb")], Refusal::FieldValue),
    ("a line end in a type", &[POST, ROOT, ("CONTENT_TYPE", "a\nb")], Refusal::FieldValue),
    ("a host that is none", &[GET, ROOT, ("HTTP_HOST", "a/b")], Refusal::HostForm),
    ("two hosts", &[GET, ROOT, ("HTTP_HOST", "a"), ("HTTP_HOST", "b")], Refusal::HostCount),
    ("a target of another form", &[GET, ("REQUEST_URI", "x")], Refusal::TargetForm),
    ("a target with a blank", &[GET, ("REQUEST_URI", "/a b")], Refusal::TargetForm),
    ("a target with a NUL", &[GET, ("REQUEST_URI", "/a\0b")], Refusal::TargetForm),
    ("any asterisk", &[GET, ("REQUEST_URI", "*")], Refusal::TargetForm),
];

/// Bytes, one for each `char`.
fn latin_1(text: &str) -> Bytes {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()
}

fn mapped(variables: &[(&str, &str)]) -> Result<Mapped, Refusal> {
    let variables = variables.iter().map(|(name, value)| (latin_1(name), latin_1(value)));
    request(variables, &Origin::http(None, None), &Limits::default()).1
}

/// Request line and fields.
fn shown(mapped: &Mapped) -> String {
    let Mapped { request, extent, .. } = mapped;
    let mut text = format!("{} {} {:?}", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        let value: String = value.as_bytes().iter().copied().map(char::from).collect();
        write!(text, "\n{name}: {value}").unwrap();
    }
    match extent {
        Extent::Bytes(0) => {}
        Extent::Bytes(length) => write!(text, "\n{length} bytes").unwrap(),
        Extent::UntilItsEnd => text.push_str("\nuntil its end"),
    }
    text
}

fn ends(origin: &Origin) -> String {
    let Origin { scheme, server_name, local, remote, remote_address, .. } = origin;
    let remote = remote.map_or_else(
        || String::from("nobody"),
        |remote| {
            assert_eq!(*remote_address, remote.ip().to_string());
            remote.to_string()
        },
    );
    let name = server_name.as_deref().unwrap_or("-");
    format!("{scheme} {name} {} from {remote}", local.unwrap())
}

fn beside(origin: &Origin) -> String {
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
    let rows = origin.variables.iter();
    let rows = rows.map(|(name, value)| format!("{}={}", text(name), text(value)));
    rows.collect::<Vec<_>>().join(" ")
}

fn each(rows: &[Row], show: impl Fn(&Mapped) -> String) {
    for (what, variables, expected) in rows {
        let mapped = mapped(variables).map(|mapped| show(&mapped));
        assert_eq!(mapped.as_deref(), Ok(*expected), "{what}");
    }
}

#[test]
fn paths_come_from_the_raw_target() {
    each(PATHS, shown);
}

#[test]
fn fields_are_those_of_the_client() {
    each(FIELDS, shown);
}

#[test]
fn both_ends_are_as_the_front_tells() {
    each(ENDS, |mapped| ends(&mapped.origin));
}

#[test]
fn what_a_front_tells_beside_is_given_on() {
    each(BESIDE, |mapped| beside(&mapped.origin));
}

#[test]
fn versions_have_several_names() {
    for (text, version) in VERSIONS {
        let mapped = mapped(&[GET, ROOT, ("SERVER_PROTOCOL", text)]).unwrap();
        assert_eq!(mapped.request.version(), *version, "{text}");
    }
}

#[test]
fn what_no_client_may_say_is_refused() {
    for (what, variables, refusal) in REFUSED {
        assert_eq!(mapped(variables).err(), Some(*refusal), "{what}");
    }
}

#[test]
fn limits_are_those_of_http() {
    let long = format!("/{}", "a".repeat(Limits::default().target_bytes));
    let refused = mapped(&[GET, ("REQUEST_URI", &long)]).err();
    assert_eq!(refused, Some(Refusal::TargetLength));
    let names: Vec<String> = (0..101).map(|number| format!("HTTP_X_{number}")).collect();
    let mut many = vec![GET, ROOT];
    many.extend(names.iter().map(|name| (&**name, "")));
    assert_eq!(mapped(&many).err(), Some(Refusal::FieldCount));
    many.pop();
    assert!(mapped(&many).is_ok());
}
