//! Bodies that are files: the host reads and sends them, closes them on every path, and tells the
//! application how it ended.
//!
//! A file below the usual temporary folder is in memory, and is read on the core. One in a tmpfs
//! cannot be asked about, and is read by a thread that may wait.

use crate::harness::client::{Connection, Response, get, request};
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::http2::Http2;
use crate::harness::misbehaving::{Flavour, Misbehaving};
use crate::harness::operated::Operated;
use crate::harness::{libraries, portable, skip};
use http::Request;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// More than two blocks, and no round number.
const LENGTH: usize = 300_001;

/// A file of bytes that tell where they stand.
fn file_in(folder: &Path) -> NamedTempFile {
    let mut file = NamedTempFile::new_in(folder).unwrap();
    file.write_all(&bytes()).unwrap();
    file
}

fn file() -> NamedTempFile {
    file_in(&std::env::temp_dir())
}

fn bytes() -> Vec<u8> {
    (0..LENGTH).map(|at| (at % 251) as u8).collect()
}

fn target(file: &Path, offset: u64, length: u64, more: &str) -> String {
    let query = format!("path={}&offset={offset}&length={length}", file.display());
    format!("/file?{query}&header=Content-Type:a/b{more}")
}

fn ask(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// No descriptor of the host leads to the file any more.
fn check_closed(host: &Host, file: &Path) {
    let folder = PathBuf::from(format!("/proc/{}/fd", host.pid()));
    eventually("the file being closed", || {
        let open = fs::read_dir(&folder).unwrap().flatten();
        let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.all(|target| target != file).then_some(())
    });
}

/// Threads of the host that read files where waiting is allowed.
fn readers(host: &Host) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", host.pid())).unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("file-reader")).count()
}

/// Ranges of the file over both protocols: the very bytes, their length, and one end for each.
fn check_ranges(flavour: Flavour, file: &Path) -> Misbehaving {
    let (host, bytes) = (Misbehaving::start(flavour), bytes());
    let mut http2 = Http2::open(host.address());
    let mut closed = Vec::new();
    for (offset, length) in [(0, LENGTH), (0, 1), (LENGTH - 1, 1), (7, 131_072), (1, 262_145)] {
        let target = target(file, offset as u64, length as u64, "");
        let check = |protocol: &str, response: &Response| {
            let said = response.header("content-length").map(ToOwned::to_owned);
            assert_eq!((response.status, said), (200, Some(length.to_string())), "{protocol}");
            assert!(response.body == bytes[offset..offset + length], "{protocol} {target}");
        };
        check("http/1.1", &get(host.address(), &target));
        let sent = http2.get(&target);
        check("http/2", &http2.response(sent).unwrap());
        closed.extend([(); 2].map(|()| format!("app: closed Completed {length}")));
    }
    assert_eq!(host.wait_for_logs("app: closed", closed.len()), closed);
    check_closed(&host, file);
    host
}

#[test]
fn ranges_of_a_file_are_sent_by_the_core() {
    let file = file();
    for flavour in Flavour::ALL {
        let host = check_ranges(flavour, file.path());
        assert_eq!(readers(&host), 0, "{flavour:?}: a file in memory was read elsewhere");
    }
}

#[test]
fn ranges_of_a_file_are_sent_where_a_read_may_wait() {
    let shared_memory = Path::new("/dev/shm");
    if !shared_memory.is_dir() {
        return skip::skip("files::ranges_of_a_file_are_sent_where_a_read_may_wait", "no tmpfs");
    }
    let file = file_in(shared_memory);
    for flavour in Flavour::ALL {
        let host = check_ranges(flavour, file.path());
        assert!((1..=4).contains(&readers(&host)), "{flavour:?}: {} threads", readers(&host));
    }
}

/// It is told the end, and so is the application; the bytes pass through neither.
#[test]
fn a_layer_hands_a_file_on_to_the_host() {
    let shared_memory = Path::new("/dev/shm");
    if !shared_memory.is_dir() {
        return skip::skip("files::a_layer_hands_a_file_on_to_the_host", "no tmpfs");
    }
    let (file, folder) = (file_in(shared_memory), tempfile::tempdir().unwrap());
    for (number, flavour) in Flavour::ALL.into_iter().enumerate() {
        let log = folder.path().join(number.to_string());
        let to = format!("access-log.to={}", log.display());
        let format = "access-log.format={status} {bytes} {outcome}";
        let host = Misbehaving::start_with(
            flavour,
            ["--enable", "access-log", "--set", &to, "--set", format],
        );
        let response = get(host.address(), &target(file.path(), 3, 200_000, ""));
        assert_eq!(response.header("content-length"), Some("200000"), "{flavour:?}");
        assert!(response.body == bytes()[3..200_003], "{flavour:?}");
        assert!((1..=4).contains(&readers(&host)), "{flavour:?}: the host has not read it");
        assert_eq!(host.wait_for_log("app: closed"), "app: closed Completed 200000");
        eventually("the line of the log", || {
            (fs::read_to_string(&log).ok()? == "200 200000 completed\n").then_some(())
        });
        check_closed(&host, file.path());
    }
}

#[test]
fn the_fallback_sends_the_same_bytes() {
    let (file, bytes) = (file(), bytes());
    let library = libraries::fault_app("misbehave");
    let host = portable::launch().arg("--load").arg(library).start();
    for (offset, length) in [(0, LENGTH), (100, 200_000)] {
        let target = target(file.path(), offset as u64, length as u64, "");
        let response = get(host.address(), &target);
        assert!(response.body == bytes[offset..offset + length], "{target}");
    }
    assert!((1..=4).contains(&readers(&host)));
}

/// A folder can be opened, and never be read.
#[test]
fn what_is_not_sent_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let unreadable = |more: &str| target(folder.path(), 0, 1000, more);
    for flavour in Flavour::ALL {
        let host = Misbehaving::breaking(
            flavour,
            &["body-unwanted", "content-type-not-modified", "content-type-unwanted"],
        );
        let head = request(host.address(), ask("HEAD", &unreadable("")));
        assert_eq!((head.status, head.header("content-length")), (200, Some("1000")));
        for status in ["204", "304"] {
            let target = unreadable(&format!("&status={status}"));
            let response = request(host.address(), ask("GET", &target));
            assert_eq!(response.status.to_string(), status);
        }
        let closed = host.wait_for_logs("app: closed", 3);
        assert_eq!(closed, [(); 3].map(|()| "app: closed Completed 0"), "{flavour:?}");
        assert!(!host.log().contains("cannot be read"), "{flavour:?}: it was read");
        // The counterpart: to send it is to read it.
        let mut connection = Connection::open(host.address());
        connection.send(ask("GET", &unreadable("")));
        connection.response().unwrap_err();
        host.wait_for_log("its body is a file that cannot be read");
        assert_eq!(host.wait_for_logs("app: closed", 4)[3], "app: closed Failed 0");
        check_closed(&host, folder.path());
    }
}

#[test]
fn a_file_that_is_shorter_than_said_breaks_the_response_off() {
    let file = file();
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        let target = target(file.path(), 10, LENGTH as u64, "");
        let mut connection = Connection::open(host.address());
        connection.send(ask("GET", &target));
        let head = connection.head().unwrap();
        assert_eq!(head.header("content-length"), Some(&*LENGTH.to_string()));
        // What is on its way when the end is found out may be lost with the connection.
        assert!(bytes()[10..].starts_with(&connection.rest().unwrap()), "{flavour:?}");
        host.wait_for_log("ended 10 bytes short of its declared length: aborted");
        let sent = LENGTH - 10;
        assert_eq!(host.wait_for_log("app: closed"), format!("app: closed Failed {sent}"));
        let mut http2 = Http2::open(host.address());
        let sent = http2.get(&target);
        http2.response(sent).unwrap_err();
        host.wait_for_logs("app: closed Failed", 2);
        check_closed(&host, file.path());
    }
}

#[test]
fn the_declared_length_stands() {
    let file = file();
    let host = Misbehaving::breaking(Flavour::Inline, &["body-length"]);
    let declared =
        |length| target(file.path(), 0, 1000, &format!("&header=Content-Length:{length}"));
    let response = get(host.address(), &declared(10));
    assert_eq!(response.body, bytes()[..10]);
    host.wait_for_log("gave more bytes than its Content-Length");
    assert_eq!(host.wait_for_log("app: closed"), "app: closed Completed 10");
    let mut connection = Connection::open(host.address());
    connection.send(ask("GET", &declared(1001)));
    connection.response().unwrap_err();
    host.wait_for_log("ended 1 bytes short of its declared length: aborted");
    assert_eq!(host.wait_for_logs("app: closed", 2)[1], "app: closed Failed 1000");
}

/// More than all buffers in between take.
fn large() -> NamedTempFile {
    let mut large = NamedTempFile::new().unwrap();
    for _ in 0..128 {
        large.write_all(&bytes()).unwrap();
    }
    large
}

#[test]
fn a_file_that_is_cut_on_its_way_breaks_the_response_off() {
    const LEFT: usize = 20 * 1024 * 1024;
    let length = 128 * LENGTH;
    for flavour in Flavour::ALL {
        let (host, file) = (Misbehaving::start(flavour), large());
        let mut connection = Connection::open(host.address());
        connection.send(ask("GET", &target(file.path(), 0, length as u64, "")));
        assert_eq!(connection.head().unwrap().status, 200);
        let mut received = connection.exactly(1_000_000).unwrap();
        file.as_file().set_len(LEFT as u64).unwrap();
        received.extend(connection.rest().unwrap());
        assert!(received.len() <= LEFT, "{flavour:?}: {} bytes", received.len());
        assert!(bytes().repeat(128).starts_with(&received), "{flavour:?}: other bytes");
        let missing = length - LEFT;
        host.wait_for_log(&format!("ended {missing} bytes short of its declared length: aborted"));
        assert_eq!(host.wait_for_log("app: closed"), format!("app: closed Failed {LEFT}"));
        check_closed(&host, file.path());
    }
}

/// A page of a file that the system has sent is not copied before the client reads it, so that it
/// shows what was written into the file meanwhile; what was read into the host is as it was.
#[test]
fn what_is_in_memory_is_sent_by_the_system() {
    const SENT: usize = 60_000;
    let check = |host: &Host, file: &NamedTempFile, expected: &[u8]| {
        let mut connection = Connection::open(host.address());
        connection.send(ask("GET", &target(file.path(), 0, SENT as u64, "")));
        host.wait_for_log(&format!("app: closed Completed {SENT}"));
        fs::OpenOptions::new()
            .write(true)
            .open(file.path())
            .unwrap()
            .write_all(&[0xff; SENT])
            .unwrap();
        assert!(connection.response().unwrap().body == expected);
        // The connection is one as before.
        connection.send(ask("GET", &target(file.path(), 1, 3, "")));
        assert_eq!(connection.response().unwrap().body, [0xff; 3]);
    };
    for flavour in Flavour::ALL {
        check(&Misbehaving::start(flavour), &file(), &[0xff; SENT]);
    }
    let library = libraries::fault_app("misbehave");
    let host = portable::launch().arg("--load").arg(library).start();
    check(&host, &file(), &bytes()[..SENT]);
}

#[test]
fn requests_that_come_at_once_are_answered_in_turn() {
    let file = file();
    let ranges = [(0, LENGTH), (5, 3), (1, 70_000), (70_001, 32_768), (0, 0), (0, LENGTH)];
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        let mut connection = Connection::open(host.address());
        let path = file.path();
        let ask = |(offset, length)| ask("GET", &target(path, offset as u64, length as u64, ""));
        for _ in 0..2 {
            connection.send(ranges.map(ask).concat());
            for (offset, length) in ranges {
                let response = connection.response().unwrap();
                assert_eq!(response.status, 200);
                assert!(response.body == bytes()[offset..offset + length], "{flavour:?} {offset}");
            }
        }
        let closed = ranges.map(|(_, length)| format!("app: closed Completed {length}"));
        assert_eq!(host.wait_for_logs("app: closed", 12), [closed.clone(), closed].concat());
        check_closed(&host, path);
    }
}

#[test]
fn a_slow_client_holds_it_up_and_loses_nothing() {
    let (file, length) = (large(), 128 * LENGTH);
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        let mut connection = Connection::open(host.address());
        connection.send(ask("GET", &target(file.path(), 0, length as u64, "")));
        assert_eq!(connection.head().unwrap().status, 200);
        let mut take = || assert!(connection.exactly(LENGTH).unwrap() == bytes(), "{flavour:?}");
        (0..64).for_each(|_| take());
        // The other half is more than all buffers in between take.
        assert_eq!(host.said(), ["called /file"], "{flavour:?}");
        // What the file has grown by is none of it.
        file.as_file().write_all(b"more").unwrap();
        (0..64).for_each(|_| take());
        assert_eq!(host.wait_for_log("app: closed"), format!("app: closed Completed {length}"));
    }
}

#[test]
fn the_version_that_gave_it_stays_until_its_end() {
    let (file, length) = (large(), 128 * LENGTH);
    let load = format!("bad={}", Flavour::Inline.library().display());
    let host = Operated::start(Launch::new().args(["--load", &load]));
    let mut connection = Connection::open(host.address());
    connection.send(ask("GET", &target(file.path(), 0, length as u64, "")));
    assert_eq!(connection.head().unwrap().status, 200);
    host.deploy("bad", &Flavour::Async.library());
    let stays = |count| {
        host.wait_for_app("bad", "what is retained", |app| {
            app["retained"].as_array().map(Vec::len) == Some(count)
        })
    };
    stays(1);
    assert!(!host.log().contains("app: closed"));
    assert!(connection.exactly(length).unwrap() == bytes().repeat(128));
    assert_eq!(host.wait_for_log("app: closed"), format!("app: closed Completed {length}"));
    stays(0);
    check_closed(&host, file.path());
}

#[test]
fn a_client_that_leaves_ends_it() {
    let large = large();
    let length = 128 * LENGTH as u64;
    for flavour in Flavour::ALL {
        let host = Misbehaving::start(flavour);
        let mut connection = Connection::open(host.address());
        connection.send(ask("GET", &target(large.path(), 0, length, "")));
        assert_eq!(connection.head().unwrap().status, 200);
        connection.exactly(1_000_000).unwrap();
        drop(connection);
        let said = host.wait_for_log("app: closed");
        let sent = said.strip_prefix("app: closed ClientGone ").and_then(|sent| sent.parse().ok());
        assert!(
            sent.is_some_and(|sent| (1_000_000..length).contains(&sent)),
            "{flavour:?}: {said}"
        );
        check_closed(&host, large.path());
        let mut http2 = Http2::open(host.address());
        let sent = http2.send(
            Request::get(format!("http://a{}", target(large.path(), 0, length, "")))
                .body(String::new()),
        );
        let mut body = http2.head(sent).unwrap().into_body();
        http2.block(&mut body).unwrap().unwrap();
        drop((body, http2));
        host.wait_for_logs("app: closed ClientGone", 2);
        check_closed(&host, large.path());
    }
}

#[test]
fn an_application_in_c_sends_a_file() {
    let file = file();
    let open = format!("open(\"{}\", O_RDONLY)", file.path().display());
    let send = format!(
        "CALL fixture_answer(reply, text); reply->body_kind = DSGI_BODY_KIND_FILE; \
         reply->file = {open}; \
         reply->file_offset = 5; reply->file_length = 200000; return DSGI_ANSWER_READY;"
    );
    let library = libraries::c_app(&[&send]);
    let host = Host::start(["--load".as_ref(), library.as_os_str()]);
    let response = get(host.address(), "/");
    assert_eq!(response.header("content-length"), Some("200000"));
    assert!(response.body == bytes()[5..200_005]);
    check_closed(&host, file.path());
    // Without a descriptor it is no body.
    let library = libraries::c_app(&[&send.replace(&open, "-1")]);
    let host = Launch::new().arg("--load").arg(&*library).breaking(&["body-kind"]).start();
    assert_eq!(get(host.address(), "/").status, 502);
    host.wait_for_log("a file that is not open");
}
