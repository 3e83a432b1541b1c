//! The host with every fallback in place of what Linux has: as on a system that it knows nothing
//! of. It serves and swaps all the same, and says what it cannot do.

use crate::harness::client::{get, request};
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{TemporaryLibrary, c_app, sample, versions};
use crate::harness::portable::launch;
use rustix::process::Signal;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

const WHY: &str = "unloading is not supported on this system";

/// A host, and the folder through which it is reached.
struct Portable {
    host: Host,
    folder: TempDir,
}

impl Portable {
    fn start(library: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launch =
            Self::reaching(&folder).arg("--load").arg(format!("app={}", library.display()));
        Self { host: launch.args(["--name", "one"]).args(arguments).start(), folder }
    }

    fn reaching(folder: &TempDir) -> Launch {
        launch().env("DSGI_CONTROL_DIR", folder.path())
    }

    fn verb(&self, words: &[&str]) -> Output {
        Self::reaching(&self.folder).args(words).run()
    }

    #[track_caller]
    fn said(&self, words: &[&str]) -> String {
        let output = self.verb(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn deploy(&self, library: &Path) -> Output {
        self.verb(&["deploy", "app", library.to_str().unwrap()])
    }

    fn answers(&self, text: &str) {
        assert_eq!(get(self.host.address(), "/").text(), text);
    }

    /// The file that leads to it.
    fn file(&self) -> PathBuf {
        self.folder.path().join("one.sock")
    }

    /// The port that its operators use, and what they must say there.
    fn door(&self) -> (SocketAddr, String) {
        let text = fs::read_to_string(self.file()).unwrap();
        let mut words = text.split_whitespace().skip(1);
        let port = words.next().unwrap().parse().unwrap();
        ((Ipv4Addr::LOCALHOST, port).into(), format!("{}\n", words.next().unwrap()))
    }
}

fn version(text: &str) -> TemporaryLibrary {
    c_app(&[&format!("TEXT \"{text}\\n\"")])
}

/// It begins no log file anew, and goes on.
#[test]
fn it_outlives_what_is_meant_for_log_files() {
    let mut portable = Portable::start(&version("fine"), &[]);
    portable.host.signal(Signal::USR1);
    portable.answers("fine\n");
    portable.host.interrupt();
    assert!(portable.host.wait().success());
}

#[test]
fn it_swaps_and_shows_what_stays() {
    let hello = sample("hello");
    let [one, two] = versions(&hello, b"I'm a DSGI application.", b"I was a DSGI app, again");
    let portable = Portable::start(&one, &[]);
    portable.host.wait_for_log(&format!("no library will be unmapped: {WHY}"));
    portable.answers("I'm a DSGI application.\n");
    let mut warned = Vec::new();
    for (count, library) in [&two, &one].into_iter().cycle().take(10).enumerate() {
        let output = portable.deploy(library);
        assert!(output.status.success(), "deploy {count}: {output:?}");
        // The one that was in service is told as pinned, not as waited for.
        portable.host.wait_for_logs(&format!("stays mapped: {WHY}"), count + 1);
        warned.push(String::from_utf8(output.stderr).unwrap().contains("still mapped"));
    }
    portable.answers("I'm a DSGI application.\n");
    // Eight may stay.
    assert_eq!(warned, [[false; 8].as_slice(), &[true; 2]].concat());
    portable.host.wait_for_log("10 generations of `app` are out of service and still mapped");
    let pinned = portable.said(&["ps"]);
    assert_eq!(pinned.matches("has been pinned for").count(), 10, "{pinned}");
    assert_eq!(pinned.matches(WHY).count(), 10, "{pinned}");
}

#[test]
fn readiness_tells_of_too_many_that_stay() {
    let [one, two] = ["one", "two"].map(version);
    let portable = Portable::start(&one, &[]);
    let (address, secret) = portable.door();
    let ready = |wanted: &str| {
        eventually(wanted, || {
            let asked = format!("{secret}GET /readyz?verbose HTTP/1.0\r\nHost: host\r\n\r\n");
            let answer = said_at(address, &asked);
            answer.contains(wanted).then_some(answer)
        })
    };
    ready("[+] retained: at most 0 generations");
    for library in [&two, &one].into_iter().cycle().take(9) {
        assert!(portable.deploy(library).status.success());
    }
    assert!(ready("[-] retained: at most 9 generations").contains(" 503 "));
    portable.answers("two\n");
}

#[test]
fn a_version_that_dies_in_its_probe_is_refused() {
    let fine = version("fine");
    let portable = Portable::start(&fine, &[]);
    // What a library prints does not spoil the report of its probe, which tells its own reason.
    let noise = "INIT printf(\"{\"); fflush(stdout);";
    for (faults, why) in [
        (vec!["INIT ABORT"], "in init it ended in a way"),
        (vec!["CONSTRUCTOR for (;;) pause();"], "did not come back within"),
        (vec![noise, "FAULT \"no index\""], "no index"),
    ] {
        let output = portable.deploy(&c_app(&faults));
        assert!(!output.status.success(), "{faults:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("failed its probe") && said.contains(why), "{faults:?}: {said}");
        portable.answers("fine\n");
    }
}

#[test]
fn a_file_that_changes_is_deployed() {
    let [one, two] = ["one", "two"].map(version);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.so");
    fs::copy(&one, &file).unwrap();
    let portable = Portable::start(&file, &["--watch"]);
    portable.answers("one\n");
    fs::copy(&two, folder.path().join("new.so")).unwrap();
    fs::rename(folder.path().join("new.so"), &file).unwrap();
    eventually("the new version", || {
        (get(portable.host.address(), "/").text() == "two\n").then_some(())
    });
}

#[test]
fn only_who_can_read_the_file_is_heard() {
    let library = version("one");
    let portable = Portable::start(&library, &[]);
    let (address, secret) = portable.door();
    let ask = "GET /v1/apps HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(request(address, ask).status, 403);
    let wrong = format!("{:0>32}\n", 0);
    assert_eq!(request(address, format!("{wrong}{ask}")).status, 403);
    portable.host.wait_for_logs("refused a peer without credentials", 2);
    let answer = said_at(address, &format!("{secret}{ask}"));
    assert!(answer.starts_with("dsgi\nHTTP/1.1 200 "), "{answer}");
    // A host that was killed leaves its file; another program has its port.
    let dead = portable.folder.path().join("dead.sock");
    fs::write(&dead, format!("dsgi {} {secret}", portable.host.address().port())).unwrap();
    assert!(portable.said(&["ps"]).contains("app"), "two hosts");
    assert!(!dead.exists(), "a dead one stays in the way");
}

#[test]
fn it_ends_in_order_and_leaves_nothing() {
    let library = version("one");
    let mut portable = Portable::start(&library, &[]);
    portable.host.interrupt();
    assert!(portable.host.wait().success());
    assert!(!portable.file().exists());
    let output = portable.verb(&["ps"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no host is running"), "{output:?}");
}

/// Everything that is answered to these bytes.
fn said_at(address: SocketAddr, bytes: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
