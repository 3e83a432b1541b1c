//! An application that says that only one version of it may run at a time. It finds out itself when
//! two do, and writes down when each of its versions begins and ends.

// The end of a host, and a reload, in the middle of a change.
mod ends;
// Versions that do not end, or do not start.
mod fails;
// Requests that wait.
mod waits;

use crate::harness::client::{Connection, get};
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::{TemporaryLibrary, c_app, fault_app, versions};
use crate::harness::operated::Operated;
use crate::swap::loader::{Loader, Shape};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::ScopedJoinHandle;
use tempfile::TempDir;

/// The application in two versions, and the folder in which it is told what to do.
struct Place {
    folder: TempDir,
    a: TemporaryLibrary,
    b: TemporaryLibrary,
}

impl Place {
    fn new() -> Self {
        let [a, b] =
            versions(&fault_app("alone"), b"which version this is:a", b"which version this is:b");
        let place = Self { folder: tempfile::tempdir().unwrap(), a, b };
        place.write("");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A config with this in the application's `deploy`.
    fn write(&self, deploy: &str) {
        let (library, folder) = (self.a.to_str().unwrap(), self.folder.path());
        let text = format!(
            "server.listen = [\"127.0.0.1:0\"]\n\
             [apps.shop]\npath = {library:?}\nconfig = {{ folder = {folder:?} }}\n\
             [apps.shop.deploy]\n{deploy}\n[[mount]]\npath = \"/\"\napp = \"shop\"\n"
        );
        fs::write(self.path("host.toml"), text).unwrap();
    }

    fn start(&self) -> Operated {
        self.start_with([""; 0])
    }

    /// A host that serves the first version.
    fn start_with<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Operated {
        Operated::start(self.launch().args(arguments))
    }

    /// A host of versions that panic.
    fn start_panicking(&self) -> Operated {
        Operated::start(self.launch().breaking(&["call-no-panic"]))
    }

    fn launch(&self) -> Launch {
        Launch::new().arg("--config").arg(self.path("host.toml"))
    }

    /// What a version is to do from now on: `init-b`, `hang`.
    fn ask(&self, what: &str, how: &str) {
        fs::write(self.path(what), how).unwrap();
    }

    fn ask_no_more(&self, what: &str) {
        fs::remove_file(self.path(what)).unwrap();
    }

    /// What versions wrote down, but for what they were only asked to do.
    fn journal(&self) -> Vec<String> {
        let asked = |line: &String| ["init", "shutdown"].iter().any(|it| line.starts_with(it));
        let mut journal = self.all();
        journal.retain(|line| !asked(line));
        journal
    }

    fn all(&self) -> Vec<String> {
        let journal = fs::read_to_string(self.path("journal")).unwrap();
        journal.lines().map(str::to_owned).collect()
    }

    /// Waits until a version has written this.
    fn wait_for(&self, line: &str) {
        eventually(line, || self.all().contains(&line.to_owned()).then_some(()));
    }
}

fn letter(host: &Operated) -> char {
    char::from(get(host.address(), "/").body[0])
}

/// A request that waits.
fn held(host: &Operated) -> Connection {
    let before = host.app("shop")["in_flight"].as_u64().unwrap();
    let mut connection = Connection::open(host.address());
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let waits = |app: &Value| app["in_flight"].as_u64() == Some(before + 1);
    host.wait_for_app("shop", "that a request waits", waits);
    connection
}

/// A request that a version has in hand until `call-a` is gone.
fn in_hand(place: &Place, host: &Operated) -> Connection {
    place.ask("call-a", "");
    let mut connection = Connection::open(host.address());
    connection.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    place.wait_for("waits a");
    connection
}

fn is_holding(app: &Value) -> bool {
    app["state"] == "holding"
}

/// The letter of the version that has answered.
fn answered(mut connection: Connection) -> char {
    let response = connection.response().unwrap();
    assert_eq!(response.status, 200, "{response:?}");
    char::from(response.body[0])
}

fn exit_of(thread: ScopedJoinHandle<'_, std::process::Output>) -> (i32, String) {
    let output = thread.join().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn path(library: &Path) -> &str {
    library.to_str().expect("a path in ASCII")
}

#[test]
fn swaps_under_load_run_one_version_at_a_time() {
    let place = Place::new();
    place.write("exclusive_hold = \"1h\"");
    let host = place.start();
    let shapes = [(
        "",
        &[
            Shape::KeepAlive,
            Shape::Upload,
            Shape::Streams,
            Shape::UploadStreams,
            Shape::Download,
            Shape::New,
        ][..],
    )];
    let loader = Loader::start(host.address(), shapes);
    let swaps = 30;
    for swap in 0..swaps {
        let [old, new] = if swap % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
        let said = host.deploy("shop", if new == "b" { &place.b } else { &place.a });
        assert!(said["old"]["digest"] != said["new"]["digest"], "{said}");
        let steps: Vec<_> =
            said["steps"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(steps, ["read", "probe", "stop", "start", "swap"], "{said}");
        let last = place.journal().split_off(place.journal().len() - 2);
        assert_eq!(last, [format!("end {old}"), format!("begin {new}")]);
        let answered = loader.answered();
        loader.wait_for("a response after a swap", |seen| seen.answered() > answered + 10);
        assert_eq!(loader.wrong(), 0, "after {} swaps: {:?}", swap + 1, loader.stop());
    }
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "after {:?}", seen.whole);
    for shape in shapes[0].1 {
        for version in ['a', 'b'] {
            assert!(seen.whole.contains_key(&(*shape, version)), "no {shape:?} of {version}");
        }
    }
    let mut journal = place.journal();
    journal.retain(|line| !line.starts_with("drain"));
    assert_eq!(journal.len(), 1 + 2 * swaps, "{journal:?}");
    assert!(!journal.iter().any(|line| line.starts_with("second")), "{journal:?}");
    println!("{swaps} swaps, {} responses", seen.answered());
}

#[test]
fn a_rollback_ends_what_serves_first() {
    let place = Place::new();
    let host = place.start();
    host.deploy("shop", &place.b);
    for version in ['a', 'b', 'a'] {
        host.said(&["rollback", "shop"]);
        assert_eq!(letter(&host), version);
        assert_eq!(host.app("shop")["previous"]["kept"], "file");
    }
    let kinds = host.kinds_until("shop", "rolled_back");
    assert!(kinds.contains(&"holding".to_owned()), "{kinds:?}");
    let mut journal = place.journal();
    journal.retain(|line| !line.starts_with("drain"));
    let expected = ["begin a", "end a", "begin b", "end b", "begin a", "end a", "begin b", "end b"];
    assert_eq!(journal, [&expected[..], &["begin a"]].concat());
}

/// The old one, or the new one: it is enough that one of them says so.
#[test]
fn nothing_else_runs_beside_it_either() {
    let place = Place::new();
    let host = place.start();
    let other = c_app(&["TEXT \"other\\n\""]);
    host.deploy("shop", &other);
    assert_eq!(place.journal().last().unwrap(), "end a");
    assert_eq!(get(host.address(), "/").text(), "other\n");
    let said = host.deploy("shop", &place.b);
    assert_eq!(said["steps"][2]["name"], "stop", "{said}");
    assert_eq!(letter(&host), 'b');
}

#[test]
fn a_version_that_panics_is_taken_back() {
    let place = Place::new();
    place.ask("panic-b", "");
    let host = place.start_panicking();
    host.deploy("shop", &place.b);
    for _ in 0..5 {
        assert_eq!(get(host.address(), "/").status, 500);
    }
    eventually("the version before", || (letter(&host) == 'a').then_some(()));
    assert_eq!(host.kinds_until("shop", "rolled_back").last().unwrap(), "rolled_back");
    place.wait_for("end b");
    assert_eq!(place.journal().last().unwrap(), "begin a");
    assert_eq!(host.try_deploy("shop", &place.b).json["exit"], 65);
}

#[test]
fn what_was_drained_ends_before_another_one_starts() {
    let place = Place::new();
    let host = place.start();
    let busy = in_hand(&place, &host);
    host.said(&["drain", "shop"]);
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("shop", &place.b));
        host.wait_for_app("shop", "that requests wait", is_holding);
        let waits = held(&host);
        place.ask_no_more("call-a");
        assert_eq!(answered(busy), 'a');
        assert_eq!(answered(waits), 'b');
        assert_eq!(deploy.join().unwrap()["old"], Value::Null);
    });
    assert_eq!(place.journal(), ["begin a", "waits a", "drain a", "end a", "begin b"]);
}

#[test]
fn a_drain_lets_nobody_wait() {
    let place = Place::new();
    let host = place.start();
    let busy = in_hand(&place, &host);
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.deploy("shop", &place.b));
        host.wait_for_app("shop", "that requests wait", is_holding);
        let mut waits = held(&host);
        host.said(&["drain", "shop"]);
        let refused = waits.response().unwrap();
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        place.ask_no_more("call-a");
        assert_eq!(answered(busy), 'a');
        // A drain ends no deploy.
        deploy.join().unwrap();
    });
    assert_eq!(letter(&host), 'b');
}

/// Whoever drains it wants it out, also when the next version is no good.
#[test]
fn a_drain_keeps_the_old_one_from_coming_back() {
    let place = Place::new();
    place.ask("init-b", "wait");
    let host = place.start();
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.try_deploy("shop", &place.b));
        place.wait_for("init b");
        host.said(&["drain", "shop"]);
        place.ask("lock-b", "");
        place.ask_no_more("init-b");
        let refused = deploy.join().unwrap();
        assert_eq!(refused.json["exit"], 65, "{refused:?}");
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(detail.contains("no lock; it was taken out of service meanwhile"), "{detail}");
    });
    assert_eq!(get(host.address(), "/").status, 503);
    assert_eq!(host.app("shop")["state"], "drained");
    assert_eq!(place.journal(), ["begin a", "drain a", "end a"]);
    host.said(&["rollback", "shop"]);
    assert_eq!(letter(&host), 'a');
}

/// A standby would be a second version that runs.
#[test]
fn no_version_of_it_stands_by() {
    let place = Place::new();
    place.write("keep_previous = \"standby\"");
    let host = place.start();
    host.wait_for_log("kept as a file");
    host.deploy("shop", &place.b);
    assert_eq!(host.app("shop")["previous"]["kept"], "file");
    assert_eq!(place.journal(), ["begin a", "drain a", "end a", "begin b"]);
    // One that stands by when it comes ends too.
    let other = [c_app(&["TEXT \"1\\n\""]), c_app(&["TEXT \"2\\n\""])];
    for library in &other {
        host.deploy("shop", library);
    }
    assert_eq!(host.app("shop")["previous"]["kept"], "standby");
    let said = host.deploy("shop", &place.a);
    let retained = host.app("shop")["retained"].clone();
    assert!(said["new"].is_object() && letter(&host) == 'a', "{retained}");
    assert_eq!(host.app("shop")["previous"]["kept"], "file");
    let output = crate::harness::host::run(["check", path(&place.path("host.toml"))]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("kept as a file"), "{output:?}");
}
