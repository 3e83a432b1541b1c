//! `--state`: which version serves after a restart, whatever happened before.

// A disk that takes no more.
mod full;
// A host that is killed in the middle of a deploy.
mod killed;

use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{TemporaryLibrary, c_app};
use crate::harness::refusal::refuses;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a library, a config, and the state of the hosts that serve it one after the other.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.add(&version("one"));
        place.window("1h");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, library: &Path) {
        fs::copy(library, self.path("beside")).unwrap();
        fs::rename(self.path("beside"), self.path("shop.so")).unwrap();
    }

    fn window(&self, window: &str) {
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\nstate = \"state\"\n\
             [apps.shop]\npath = \"shop.so\"\ndeploy = {{ window = \"{window}\" }}\n\
             [[mount]]\npath = \"/\"\napp = \"shop\"\n"
        );
        fs::write(self.path("host.toml"), text).unwrap();
    }

    fn launch(&self) -> Launch {
        Launch::new().env("DSGI_CONTROL_DIR", self.path("control"))
    }

    fn with_config(&self) -> Launch {
        self.launch().arg("--config").arg(self.path("host.toml"))
    }

    fn start(&self) -> Host {
        self.with_config().start()
    }

    fn verb(&self, words: &[&str]) {
        let output = self.launch().args(words).run();
        assert!(output.status.success(), "{output:?}");
    }

    fn deploy(&self, library: &Path) {
        self.deploy_as("shop", library);
    }

    fn deploy_as(&self, app: &str, library: &Path) {
        self.verb(&["deploy", app, library.to_str().unwrap()]);
    }

    fn record(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("state/state.json")).unwrap()).unwrap()
    }

    /// Starts with a window that is over at once, until its version is good.
    fn settle(&self) {
        self.window("1ms");
        let mut host = self.start();
        eventually("a good version", || {
            self.record()["apps"]["shop"]["last_good"].as_str().map(drop)
        });
        end(&mut host);
        self.window("1h");
    }
}

fn version(text: &str) -> TemporaryLibrary {
    c_app(&[&format!("TEXT \"{text}\\n\"")])
}

fn end(host: &mut Host) {
    host.terminate();
    assert_eq!(host.wait().code(), Some(0), "{}", host.log());
}

fn kill(host: &mut Host) {
    host.signal(Signal::KILL);
    host.wait();
}

fn says(host: &Host) -> String {
    get(host.address(), "/").text().trim_end().to_owned()
}

#[test]
fn a_deploy_and_a_rollback_outlive_the_host() {
    let place = Place::new();
    let mut host = place.start();
    assert!(host.wait_for_log("this starts: ").contains("nothing is remembered"));
    place.deploy(&version("two"));
    end(&mut host);
    let mut host = place.start();
    assert_eq!(says(&host), "two");
    assert!(host.wait_for_log("this starts, from the state").contains("deployed last"));
    // Nor does a HUP undo it.
    host.signal(Signal::HUP);
    assert!(host.wait_for_log("read again: ").contains("0 deployed"));
    place.deploy(&version("three"));
    place.verb(&["rollback", "shop"]);
    end(&mut host);
    let mut host = place.start();
    assert_eq!(says(&host), "two");
    // A file that was not seen there before is a deploy.
    end(&mut host);
    place.add(&version("four"));
    let host = place.start();
    assert_eq!(says(&host), "four");
    assert!(host.wait_for_log("this starts: ").contains("not seen at its path before"));
}

/// What served before the host ended is there to go back to.
#[test]
fn a_start_leaves_a_way_back() {
    let place = Place::new();
    let mut host = place.start();
    place.deploy(&version("two"));
    end(&mut host);
    let mut host = place.start();
    assert_eq!(says(&host), "two");
    place.verb(&["rollback", "shop"]);
    assert_eq!(says(&host), "one");
    // One that panics at its first requests after a start is taken back like any other.
    let told = place.path("panic");
    let panics = format!(
        "CALL if (access(\"{}\", F_OK) == 0) {{ static const dsgi_bytes why = \
         DSGI_BYTES(\"panicked: it was told to\"); reply->fault.message = why; \
         reply->fault.generation = DSGI_FAULT_UNKNOWN; return DSGI_ANSWER_ERROR; }}",
        told.display()
    );
    place.deploy(&c_app(&["TEXT \"three\\n\"", &panics]));
    assert_eq!(says(&host), "three");
    end(&mut host);
    fs::write(&told, "").unwrap();
    let host = place.with_config().breaking(&["call-no-panic"]).start();
    for _ in 0..5 {
        assert_eq!(get(host.address(), "/").status, 500);
    }
    host.wait_for_log("serves again: it panicked 5 times");
    assert_eq!(says(&host), "one");
}

#[test]
fn a_killed_host_comes_back_with_what_served() {
    let place = Place::new();
    let mut host = place.start();
    place.deploy(&version("two"));
    kill(&mut host);
    fs::remove_file(place.path("shop.so")).unwrap();
    assert_eq!(says(&place.start()), "two");
}

/// An application that a reload adds is remembered as one that was there at start.
#[test]
fn what_a_reload_adds_outlives_the_host_too() {
    let place = Place::new();
    let host = place.start();
    let config = fs::read_to_string(place.path("host.toml")).unwrap();
    fs::copy(version("blog"), place.path("blog.so")).unwrap();
    let blog = "[apps.blog]\npath = \"blog.so\"\n[[mount]]\npath = \"/blog\"\napp = \"blog\"\n";
    fs::write(place.path("host.toml"), format!("{config}{blog}")).unwrap();
    host.signal(Signal::HUP);
    assert!(host.wait_for_log("read again: ").contains("1 added"));
    let record = place.record();
    assert!(record["apps"]["blog"]["desired"].is_string(), "{record}");
    assert_eq!(record["apps"]["blog"]["seen"].as_object().unwrap().len(), 1, "{record}");
    // One that goes and comes again is what was deployed last, like one that was there at start.
    place.deploy_as("blog", &version("second blog"));
    let both = format!("{config}{blog}");
    for (text, said, reloads) in [(&config, "1 removed", 2), (&both, "1 added", 3)] {
        fs::write(place.path("host.toml"), text).unwrap();
        host.signal(Signal::HUP);
        assert!(host.wait_for_logs("read again: ", reloads)[reloads - 1].contains(said));
    }
    assert_eq!(get(host.address(), "/blog").text(), "second blog\n");
}

#[test]
fn two_deaths_in_a_row_bring_the_last_good_version_back() {
    let place = Place::new();
    place.settle();
    let mut host = place.start();
    place.deploy(&version("two"));
    kill(&mut host);
    let mut host = place.start();
    assert_eq!(says(&host), "two", "one death may be anybody's");
    kill(&mut host);
    let mut host = place.start();
    assert_eq!(says(&host), "one");
    assert!(host.wait_for_log("in quarantine: ").contains("died 2 times"));
    assert!(host.wait_for_log("this starts").contains("the last good one"));
    // An end in order is no death.
    end(&mut host);
    assert_eq!(says(&place.start()), "one");
}

#[test]
fn a_bad_file_is_replaced_by_the_last_good_version() {
    let place = Place::new();
    place.settle();
    for (bad, why) in [("INIT ABORT", "SIGABRT"), ("FAULT \"no index\"", "no index")] {
        place.add(&c_app(&[bad]));
        let mut host = place.start();
        assert_eq!(says(&host), "one");
        assert!(host.wait_for_log("the file is not taken").contains(why));
        end(&mut host);
    }
    fs::write(place.path("shop.so"), "no library").unwrap();
    assert_eq!(says(&place.start()), "one");
}

#[test]
fn a_second_host_and_a_torn_record() {
    let place = Place::new();
    let mut host = place.start();
    let refusal = refuses(place.with_config().args(["--name", "second"]), 1);
    refusal.says(["another host keeps its state in", "state"]).helps(["--state DIR"]);
    kill(&mut host);
    let record = fs::read(place.path("state/state.json")).unwrap();
    fs::write(place.path("state/state.json"), &record[..record.len() / 2]).unwrap();
    let host = place.start();
    assert_eq!(says(&host), "one");
    let line = host.wait_for_log("is set aside as");
    assert!(line.contains("state.json.bad-1") && line.contains("cut off"), "{line}");
    assert_eq!(fs::read(place.path("state/state.json.bad-1")).unwrap(), record[..record.len() / 2]);
}
