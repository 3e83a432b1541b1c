//! Where a request goes by its path, and what its application is told of it.

use crate::harness::client::{Response, get, request};
use crate::harness::host::Host;
use crate::harness::http2::Http2;
use crate::harness::libraries::sample;
use http::Request;
use std::collections::BTreeMap;

/// Serves the application that shows its environ at each of these paths.
fn mounted(paths: &[&str]) -> Host {
    let library = sample("environ");
    let mount = |path: &&str| ["--mount".to_owned(), format!("{path}={}", library.display())];
    Host::start(paths.iter().flat_map(mount))
}

fn environ(response: &Response) -> BTreeMap<String, String> {
    assert_eq!(response.status, 200, "{}", response.text());
    let pairs = response.text().lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_longest_mount_answers_at_segment_borders() {
    let host = mounted(&["/shop", "/shop/admin", "/a%20b"]);
    for (target, script_name, path_info) in [
        ("/shop", "/shop", ""),
        ("/shop/", "/shop", "/"),
        ("/shop/x/y", "/shop", "/x/y"),
        ("/shop//x", "/shop", "//x"),
        ("/shop/administrator", "/shop", "/administrator"),
        ("/shop/admin", "/shop/admin", ""),
        ("/shop/admin/users", "/shop/admin", "/users"),
        ("/sh%6Fp/x", "/shop", "/x"),
        ("/shop/%61dmin/x", "/shop/admin", "/x"),
        ("/a%20b/c%20d", "/a b", "/c d"),
        ("/shop/caf%c3%a9", "/shop", r"/caf\xc3\xa9"),
    ] {
        let environ = environ(&get(host.address(), target));
        let found = (environ["SCRIPT_NAME"].as_str(), environ["PATH_INFO"].as_str());
        assert_eq!(found, (script_name, path_info), "{target}");
        assert_eq!(environ["REQUEST_URI"], target);
    }
    for elsewhere in ["/", "/shopping", "/shop.html", "/SHOP", "/sho", "/x/shop", "//shop"] {
        assert_eq!(get(host.address(), elsewhere).status, 404, "{elsewhere}");
    }
}

#[test]
fn the_root_takes_what_no_other_mount_takes() {
    let host = mounted(&["/", "/shop"]);
    for (target, script_name, path_info) in [
        ("/", "", "/"),
        ("/shopping", "", "/shopping"),
        ("/shop/x", "/shop", "/x"),
        ("//shop", "", "//shop"),
    ] {
        let environ = environ(&get(host.address(), target));
        let found = (environ["SCRIPT_NAME"].as_str(), environ["PATH_INFO"].as_str());
        assert_eq!(found, (script_name, path_info), "{target}");
    }
}

#[test]
fn an_encoded_slash_makes_no_segment() {
    let host = mounted(&["/", "/a/b"]);
    let environ = environ(&get(host.address(), "/a%2Fb/c"));
    assert_eq!(environ["SCRIPT_NAME"], "", "it was taken for a mount's slash");
    // Decoded as CGI has it; who must tell them apart reads the target.
    assert_eq!(environ["PATH_INFO"], "/a/b/c");
    assert_eq!(environ["REQUEST_URI"], "/a%2Fb/c");
}

#[test]
fn the_query_is_passed_on_as_received() {
    let host = mounted(&["/"]);
    for (target, query) in [
        ("/", ""),
        ("/?", ""),
        ("/?a=1%20&b=%zz", "a=1%20&b=%zz"),
        ("/x?a?b/../c", "a?b/../c"),
        ("/?%00", "%00"),
    ] {
        let environ = environ(&get(host.address(), target));
        assert_eq!((&*environ["QUERY_STRING"], &*environ["REQUEST_URI"]), (query, target));
    }
}

#[test]
fn the_environ_holds_every_documented_key() {
    let host = mounted(&["/shop"]);
    let response = request(
        host.address(),
        "POST /shop/x HTTP/1.1\r\nHost: shop.example:8443\r\nContent-Type: text/x\r\n\
         Content-Length: 2\r\nX-Own: 1\r\n\r\nhi",
    );
    let mut environ = environ(&response);
    let port = environ.remove("REMOTE_PORT").expect("a client over TCP has a port");
    assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "REMOTE_PORT={port}");
    let generation = environ.remove("dsgi.generation").expect("the host numbers them");
    assert!(generation.parse::<u64>().is_ok_and(|number| number > 0), "{generation}");
    let own_port = host.address().port().to_string();
    let expected = [
        ("CONTENT_LENGTH", "2"),
        ("CONTENT_TYPE", "text/x"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("HTTP_HOST", "shop.example:8443"),
        ("HTTP_X_OWN", "1"),
        ("PATH_INFO", "/x"),
        ("QUERY_STRING", ""),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_SCHEME", "http"),
        ("REQUEST_URI", "/shop/x"),
        ("SCRIPT_NAME", "/shop"),
        ("SERVER_NAME", "shop.example"),
        ("SERVER_PORT", &own_port),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", concat!("dsgi-host/", env!("CARGO_PKG_VERSION"))),
        ("dsgi.gateway", "http"),
        ("dsgi.multiprocess", "false"),
        ("dsgi.multithread", "true"),
        ("dsgi.run_once", "false"),
        ("dsgi.url_scheme", "http"),
        ("dsgi.version", "0"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(environ, BTreeMap::from(expected));
}

#[test]
fn what_a_request_does_not_have_is_absent_but_its_server_is_named() {
    let host = mounted(&["/"]);
    let environ = environ(&request(host.address(), "GET / HTTP/1.0\r\n\r\n"));
    for key in ["CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_HOST"] {
        assert_eq!(environ.get(key), None, "{key}");
    }
    assert_eq!((&*environ["SERVER_NAME"], &*environ["SERVER_PROTOCOL"]), ("127.0.0.1", "HTTP/1.0"));
}

#[test]
fn repeated_fields_are_joined() {
    let host = mounted(&["/"]);
    let response = request(
        host.address(),
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nX-Same: 1\r\nx-same: 2\r\ncookie: b=2\r\n\
         Accept: text/x;q=0.5\r\nX-SAME: 3\r\nX-Empty:\r\n\r\n",
    );
    let environ = environ(&response);
    for (key, value) in [
        ("HTTP_COOKIE", "a=1; b=2"),
        ("HTTP_X_SAME", "1, 2, 3"),
        ("HTTP_ACCEPT", "text/x;q=0.5"),
        ("HTTP_X_EMPTY", ""),
    ] {
        assert_eq!(environ[key], value, "{key}");
    }
}

#[test]
fn a_field_cannot_pass_for_another_one() {
    let host = mounted(&["/"]);
    let response = request(
        host.address(),
        "GET / HTTP/1.1\r\nHost: a\r\nX-User: real\r\nX_User: forged\r\nX_Only: forged\r\n\
         Proxy: http://evil.example\r\nContent_Length: 9\r\n\r\n",
    );
    let environ = environ(&response);
    assert_eq!(environ["HTTP_X_USER"], "real");
    for key in ["HTTP_X_ONLY", "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "CONTENT_LENGTH"] {
        assert_eq!(environ.get(key), None, "{key}");
    }
}

#[test]
fn http2_tells_the_same_of_a_request() {
    let host = mounted(&["/shop"]);
    let mut client = Http2::open(host.address());
    let sent = client.send(
        Request::post("http://shop.example:8443/shop/x%20y?z")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("x-same", "1")
            .header("x-same", "2")
            .header("x_same", "forged")
            .header("proxy", "forged")
            .body(String::from("hi")),
    );
    let environ = environ(&client.response(sent).unwrap());
    for (key, value) in [
        ("HTTP_HOST", "shop.example:8443"),
        ("SERVER_NAME", "shop.example"),
        ("REQUEST_URI", "/shop/x%20y?z"),
        ("SCRIPT_NAME", "/shop"),
        ("PATH_INFO", "/x y"),
        ("QUERY_STRING", "z"),
        ("CONTENT_LENGTH", "2"),
        ("HTTP_COOKIE", "a=1; b=2"),
        ("HTTP_X_SAME", "1, 2"),
        ("SERVER_PROTOCOL", "HTTP/2.0"),
    ] {
        assert_eq!(environ.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(environ.get("HTTP_PROXY"), None);
}

#[test]
fn an_absolute_target_names_the_host() {
    let host = mounted(&["/"]);
    let absolute = "GET http://real.example:81/x?y HTTP/1.1\r\nHost: other.example\r\n\r\n";
    let environ = environ(&request(host.address(), absolute));
    for (key, value) in [
        ("HTTP_HOST", "real.example:81"),
        ("SERVER_NAME", "real.example"),
        ("PATH_INFO", "/x"),
        ("REQUEST_URI", "http://real.example:81/x?y"),
    ] {
        assert_eq!(environ[key], value, "{key}");
    }
}

/// Exact names before those under a name, the longest of these first, then any host; where a host
/// has no such path, the next one is asked.
#[test]
fn a_mount_may_be_for_one_host_or_for_those_under_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let library = sample("environ");
    let mounts = [
        ("shop.example", "/"),
        ("*.example", "/"),
        ("*.shop.example", "/admin"),
        ("[::1]", "/"),
        ("", "/any"),
    ];
    let mounts = mounts.map(|(host, path)| match host {
        "" => format!("[[mount]]\npath = {path:?}\napp = \"environ\"\n"),
        host => format!("[[mount]]\nhost = {host:?}\npath = {path:?}\napp = \"environ\"\n"),
    });
    let text = format!(
        "server.listen = [\"127.0.0.1:0\"]\n[apps.environ]\npath = {:?}\n{}",
        library.display().to_string(),
        mounts.concat()
    );
    let file = folder.path().join("host.toml");
    std::fs::write(&file, text).unwrap();
    let host = Host::start(["--config", file.to_str().unwrap()]);
    let ask = |name: &str, target: &str| {
        let response =
            request(host.address(), format!("GET {target} HTTP/1.1\r\nHost: {name}\r\n\r\n"));
        match response.status {
            200 => environ(&response)["SCRIPT_NAME"].clone(),
            status => status.to_string(),
        }
    };
    for (name, target, expected) in [
        ("shop.example", "/any/x", ""),
        ("SHOP.Example:8080", "/x", ""),
        ("shop.example.", "/x", ""),
        ("blog.example", "/admin", ""),
        ("a.shop.example", "/admin/x", "/admin"),
        ("a.shop.example", "/x", ""),
        ("[::1]:80", "/x", ""),
        ("elsewhere", "/any/x", "/any"),
        ("elsewhere", "/x", "404"),
        // What a suffix is of is not under it.
        ("example", "/x", "404"),
        ("notshop.exampl", "/x", "404"),
        // The absolute form says what the Host does not.
        ("elsewhere", "http://shop.example/x", ""),
        ("shop.example", "http://elsewhere/x", "404"),
    ] {
        assert_eq!(ask(name, target), expected, "{name} {target}");
    }
    let without = request(host.address(), "GET /any/x HTTP/1.0\r\n\r\n");
    assert_eq!(environ(&without)["SCRIPT_NAME"], "/any");
    assert_eq!(request(host.address(), "GET /x HTTP/1.0\r\n\r\n").status, 404);
    let mut client = Http2::open(host.address());
    let asked = |target: &str| Request::get(target).body(String::new());
    let sent = client.send(asked("http://a.shop.example/admin/x"));
    assert_eq!(environ(&client.response(sent).unwrap())["SCRIPT_NAME"], "/admin");
    let sent = client.send(asked("http://elsewhere/x"));
    assert_eq!(client.response(sent).unwrap().status, 404);
}
