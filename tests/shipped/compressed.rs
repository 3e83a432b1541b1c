//! `gzip`: smaller responses that stay right.

use super::{Site, curl, curl_text};
use crate::harness::client::{Connection, Response, request};
use crate::harness::libraries::sample;
use crate::harness::misbehaving::Flavour;
use flate2::read::GzDecoder;
use std::fs;
use std::io::Read as _;

fn ask(site: &Site, method: &str, path: &str, fields: &str) -> Response {
    request(site.address(), format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn unzipped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// A folder of files, served by `static` behind the layer.
fn files(layer: &str) -> (Site, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..20_000).map(|line| format!("line {line} of many\n")).collect();
    fs::write(folder.path().join("large.txt"), &text).unwrap();
    fs::write(folder.path().join("small.txt"), "small").unwrap();
    fs::write(folder.path().join("picture.png"), &text).unwrap();
    let root = format!("static.root={}", folder.path().display());
    (Site::start("static", layer, &[&root]), text, folder)
}

#[test]
fn a_file_is_compressed_as_the_client_asks() {
    for layer in ["gzip", sample("gzip").to_str().unwrap()] {
        let (site, text, _folder) = files(layer);
        let plain = ask(&site, "GET", "/large.txt", "");
        assert_eq!(plain.text(), text);
        assert_eq!(plain.header("content-encoding"), None);
        let coded = ask(&site, "GET", "/large.txt", "Accept-Encoding: br;q=0.5, gzip\r\n");
        assert_eq!(coded.header("content-encoding"), Some("gzip"));
        assert_eq!(coded.header("vary"), Some("Accept-Encoding"));
        assert_eq!(coded.header("accept-ranges"), None);
        let weak = format!("W/{}", plain.header("etag").unwrap());
        assert_eq!(coded.header("etag"), Some(&*weak));
        assert!(coded.body.len() < text.len() / 3);
        assert!(unzipped(&coded.body) == text.as_bytes());
        // Its tag is good for asking again.
        let again = format!("Accept-Encoding: gzip\r\nIf-None-Match: {weak}\r\n");
        let again = ask(&site, "GET", "/large.txt", &again);
        assert_eq!((again.status, &*again.body), (304, b"".as_slice()));
        for coding in ["gzip", "br", "zstd"] {
            let header = format!("Accept-Encoding: {coding}");
            let head = ask(&site, "HEAD", "/large.txt", &format!("{header}\r\n"));
            assert_eq!(head.header("content-encoding"), Some(coding));
            assert_eq!(head.header("content-length"), None, "{coding}");
            // curl knows most of them.
            let version = curl_text(site.address(), "/", &["--version"]);
            if version.contains(&if coding == "gzip" { "libz" } else { coding }.to_owned()) {
                let options = ["--compressed", "--header", &header];
                assert!(
                    curl(site.address(), "/large.txt", &options) == text.as_bytes(),
                    "{coding}"
                );
            }
        }
    }
}

#[test]
fn what_must_stay_as_it_is_does() {
    let (site, text, _folder) = files("gzip");
    let all = "Accept-Encoding: gzip, br, zstd\r\n";
    // Longer than what is too short to be worth it.
    let part = ask(&site, "GET", "/large.txt", &format!("{all}Range: bytes=5-1004\r\n"));
    assert_eq!((part.status, part.header("content-encoding")), (206, None));
    assert_eq!(part.text(), &text[5..1005]);
    for (path, accepted) in [
        ("/small.txt", all),
        ("/picture.png", all),
        ("/large.txt", "Accept-Encoding: gzip;q=0\r\n"),
        ("/large.txt", "Accept-Encoding: deflate\r\n"),
        ("/large.txt", "Accept-Encoding: identity, gzip;q=0.5\r\n"),
    ] {
        let response = ask(&site, "GET", path, accepted);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("content-encoding"), None, "{path} {accepted}");
        let length = response.header("content-length").map(|length| length.parse().unwrap());
        assert_eq!(length, Some(response.body.len()), "{path} {accepted}");
    }
    // What depends on the client says so, even where this client gets the plain one.
    let plain = ask(&site, "GET", "/small.txt", all);
    assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
    let picture = ask(&site, "GET", "/picture.png", all);
    assert_eq!(picture.header("vary"), None);
}

#[test]
fn a_stream_stays_a_stream() {
    for flavour in Flavour::ALL {
        let site = Site::start_library(&flavour.library(), "gzip", &[]);
        let mut connection = Connection::open(site.address());
        // It never ends: what arrives must be readable before more is made.
        let target = "/answer?header=Content-Type:text/plain&block=first&block=second";
        connection
            .send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"));
        let response = connection.response().unwrap();
        assert_eq!(response.header("content-encoding"), Some("gzip"), "{flavour:?}");
        assert_eq!(unzipped(&response.body), b"firstsecond", "{flavour:?}");
        // A length that was declared is no longer right.
        let declared = "/answer?header=Content-Type:text/plain&header=Content-Length:600&block=";
        let target = format!("{declared}{}", "x".repeat(600));
        let response = ask(&site, "GET", &target, "Accept-Encoding: gzip\r\n");
        assert_eq!(unzipped(&response.body), "x".repeat(600).into_bytes(), "{flavour:?}");
        // An error within the body breaks the response off, and nothing pretends that it ended.
        let mut connection = Connection::open(site.address());
        connection.send("GET /error/middle HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        connection.response().unwrap_err();
    }
    let site = Site::start("stream", "gzip", &[]);
    let mut connection = Connection::open(site.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(connection.head().unwrap().header("content-encoding"), Some("gzip"));
    let (mut received, mut read) = (Vec::new(), String::new());
    // Three lines are there after the chunks that carried them, of a body without end.
    while read.lines().count() < 3 {
        received.extend(connection.chunk().unwrap().unwrap());
        read.clear();
        let mut one = [0];
        let mut decoder = GzDecoder::new(&*received);
        while let Ok(1) = decoder.read(&mut one) {
            read.push(char::from(one[0]));
        }
    }
    assert_eq!(read.lines().take(3).collect::<Vec<_>>(), ["1", "2", "3"]);
}
