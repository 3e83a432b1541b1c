//! `access-log`: a line for each response, once it is over.

use super::{Site, curl};
use crate::harness::client::{Connection, get, request};
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::sample;
use crate::harness::misbehaving::Flavour;
use rustix::fs::OFlags;
use rustix::process::Signal;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The lines of a log, once there are so many.
fn lines(log: &Path, count: usize) -> Vec<String> {
    eventually("the lines of the log", || {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    })
}

fn start(library: &Path, layer: &str, format: &str) -> (Site, PathBuf, TempDir) {
    launched(Launch::new(), library, layer, format)
}

fn launched(launch: Launch, library: &Path, layer: &str, format: &str) -> (Site, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let (to, format) =
        (format!("access-log.to={}", log.display()), format!("access-log.format={format}"));
    (Site::launched(launch, library, layer, &[&to, &format]), log, folder)
}

#[test]
fn every_end_of_a_response_has_its_line() {
    for layer in ["access-log", sample("access-log").to_str().unwrap()] {
        for flavour in Flavour::ALL {
            let format = "{method} {target} {protocol} {status} {bytes} {outcome}";
            let launch = Launch::new().breaking(&["call-no-panic", "content-type-missing"]);
            let (site, log, _folder) = launched(launch, &flavour.library(), layer, format);
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

/// Of those that look by the clock one line in a second would do as well.
#[test]
fn after_a_signal_the_next_line_is_in_a_new_file() {
    let (site, log, folder) = start(&sample("hello"), "access-log", "{target}");
    for round in 1..=10 {
        get(site.address(), &format!("/{round}"));
        assert_eq!(lines(&log, 1), [format!("/{round}")]);
        fs::rename(&log, folder.path().join(round.to_string())).unwrap();
        site.0.signal(Signal::USR1);
        site.0.wait_for_logs("USR1 received", round);
    }
}

#[test]
fn a_log_that_is_a_library_outlives_the_signal() {
    let library = sample("access-log");
    let (site, log, _folder) = start(&sample("hello"), library.to_str().unwrap(), "{target}");
    site.0.signal(Signal::USR1);
    site.0.wait_for_log("USR1 received");
    get(site.address(), "/after");
    assert_eq!(lines(&log, 1), ["/after"]);
}

/// The log is a pipe that nobody reads, until it is moved away: no request waits for it, and every
/// line is in the one file, in the other, or counted.
#[test]
fn what_the_disk_does_not_take_is_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (log, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let open =
        OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(&log);
    let mut pipe = open.unwrap();
    rustix::fs::fcntl_setfl(&pipe, OFlags::empty()).unwrap();
    let to = format!("access-log.to={}", log.display());
    let settings = [&*to, "access-log.format={target}", "access-log.queue=4"];
    let site = Site::start("hello", "access-log", &settings);
    let asked = Cell::new(0);
    let ask = |target: &str| {
        assert_eq!(get(site.address(), target).status, 200);
        asked.set(asked.get() + 1);
    };
    // Four lines wait at most, four are on their way, and the pipe has room for sixteen.
    let long = format!("/{}", "x".repeat(4095));
    (0..100).for_each(|_| ask(&long));
    fs::rename(&log, &moved).unwrap();
    site.0.signal(Signal::USR1);
    site.0.wait_for_log("USR1 received");
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut pipe).unwrap());
    eventually("a new file", || {
        ask("/after");
        log.exists().then_some(())
    });
    // It ends because the host has let it go.
    let before = reader.join().unwrap().lines().count();
    assert!(before > 0);
    let host = site.end_and_say();
    let after = fs::read_to_string(&log).unwrap().lines().count();
    let dropped = host
        .lines()
        .filter_map(|line| line.split_once(" lines were dropped")?.0.rsplit(' ').next());
    let dropped: usize = dropped.map(|count| count.parse::<usize>().unwrap()).sum();
    assert!(dropped >= 100 - 24, "{host}");
    assert_eq!(before + after + dropped, asked.get(), "{before} {after} {dropped}");
}

#[test]
fn what_cannot_be_written_is_counted() {
    for layer in ["access-log", sample("access-log").to_str().unwrap()] {
        let site = Site::start("hello", layer, &["access-log.to=/dev/full"]);
        (0..20).for_each(|_| assert_eq!(get(site.address(), "/").status, 200));
        let host = site.end_and_say();
        let lost = host
            .lines()
            .filter_map(|line| line.split_once(" lines were lost")?.0.rsplit(' ').next());
        let lost: usize = lost.map(|count| count.parse::<usize>().unwrap()).sum();
        assert_eq!(lost, 20, "{layer}: {host}");
    }
}

#[test]
fn nothing_is_lost_when_the_host_ends() {
    let (site, log, _folder) = start(&sample("hello"), "access-log", "{target}");
    let mut connection = Connection::open(site.address());
    let expected: BTreeSet<String> = (0..500).map(|number| format!("/{number}")).collect();
    for target in &expected {
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        connection.response().unwrap();
    }
    drop(connection);
    assert!(site.end().success());
    // The next request may end before the close of the one before it.
    let text = fs::read_to_string(&log).unwrap();
    let lines: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    assert_eq!((text.lines().count(), lines), (500, expected));
}

#[test]
fn lines_go_to_standard_output_where_nothing_else_is_said() {
    let site = Site::start("hello", "access-log", &["access-log.format={status} {target}"]);
    request(site.address(), "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the line", || site.stdout().contains("\n200 /x\n").then_some(()));
}
