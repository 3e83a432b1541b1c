//! The end of a host in the middle of a change, and changes of several applications at once.

use super::{Place, answered, held, is_holding, letter};
use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::{c_app, fault_app, versions};
use crate::harness::operated::Operated;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::time::Duration;

fn is_shutting_down(host: &Operated) {
    assert!(host.events().any(|event| event["kind"] == "shutdown"));
}

/// From then on the host only waits for what its applications still do.
fn wait_for_the_end_of_cores(host: &Operated) {
    let tasks = format!("/proc/{}/task", host.pid());
    eventually("the end of the cores", || {
        let tasks = fs::read_dir(&tasks).into_iter().flatten().flatten();
        let mut names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        (!names.any(|name| name.starts_with("core "))).then_some(())
    });
}

/// What waits is in hand: the next version starts for it, serves it, and ends like any other.
#[test]
fn a_host_that_ends_serves_those_that_wait() {
    let place = Place::new();
    place.ask("init-b", "wait");
    let mut host = place.start_with(["--drain-timeout", "1h"]);
    let deploy = host.follow_deploy("shop", &place.b);
    host.wait_for_app("shop", "that requests wait", is_holding);
    place.wait_for("end a");
    let waits = held(&host);
    host.terminate();
    is_shutting_down(&host);
    place.ask_no_more("init-b");
    assert_eq!(answered(waits), 'b');
    let answer = deploy.last().expect("an answer");
    assert_eq!(answer["refused"]["type"], "/problems/shutting-down", "{answer}");
    assert_eq!(host.wait().code(), Some(0));
    assert_eq!(place.journal().last().unwrap(), "end b");
}

/// Also where nobody waits, and where the new version is no good.
#[test]
fn a_host_that_ends_ends_every_version() {
    for (fault, last) in [("wait", "end b"), ("hang", "end a")] {
        let place = Place::new();
        place.ask("init-b", fault);
        let mut host = place.start_with(["--drain-timeout", "1h"]);
        let deploy = host.follow_deploy("shop", &place.b);
        host.wait_for_app("shop", "that requests wait", is_holding);
        place.wait_for("init b");
        host.terminate();
        wait_for_the_end_of_cores(&host);
        // One that waits for nothing gives its socket up now; a late look misses that at worst.
        for _ in 0..30 {
            assert!(host.socket().exists(), "the host does not wait");
            std::thread::sleep(Duration::from_millis(10));
        }
        place.ask_no_more("init-b");
        let answer = deploy.last().expect("an answer");
        assert!(answer["refused"].is_object(), "{answer}");
        assert_eq!(host.wait().code(), Some(0));
        let journal = place.journal();
        assert_eq!(journal.last().unwrap(), last, "{journal:?}");
    }
}

#[test]
fn the_drain_timeout_bounds_the_wait() {
    let place = Place::new();
    place.ask("init-b", "wait");
    let mut host = place.start_with(["--drain-timeout", "1s"]);
    let _deploy = host.follow_deploy("shop", &place.b);
    host.wait_for_app("shop", "that requests wait", is_holding);
    let mut waits = held(&host);
    host.terminate();
    assert!(waits.response().is_err(), "it was answered");
    assert_eq!(host.wait().code(), Some(0));
}

/// A restart brings back what its operator wanted, also after a version that did not start.
#[test]
fn a_restart_brings_back_what_served() {
    let place = Place::new();
    let state = place.path("state");
    let start = || place.start_with(["--state", state.to_str().unwrap()]);
    let end = |mut host: Operated| {
        host.terminate();
        assert_eq!(host.wait().code(), Some(0), "{}", host.log());
    };
    let host = start();
    host.deploy("shop", &place.b);
    end(host);
    let host = start();
    assert_eq!(letter(&host), 'b');
    place.ask("init-a", "error");
    assert_eq!(host.try_deploy("shop", &place.a).json["exit"], 65);
    assert_eq!(letter(&host), 'b');
    end(host);
    assert_eq!(letter(&start()), 'b');
    let journal = place.journal();
    assert!(!journal.iter().any(|line| line.starts_with("second")), "{journal:?}");
}

/// Applications by name, each with its library and what it is told; those named `alone...` are.
struct Several(tempfile::TempDir);

impl Several {
    fn start(apps: &[&str]) -> (Self, Operated) {
        let several = Self(tempfile::tempdir().unwrap());
        let mut text = String::from("server.listen = [\"127.0.0.1:0\"]\n");
        for app in apps {
            several.put(app, 'a');
            fs::create_dir(several.0.path().join(app)).unwrap();
            let folder = several.0.path().join(app);
            text += &format!(
                "[apps.{app}]\npath = \"{app}.so\"\nconfig = {{ folder = {folder:?} }}\n\
                 [[mount]]\npath = \"/{app}\"\napp = \"{app}\"\n"
            );
        }
        let config = several.0.path().join("host.toml");
        fs::write(&config, text).unwrap();
        let host = Operated::start(Launch::new().arg("--config").arg(config));
        (several, host)
    }

    /// Another version at the application's path.
    fn put(&self, app: &str, version: char) {
        let beside = self.0.path().join("beside");
        if app.starts_with("alone") {
            let [a, b] = versions(
                &fault_app("alone"),
                b"which version this is:a",
                b"which version this is:b",
            );
            fs::copy(if version == 'a' { &a } else { &b }, &beside).unwrap();
        } else {
            fs::copy(c_app(&[&format!("TEXT \"{version}\\n\"")]), &beside).unwrap();
        }
        fs::rename(beside, self.0.path().join(app).with_extension("so")).unwrap();
    }

    fn file(&self, app: &str, name: &str) -> std::path::PathBuf {
        self.0.path().join(app).join(name)
    }

    fn ran_alone(&self, app: &str) -> Vec<String> {
        let journal = fs::read_to_string(self.file(app, "journal")).unwrap();
        let lines = journal.lines();
        let lines = lines.filter(|line| line.starts_with("begin") || line.starts_with("end"));
        assert!(!journal.contains("second"), "{journal}");
        lines.map(str::to_owned).collect()
    }
}

fn serves(host: &Operated, app: &str) -> char {
    let response = get(host.address(), &format!("/{app}"));
    assert_eq!(response.status, 200, "{response:?}");
    char::from(response.body[0])
}

fn reload(host: &Operated, count: usize) -> String {
    host.signal(Signal::HUP);
    eventually("the reload", || {
        let log = host.log();
        let mut lines =
            log.lines().filter(|line| line.contains("read again: ") || line.contains("stays as"));
        lines.nth(count - 1).map(str::to_owned)
    })
}

#[test]
fn a_reload_changes_all_or_none() {
    let apps = ["alone-1", "alone-2", "plain"];
    let (several, host) = Several::start(&apps);
    let all = || apps.map(|app| serves(&host, app));
    apps.iter().for_each(|app| several.put(app, 'b'));
    fs::write(several.file("alone-2", "init-b"), "error").unwrap();
    let line = reload(&host, 1);
    for text in ["everything stays as it was", "the index is locked", "serves again"] {
        assert!(line.contains(text), "{line}");
    }
    assert_eq!(all(), ['a'; 3]);
    let gone_back = ["begin a", "end a", "begin b", "end b", "begin a"];
    assert_eq!(several.ran_alone("alone-1"), gone_back);
    assert_eq!(several.ran_alone("alone-2"), ["begin a", "end a", "begin a"]);
    fs::remove_file(several.file("alone-2", "init-b")).unwrap();
    let line = reload(&host, 2);
    assert!(line.contains("3 deployed"), "{line}");
    assert_eq!(all(), ['b'; 3]);
    assert_eq!(several.ran_alone("alone-2"), ["begin a", "end a", "begin a", "end a", "begin b"]);
    for app in apps {
        assert_eq!(host.app(app)["state"], Value::from("serving"));
    }
}

/// What a reload has removed may be on its way out when the next one brings it back.
#[test]
fn what_comes_back_waits_for_what_went() {
    let (several, host) = Several::start(&["alone", "plain"]);
    let config = several.0.path().join("host.toml");
    let with = fs::read_to_string(&config).unwrap();
    let with = with.replace("[[mount]]", "deploy = { exclusive_hold = \"1s\" }\n[[mount]]");
    fs::write(several.file("alone", "shutdown-a"), "").unwrap();
    fs::write(&config, with.split_inclusive("app = \"alone\"\n").nth(1).unwrap()).unwrap();
    let text = format!("server.listen = []\n{}", fs::read_to_string(&config).unwrap());
    fs::write(&config, text).unwrap();
    assert!(reload(&host, 1).contains("1 removed"));
    fs::write(&config, with).unwrap();
    let line = reload(&host, 2);
    assert!(line.contains("everything stays") && line.contains("within 1s"), "{line}");
    assert_eq!(get(host.address(), "/alone").status, 404);
    fs::remove_file(several.file("alone", "shutdown-a")).unwrap();
    assert!(reload(&host, 3).contains("1 added"));
    assert_eq!(several.ran_alone("alone"), ["begin a", "end a", "begin a"]);
    assert_eq!(serves(&host, "alone"), 'a');
}
