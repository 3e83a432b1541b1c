//! `static`: files of a folder.

use super::{curl, curl_text};
use crate::harness::client::{Connection, Response, request};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::sample;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

/// A host that serves the folder `root` at `/` and at `/files`.
struct Site {
    host: Host,
    root: PathBuf,
    _folder: TempDir,
}

/// A file that is sent in several blocks.
fn large() -> Vec<u8> {
    (0..400_000_u32).map(|at| (at % 253) as u8).collect()
}

impl Site {
    fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        for (name, bytes) in [
            ("plain.txt", b"0123456789".as_slice()),
            ("a page.html", b"<p>a page"),
            ("large.bin", &large()),
            ("empty", b""),
            (".hidden", b"hidden"),
            ("docs/index.html", b"<p>index"),
        ] {
            fs::write(root.join(name), bytes).unwrap();
        }
        symlink("../secret", root.join("out")).unwrap();
        symlink("plain.txt", root.join("in.txt")).unwrap();
        let library = sample("static");
        let mount = format!("/files={}", library.display());
        let mut launch = Launch::new().args(["--load".as_ref(), library.as_os_str()]).args([
            "--mount",
            &mount,
            "--set",
            &format!("static.root={}", root.display()),
        ]);
        for setting in settings {
            launch = launch.args(["--set", setting]);
        }
        Self { host: launch.start(), root, _folder: folder }
    }

    fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let fields = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let fields: String = fields.collect();
        request(self.host.address(), format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.ask("GET", path, fields)
    }
}

fn fields(response: &Response, names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| response.header(name).map(ToOwned::to_owned)).collect()
}

#[test]
fn a_file_is_sent_whole_and_said_what_it_is() {
    let site = Site::start(&["static.cache_control=max-age=60"]);
    for path in ["/plain.txt", "/files/plain.txt", "/%70lain.txt", "/in.txt"] {
        let response = site.get(path, &[]);
        assert_eq!((response.status, response.text()), (200, "0123456789"), "{path}");
        assert_eq!(
            fields(
                &response,
                &["content-type", "content-length", "accept-ranges", "cache-control"]
            ),
            ["text/plain; charset=utf-8", "10", "bytes", "max-age=60"]
                .map(|it| Some(it.to_owned()))
        );
    }
    let head = site.ask("HEAD", "/plain.txt", &[]);
    let whole = site.get("/plain.txt", &[]);
    let without_date = |response: &Response| {
        let fields = response.headers.iter().filter(|(name, _)| name != "date");
        fields.cloned().collect::<Vec<_>>()
    };
    assert_eq!(without_date(&head), without_date(&whole));
    let page = site.get("/a%20page.html", &[]);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let large_one = site.get("/large.bin", &[]);
    assert_eq!(large_one.header("content-type"), Some("application/octet-stream"));
    assert!(large_one.body == large());
    let empty = site.get("/empty", &[]);
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
    assert!(curl(site.host.address(), "/large.bin", &[]) == large());
}

#[test]
fn nothing_else_is_there() {
    let site = Site::start(&[]);
    for path in [
        "/absent",
        "/",
        "/docs",
        "/docs/",
        "/plain.txt/",
        "/plain.txt/x",
        "/.hidden",
        "/out",
        "//plain.txt",
        "/%ff",
        "/files",
        "/files/out",
    ] {
        let response = site.get(path, &[]);
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.text(), "there is no such file\n", "{path}");
    }
    // What the host itself refuses never comes here.
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/docs/../../secret",
        "/docs/..%2f..%2fsecret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/a%00b",
    ] {
        let response = site.get(path, &[]);
        assert!((400..500).contains(&response.status), "{path}: {}", response.status);
        assert!(!response.text().contains("outside"), "{path}");
    }
    let there = curl_text(site.host.address(), "/../secret", &["--path-as-is"]);
    assert!(!there.contains("outside"));
    let wrong = site.ask("DELETE", "/plain.txt", &[]);
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn a_folder_has_the_index_that_the_config_names() {
    let site = Site::start(&["static.index=[\"index.htm\", \"index.html\"]"]);
    assert_eq!(site.get("/docs/", &[]).text(), "<p>index");
    let moved = site.get("/docs?x=1", &[]);
    assert_eq!((moved.status, moved.header("location")), (308, Some("/docs/?x=1")));
    let moved = site.get("/files/docs", &[]);
    assert_eq!(moved.header("location"), Some("/files/docs/"));
    // Never another host.
    assert_eq!(site.get("//docs", &[]).status, 404);
    assert_eq!(site.get("/", &[]).status, 404);
    assert_eq!(curl_text(site.host.address(), "/docs", &["--location"]), "<p>index");
}

#[test]
fn hidden_files_are_shown_where_the_config_says_so() {
    let site = Site::start(&["static.hidden=shown"]);
    assert_eq!(site.get("/.hidden", &[]).text(), "hidden");
}

#[test]
fn a_client_that_has_the_file_gets_no_other_copy() {
    let site = Site::start(&[]);
    let first = site.get("/plain.txt", &[]);
    let etag = first.header("etag").unwrap().to_owned();
    let modified = first.header("last-modified").unwrap().to_owned();
    for condition in [("If-None-Match", &etag), ("If-Modified-Since", &modified)] {
        for method in ["GET", "HEAD"] {
            let response = site.ask(method, "/plain.txt", &[(condition.0, condition.1)]);
            assert_eq!((response.status, &*response.body), (304, b"".as_slice()), "{condition:?}");
            assert_eq!(response.header("etag"), Some(&*etag));
        }
    }
    let other = site.get("/plain.txt", &[("If-Match", "\"other\"")]);
    assert_eq!(other.status, 412);
    let told = curl_text(
        site.host.address(),
        "/plain.txt",
        &["--header", &format!("If-None-Match: {etag}"), "--write-out", "%{http_code}"],
    );
    assert_eq!(told, "304");
    // A file that has changed is another one.
    fs::write(site.root.join("plain.txt"), "abcdefghij").unwrap();
    let second = site.get("/plain.txt", &[("If-None-Match", &etag)]);
    assert_eq!((second.status, second.text()), (200, "abcdefghij"));
    assert_ne!(second.header("etag"), Some(&*etag));
}

#[test]
fn parts_of_a_file_are_sent() {
    let site = Site::start(&[]);
    let etag = site.get("/plain.txt", &[]).header("etag").unwrap().to_owned();
    for (asked, status, range, body) in [
        ("bytes=0-0", 206, Some("bytes 0-0/10"), "0"),
        ("bytes=3-5", 206, Some("bytes 3-5/10"), "345"),
        ("bytes=8-", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=-2", 206, Some("bytes 8-9/10"), "89"),
        ("bytes=0-1,1-2", 206, Some("bytes 0-2/10"), "012"),
        ("bytes=0-99", 200, None, "0123456789"),
        ("bytes=0-1,5-6", 200, None, "0123456789"),
        ("pages=1", 200, None, "0123456789"),
        ("bytes=10-", 416, Some("bytes */10"), "the file has no such part\n"),
    ] {
        let response = site.get("/plain.txt", &[("Range", asked)]);
        assert_eq!((response.status, response.text()), (status, body), "{asked}");
        assert_eq!(response.header("content-range"), range, "{asked}");
        assert_eq!(response.header("content-length"), Some(&*body.len().to_string()), "{asked}");
    }
    let part = |condition: &str| {
        site.get("/plain.txt", &[("Range", "bytes=1-2"), ("If-Range", condition)]).status
    };
    assert_eq!((part(&etag), part("\"other\""), part(&format!("W/{etag}"))), (206, 200, 200));
    let head = site.ask("HEAD", "/plain.txt", &[("Range", "bytes=1-2")]);
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
    // A download that was broken off is taken up again.
    let begun = site.root.parent().unwrap().join("begun");
    fs::write(&begun, &large()[..123_456]).unwrap();
    let begun = begun.to_str().unwrap();
    curl(site.host.address(), "/large.bin", &["--continue-at", "-", "--output", begun]);
    assert!(fs::read(begun).unwrap() == large());
}

#[test]
fn one_connection_gets_many_files() {
    let site = Site::start(&[]);
    let mut connection = Connection::open(site.host.address());
    for _ in 0..20 {
        for (path, body) in [("/plain.txt", b"0123456789".as_slice()), ("/large.bin", &large())] {
            connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(connection.response().unwrap().body == body, "{path}");
        }
    }
}

#[test]
fn a_root_that_is_no_folder_is_refused() {
    let library = sample("static");
    let refused = |setting: &str| {
        let output = Launch::new()
            .args(["--strict", "--load", library.to_str().unwrap(), "--set", setting])
            .start_or_end();
        String::from_utf8(output.unwrap_err().stderr).unwrap()
    };
    let said = refused("static.root=/no/such/folder");
    assert!(said.contains("cannot use `/no/such/folder` as root"), "{said}");
    let said = refused("static.folder=/");
    assert!(said.contains("folder"), "{said}");
}
