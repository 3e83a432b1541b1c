//! One application of axum, served by `axum::serve` and as a library: both answer alike, over
//! HTTP/1.1 and HTTP/2, at the root and at a mount.

use super::native::Native;
use crate::harness::client::{Connection, Response};
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::libraries::fault_app;
use axum::Router;
use std::net::SocketAddr;
use std::path::Path;

/// A request, without where the application is mounted. At a mount `/` stands for the mount itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    method: &'static str,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    body: &'static str,
}

impl Asked {
    /// The target; axum's own `nest` knows no slash behind the mount.
    fn at(self, mount: &str) -> String {
        match (mount, self.path) {
            ("", path) => path.to_owned(),
            (mount, "/") => mount.to_owned(),
            (mount, path) => format!("{mount}{path}"),
        }
    }
}

pub(super) const fn get(path: &'static str) -> Asked {
    Asked { method: "GET", path, fields: &[], body: "" }
}

const fn with(asked: Asked, fields: &'static [(&'static str, &'static str)]) -> Asked {
    Asked { fields, ..asked }
}

pub(super) const fn post(
    path: &'static str,
    fields: &'static [(&str, &str)],
    body: &'static str,
) -> Asked {
    Asked { method: "POST", path, fields, body }
}

pub(super) const fn put(
    path: &'static str,
    fields: &'static [(&str, &str)],
    body: &'static str,
) -> Asked {
    Asked { method: "PUT", path, fields, body }
}

pub(super) const fn by(method: &'static str, path: &'static str) -> Asked {
    Asked { method, path, fields: &[], body: "" }
}

pub(super) const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
pub(super) const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
const PARTS: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=cut")];
const MULTIPART: &str = "--cut\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\nfirst\r\n\
                         --cut\r\nContent-Disposition: form-data; name=\"two\"; \
                         filename=\"a.txt\"\r\n\r\na file\r\n--cut--\r\n";

/// One of each kind, and some of each that are refused.
const ALL: &[Asked] = &[
    get("/"),
    by("HEAD", "/"),
    by("DELETE", "/"),
    get("/nowhere?x=1"),
    get("/json"),
    by("HEAD", "/json"),
    post("/json", JSON, r#"{"item":"tea","count":3}"#),
    post("/json", JSON, r#"{"item":"tea"}"#),
    post("/json", JSON, "{"),
    post("/json", &[], "{}"),
    post("/form", FORM, "item=tea&count=3"),
    post("/form", FORM, "item=tea&count=x"),
    post("/multipart", PARTS, MULTIPART),
    post("/multipart", PARTS, "--cut\r\nnonsense"),
    get("/query?item=black+tea%26more&count=1"),
    get("/query?item=tea"),
    get("/path/a%2Fb%20c/3"),
    get("/path/%C3%A9/x"),
    get("/path/%ff/1"),
    get("/rest/a//b/%2e%20/c%3Fd"),
    get("/state"),
    get("/extension"),
    get("/peer"),
    get("/original?x=%20y"),
    get("/request?"),
    get("/request?a=1&b=%2F"),
    with(get("/request"), &[("x-one", "1"), ("x-two", "a"), ("accept", "*/*")]),
    post("/request", &[("x-empty", "")], "some"),
    by("PURGE", "/request"),
    with(get("/cookies"), &[("cookie", "a=1; b=2")]),
    get("/status/204"),
    get("/status/304"),
    get("/status/404"),
    get("/status/503"),
    get("/status/799"),
    by("HEAD", "/status/200"),
    get("/empty"),
    get("/nested/one"),
    get("/nested/one/two"),
    get("/compressed"),
    with(get("/compressed"), &[("accept-encoding", "gzip")]),
    with(by("HEAD", "/compressed"), &[("accept-encoding", "gzip")]),
    with(get("/cors"), &[("origin", "http://b.example")]),
    with(
        by("OPTIONS", "/cors"),
        &[("origin", "http://b.example"), ("access-control-request-method", "PUT")],
    ),
    get("/timeout"),
    post("/limited", &[], "short"),
    post("/limited", &[], "longer than it may be"),
    post("/bounded", &[], "short"),
    post("/bounded", &[], "longer than it may be"),
    get("/traced"),
    get("/headed"),
    get("/files/plain.txt"),
    by("HEAD", "/files/plain.txt"),
    with(get("/files/plain.txt"), &[("range", "bytes=2-5")]),
    with(get("/files/plain.txt"), &[("range", "bytes=900-")]),
    with(get("/files/plain.txt"), &[("if-modified-since", "Fri, 31 Dec 9999 23:59:59 GMT")]),
    get("/files/none.txt"),
    by("POST", "/files/plain.txt"),
    post("/echo", &[], "a body that comes back"),
    post("/shout", &[], "quiet"),
    get("/large"),
    get("/sse"),
    get("/broken"),
    get("/ws"),
    get("/reason"),
    with(get("/trailers"), &[("te", "trailers")]),
    get("/trailers"),
];

pub(super) const MOUNT: &str = "/shop/at%20home";

/// Both servers of the routes. Without the validator: the routes also answer what
/// an axum application may and ours should not, such as a 204 with a body.
pub(super) fn both(mount: &str) -> (Native, Host) {
    let launch = Launch::new().bare();
    beside(mount, app_routes::router(), &fault_app("routed"), launch)
}

/// A router as its own server serves it, and its library: at the root, or at a mount.
pub(super) fn beside(
    mount: &str,
    router: Router,
    library: &Path,
    launch: Launch,
) -> (Native, Host) {
    let (router, decoded) = match mount {
        "" => (router, "/".to_owned()),
        mount => (Router::new().nest(mount, router), mount.replace("%20", " ")),
    };
    let mounted = format!("{decoded}=app={}", library.display());
    (Native::serve(router), launch.args(["--mount", &mounted]).start())
}

/// What a client can see of an answer, but for what names a moment or a server.
fn seen(response: std::io::Result<Response>) -> Result<Response, String> {
    let mut response = response.map_err(|error| format!("{:?}", error.kind()))?;
    // The host keeps HTTP where a framework leaves it to the application: neither of these has a
    // body, and a 204 has no length either.
    if [204, 304].contains(&response.status) {
        response.body.clear();
    }
    if response.status == 204 {
        response.headers.retain(|(name, _)| name != "content-length");
    }
    response.headers.retain(|(name, _)| name != "date");
    response.headers.sort();
    Ok(response)
}

pub(super) fn over_http1(
    address: SocketAddr,
    mount: &str,
    asked: Asked,
) -> Result<Response, String> {
    let Asked { method, fields, body, .. } = asked;
    let path = asked.at(mount);
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n");
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut connection = Connection::open(address);
    connection.send(format!("{text}\r\n{body}"));
    let response = match method {
        "HEAD" => connection.response_to_head(),
        _ => connection.response(),
    };
    let mut seen = seen(response)?;
    if seen.status == 304 {
        // Hyper writes the length of no body at all for an answer to HEAD only.
        seen.headers.retain(|(name, _)| name != "content-length");
    }
    Ok(seen)
}

pub(super) fn over_http2(
    connection: &mut Http2,
    mount: &str,
    asked: Asked,
) -> Result<Response, String> {
    let Asked { method, fields, body, .. } = asked;
    let mut request = http::Request::builder().method(method);
    request = request.uri(format!("http://a.example{}", asked.at(mount)));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let sent = connection.send(request.body(body.to_owned()));
    seen(connection.response(sent).map_err(std::io::Error::other))
}

/// Both answers to each request, side by side; what differs fails the test in the end.
pub(super) fn compare(
    what: &str,
    all: &[Asked],
    mut ask: impl FnMut(Asked) -> [Result<Response, String>; 2],
) {
    let mut different = Vec::new();
    let mut answered = 0;
    for asked in all {
        let [native, plugin] = ask(*asked);
        answered += usize::from(native.is_ok());
        if native != plugin {
            different.push(format!("{asked:?}\n  native {native:?}\n  plugin {plugin:?}"));
        }
    }
    assert!(answered + 1 >= all.len(), "{what}: only {answered} were answered at all");
    assert!(different.is_empty(), "{what}:\n{}", different.join("\n"));
}

#[test]
fn they_answer_alike_over_http1() {
    for mount in ["", MOUNT] {
        let (native, host) = both(mount);
        let servers = [native.address, host.address()];
        compare(&format!("HTTP/1.1 at {mount:?}"), ALL, |asked| {
            servers.map(|server| over_http1(server, mount, asked))
        });
    }
}

#[test]
fn they_answer_alike_over_http2() {
    for mount in ["", MOUNT] {
        let (native, host) = both(mount);
        let mut servers = [Http2::open(native.address), Http2::open(host.address())];
        compare(&format!("HTTP/2 at {mount:?}"), ALL, |asked| {
            servers.each_mut().map(|server| over_http2(server, mount, asked))
        });
    }
}

/// What a conversation tells, step by step.
fn steps(
    address: SocketAddr,
    steps: impl FnOnce(&mut Connection) -> std::io::Result<Vec<String>>,
) -> Vec<String> {
    steps(&mut Connection::open(address)).expect("each step is answered")
}

/// Each block comes back before the next one is sent.
#[test]
fn they_stream_alike() {
    let (native, host) = both("");
    let stream = |connection: &mut Connection| {
        connection.send("POST /shout HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.send("3\r\none\r\n");
        let mut told = vec![connection.head()?.status.to_string()];
        told.push(format!("{:?}", connection.chunk()?));
        connection.send("3\r\ntwo\r\n");
        told.push(format!("{:?}", connection.chunk()?));
        connection.send("0\r\n\r\n");
        told.push(format!("{:?} {:?}", connection.chunk()?, connection.fields()?));
        Ok(told)
    };
    let told = steps(native.address, stream);
    assert_eq!(told, steps(host.address(), stream));
    assert_eq!(told[2], format!("{:?}", Some(b"TWO")), "it did not stream at all");
}

/// What follows a body arrives, and is sent where the client takes it.
#[test]
fn they_trail_alike() {
    let (native, host) = both("");
    let servers = [native.address, host.address()];
    let received = |address| {
        let mut connection = Connection::open(address);
        connection.send(
            "POST /received HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Trailer: x-mine\r\n\r\n3\r\nabc\r\n0\r\nX-Mine: 1\r\nx-mine: 2\r\n\r\n",
        );
        connection.response().unwrap().text().to_owned()
    };
    let [native_told, told] = servers.map(received);
    assert_eq!(native_told, told);
    assert!(told.starts_with("3\n") && told.contains(r#""x-mine": "2""#), "{told}");
    let [native_told, told] = servers.map(|address| {
        let mut client = Http2::open(address);
        let sent = client.send_trailers("/received", "abc", &[("x-mine", "1"), ("x-two", "2")]);
        client.response(sent).unwrap().text().to_owned()
    });
    assert_eq!(native_told, told);
    assert!(told.contains(r#""x-two": "2""#), "{told}");

    let sum = [("x-sum".to_owned(), "7".to_owned())];
    let with_te = with(get("/trailers"), &[("te", "trailers")]);
    for (asked, over_http1_sent) in [(with_te, &sum[..]), (get("/trailers"), &[])] {
        let told = servers.map(|server| over_http1(server, "", asked).unwrap().trailers);
        assert_eq!(told, [over_http1_sent; 2], "{asked:?}");
        let told = servers.map(|server| over_http2(&mut Http2::open(server), "", asked));
        assert_eq!(told.map(|told| told.unwrap().trailers), [&sum; 2], "{asked:?}");
    }
}

/// A reason of the application's own stands in the status line, through a layer of tower as well.
#[test]
fn they_give_the_same_reason() {
    let (native, host) = both("");
    let layered = Launch::new().bare().arg("--enable").arg(fault_app("tower-around"));
    let layered = layered.args(["--set", "tower-around.patience_ms=20000"]);
    let layered = layered.arg("--load").arg(fault_app("routed")).start();
    for server in [native.address, host.address(), layered.address()] {
        let mut connection = Connection::open(server);
        connection.send("GET /reason HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = connection.read_to_end().unwrap();
        let expected = "HTTP/1.1 418 Short and Stout\r\n";
        assert!(answer.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&answer));
    }
}

/// A mount is where a path begins, and no route: with a slash behind it or without, it is the root
/// of its application. To `nest` one of them is unknown.
#[test]
fn a_mount_is_a_root_with_a_slash_and_without() {
    let (native, host) = both(MOUNT);
    let at = |address, path| {
        let answer = over_http1(address, "", get(path)).unwrap();
        (answer.status, answer.text().starts_with("root"))
    };
    let [bare, slash] = ["/shop/at%20home", "/shop/at%20home/"];
    assert_eq!([at(host.address(), bare), at(host.address(), slash)], [(200, true); 2]);
    assert_eq!([at(native.address, bare), at(native.address, slash)], [(200, true), (404, false)]);
}

/// A client that asks first is told to go on once the body is read, and is not where it is not.
#[test]
fn they_expect_alike() {
    let (native, host) = both("");
    for (path, first) in [("/json", "100"), ("/nowhere", "404")] {
        let ask = |connection: &mut Connection| {
            connection.send(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                 Content-Length: 24\r\nExpect: 100-continue\r\n\r\n"
            ));
            let mut told = vec![connection.response()?.status.to_string()];
            if told[0] == "100" {
                connection.send(r#"{"item":"tea","count":2}"#);
                told.push(connection.response()?.text().to_owned());
            }
            Ok(told)
        };
        let told = steps(native.address, ask);
        assert_eq!(told, steps(host.address(), ask), "{path}");
        assert_eq!(told[0], first, "{path}");
    }
}

/// What the host refuses before an application is asked.
#[test]
fn dot_segments_are_refused_by_the_host() {
    let (native, host) = both("");
    let at = |address| over_http1(address, "", get("/rest/a/%2e%2e/b")).map(|it| it.status);
    assert_eq!((at(native.address), at(host.address())), (Ok(200), Ok(400)));
}

/// The control: another application is told apart.
#[test]
fn what_differs_is_seen() {
    let (native, host) = both("");
    let at = |address, path| over_http1(address, "", get(path));
    assert_ne!(at(native.address, "/state"), at(host.address(), "/extension"));
    assert_ne!(at(native.address, "/cookies"), at(host.address(), "/empty"), "by their fields");
}
