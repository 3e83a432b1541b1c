//! `access-log`: a line for each response, once it is over.

use super::{Site, curl};
use crate::harness::client::{Connection, get, request};
use crate::harness::eventually;
use crate::harness::libraries::sample;
use crate::harness::misbehaving::Flavour;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The lines of a log, once there are so many.
fn lines(log: &Path, count: usize) -> Vec<String> {
    eventually("the lines of the log", || {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    })
}

fn start(library: &Path, layer: &str, format: &str) -> (Site, std::path::PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (to, format) =
        (format!("access-log.to={}", log.display()), format!("access-log.format={format}"));
    (Site::start_library(library, layer, &[&to, &format]), log, folder)
}

#[test]
fn every_end_of_a_response_has_its_line() {
    for layer in ["access-log", sample("access-log").to_str().unwrap()] {
        for flavour in Flavour::ALL {
            let format = "{method} {target} {protocol} {status} {bytes} {outcome}";
            let (site, log, _folder) = start(&flavour.library(), layer, format);
            let mut expected = Vec::new();
            for (method, target, end) in [
                ("GET", "/fine", "200 5 completed"),
                ("GET", "/answer?status=404&block=abc", "404 3 completed"),
                ("HEAD", "/fine", "200 0 completed"),
                ("GET", "/error/call", "503 0 failed"),
                ("GET", "/error/middle", "200 6 failed"),
                ("GET", "/panic/call", "500 0 failed"),
                ("GET", "/start/replaced", "503 10 completed"),
            ] {
                let mut connection = Connection::open(site.address());
                connection.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
                expected.push(format!("{method} {target} HTTP/1.1 {end}"));
                assert_eq!(lines(&log, expected.len()), expected, "{flavour:?} {layer}");
            }
            // A client that leaves within the body.
            let mut connection = Connection::open(site.address());
            connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
            connection.head().unwrap();
            drop(connection);
            let last = lines(&log, expected.len() + 1).pop().unwrap();
            assert!(last.ends_with(" client_gone"), "{flavour:?}: {last}");
        }
    }
}

#[test]
fn the_usual_formats_are_what_tools_read() {
    let (site, log, _folder) = start(&sample("hello"), "access-log", "combined");
    curl(site.address(), "/a?b=c", &["--user-agent", "a \"b\"", "--referer", "http://c.example/"]);
    let line = lines(&log, 1).remove(0);
    let (before, rest) = line.split_once('[').unwrap();
    let (time, after) = rest.split_once(']').unwrap();
    assert_eq!(before, "127.0.0.1 - - ");
    assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    assert_eq!(after, " \"GET /a?b=c HTTP/1.1\" 200 24 \"http://c.example/\" \"a \\x22b\\x22\"");
    let (site, log, _folder) = start(&sample("hello"), "access-log", "json");
    get(site.address(), "/");
    let object: serde_json::Value = serde_json::from_str(&lines(&log, 1)[0]).unwrap();
    assert_eq!((&object["status"], &object["bytes"]), (&200.into(), &24.into()));
    assert_eq!(object["outcome"], "completed");
    assert!(object["duration_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_file_that_is_moved_away_is_followed_by_a_new_one() {
    let (site, log, folder) = start(&sample("hello"), "access-log", "{target}");
    get(site.address(), "/before");
    lines(&log, 1);
    let moved = folder.path().join("log.1");
    fs::rename(&log, &moved).unwrap();
    eventually("a new file", || {
        get(site.address(), "/after");
        log.exists().then_some(())
    });
    assert!(lines(&log, 1).iter().all(|line| line == "/after"));
    assert_eq!(lines(&moved, 1)[0], "/before");
}

#[test]
fn nothing_is_lost_when_the_host_ends() {
    let (site, log, _folder) = start(&sample("hello"), "access-log", "{target}");
    let mut connection = Connection::open(site.address());
    let expected: Vec<String> = (0..500).map(|number| format!("/{number}")).collect();
    for target in &expected {
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        connection.response().unwrap();
    }
    drop(connection);
    assert!(site.end().success());
    assert_eq!(fs::read_to_string(&log).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn lines_go_to_standard_output_where_nothing_else_is_said() {
    let site = Site::start("hello", "access-log", &["access-log.format={status} {target}"]);
    request(site.address(), "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the line", || site.stdout().contains("\n200 /x\n").then_some(()));
}
