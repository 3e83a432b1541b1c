//! HUP: the config file and the applications' files are read again, as one step or not at all.

use crate::harness::client::{Connection, get};
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{TemporaryLibrary, c_app, c_library};
use crate::harness::misbehaving::Flavour;
use crate::harness::refusal::load;
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a config file and libraries, and the control socket of its host.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, library: &Path) {
        let beside = self.path("beside");
        fs::copy(library, &beside).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    /// Applications by name, path of their mount, and what follows in their tables.
    fn write(&self, apps: &[(&str, &str, &str)]) {
        let apps = apps.iter().map(|(name, path, rest)| {
            format!(
                "[apps.{name}]\npath = \"{name}.so\"\n{rest}\n\
                 [[mount]]\npath = \"{path}\"\napp = \"{name}\"\n"
            )
        });
        let text = format!("server.listen = [\"127.0.0.1:0\"]\n{}", apps.collect::<String>());
        fs::write(self.path("host.toml"), text).unwrap();
    }

    fn start(&self) -> Host {
        self.launch().arg("--config").arg(self.path("host.toml")).start()
    }

    fn launch(&self) -> Launch {
        Launch::new().env("DSGI_CONTROL_DIR", self.path("control"))
    }

    fn verb(&self, words: &[&str]) -> String {
        let output = self.launch().args(words).run();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn version(text: &str) -> TemporaryLibrary {
    c_app(&[&format!("TEXT \"{text}\\n\"")])
}

/// Sends the signal and gives what came of it; `count` counts the reloads of the host.
fn reload(host: &Host, count: usize) -> String {
    host.signal(Signal::HUP);
    let done = ["read again: ", "everything stays as it was: "];
    crate::harness::eventually("the reload", || {
        let log = host.log();
        let mut lines = log.lines().filter(|line| done.iter().any(|done| line.contains(done)));
        lines.nth(count - 1).map(str::to_owned)
    })
}

fn says(host: &Host, path: &str) -> String {
    let response = get(host.address(), path);
    match response.status {
        200 => response.text().trim_end().to_owned(),
        status => status.to_string(),
    }
}

#[test]
fn a_file_of_the_command_line_is_read_again() {
    let place = Place::new();
    place.add("app.so", &version("one"));
    let host = load(&place.path("app.so")).start();
    assert!(reload(&host, 1).contains("0 deployed, 0 added, 0 removed"));
    place.add("app.so", &version("two"));
    assert_eq!(says(&host, "/"), "one");
    assert!(reload(&host, 2).contains("1 deployed"));
    assert_eq!(says(&host, "/"), "two");
    place.add("app.so", &c_app(&["INIT ABORT"]));
    let line = reload(&host, 3);
    assert!(line.contains("everything stays") && line.contains("SIGABRT"), "{line}");
    assert_eq!(says(&host, "/"), "two");
}

#[test]
fn applications_and_mounts_come_change_and_go() {
    let place = Place::new();
    for name in ["shop", "blog", "wiki"] {
        place.add(&format!("{name}.so"), &version(name));
    }
    place.write(&[("shop", "/", ""), ("blog", "/blog", "")]);
    let host = place.start();
    assert_eq!([says(&host, "/"), says(&host, "/blog")], ["shop", "blog"]);
    place.write(&[("shop", "/shop", ""), ("wiki", "/wiki", "")]);
    place.add("shop.so", &version("new shop"));
    assert!(reload(&host, 1).contains("1 deployed, 1 added, 1 removed"));
    let paths = ["/", "/shop", "/blog", "/wiki"].map(|path| says(&host, path));
    assert_eq!(paths, ["404", "new shop", "404", "wiki"]);
    let shown = place.verb(&["ps"]);
    assert!(
        shown.contains("wiki") && shown.contains("/shop") && !shown.contains("blog"),
        "{shown}"
    );
    // What has gone may come back.
    place.write(&[("shop", "/shop", ""), ("blog", "/", "")]);
    assert!(reload(&host, 2).contains("0 deployed, 1 added, 1 removed"));
    assert_eq!([says(&host, "/"), says(&host, "/shop")], ["blog", "new shop"]);
}

#[test]
fn one_that_cannot_change_keeps_all_from_changing() {
    let place = Place::new();
    place.add("shop.so", &version("one"));
    place.add("blog.so", &version("one"));
    place.write(&[("shop", "/shop", ""), ("blog", "/blog", "")]);
    let host = place.start();
    place.add("shop.so", &version("two"));
    place.add("blog.so", &c_app(&["FAULT \"no index\""]));
    let line = reload(&host, 1);
    assert!(line.contains("everything stays as it was") && line.contains("no index"), "{line}");
    assert_eq!([says(&host, "/shop"), says(&host, "/blog")], ["one", "one"]);
    place.write(&[("shop", "/shop", "pth = 1"), ("blog", "/blog", "")]);
    let line = reload(&host, 2);
    assert!(line.contains("host.toml:4:1`: unknown key `pth`"), "{line}");
    assert_eq!([says(&host, "/shop"), says(&host, "/blog")], ["one", "one"]);
    // What was not deployed with the other is deployed once both are well.
    place.write(&[("shop", "/shop", ""), ("blog", "/blog", "")]);
    place.add("blog.so", &version("two"));
    assert!(reload(&host, 3).contains("2 deployed"));
    assert_eq!([says(&host, "/shop"), says(&host, "/blog")], ["two", "two"]);
}

#[test]
fn a_reload_undoes_no_deploy_and_no_rollback() {
    let place = Place::new();
    place.add("shop.so", &version("one"));
    place.write(&[("shop", "/", "")]);
    let host = place.start();
    let other = version("two");
    place.verb(&["deploy", "shop", other.to_str().unwrap()]);
    assert!(reload(&host, 1).contains("0 deployed"));
    assert_eq!(says(&host, "/"), "two");
    place.verb(&["rollback", "shop"]);
    assert!(reload(&host, 2).contains("0 deployed"));
    assert_eq!(says(&host, "/"), "one");
    // Nor where the file was deployed by name.
    place.add("shop.so", &version("three"));
    place.verb(&["deploy", "shop", place.path("shop.so").to_str().unwrap()]);
    place.verb(&["rollback", "shop"]);
    assert!(reload(&host, 3).contains("0 deployed"));
    assert_eq!(says(&host, "/"), "one");
    // Other settings start the version that serves, not the file.
    place.write(&[("shop", "/", "config = { currency = \"EUR\" }")]);
    assert!(reload(&host, 4).contains("1 deployed"));
    assert_eq!(says(&host, "/"), "one");
    assert!(reload(&host, 5).contains("0 deployed"));
}

#[test]
fn what_needs_a_new_start_is_said() {
    let place = Place::new();
    place.add("shop.so", &version("one"));
    place.write(&[("shop", "/", "")]);
    let host = place.start();
    let text = fs::read_to_string(place.path("host.toml")).unwrap();
    fs::write(place.path("host.toml"), format!("server.request_timeout = 5\n{text}")).unwrap();
    reload(&host, 1);
    assert!(host.wait_for_log("needs a new start").contains("WARN"));
}

/// However many signals come during a reload, they are one more; and the last one counts.
#[test]
fn a_storm_is_one_reload_after_the_other() {
    let place = Place::new();
    place.add("shop.so", &version("first"));
    place.write(&[("shop", "/", "")]);
    let mut host = place.start();
    for round in 0..5 {
        for _ in 0..40 {
            host.signal(Signal::HUP);
        }
        place.add("shop.so", &version(&format!("round {round}")));
        host.signal(Signal::HUP);
        crate::harness::eventually("the last version", || {
            (says(&host, "/") == format!("round {round}")).then_some(())
        });
    }
    assert!(!host.log().contains("ERROR"), "{}", host.log());
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}

/// The config is a FIFO, so that a reload lasts until the test lets it end.
#[test]
fn signals_during_a_reload_are_one_more() {
    let place = Place::new();
    place.add("shop.so", &version("one"));
    place.write(&[("shop", "/", "")]);
    let config = place.path("host.toml");
    let text = fs::read(&config).unwrap();
    fs::remove_file(&config).unwrap();
    mkfifoat(CWD, &config, Mode::RUSR | Mode::WUSR).unwrap();
    // Each of these waits until somebody reads.
    let (fifo, first) = (config.clone(), text.clone());
    let feed = std::thread::spawn(move || fs::write(fifo, first).unwrap());
    let host = place.start();
    feed.join().unwrap();
    host.signal(Signal::HUP);
    let mut reading = OpenOptions::new().write(true).open(&config).unwrap();
    for _ in 0..50 {
        host.signal(Signal::HUP);
    }
    reading.write_all(&text).unwrap();
    drop(reading);
    // What is written before the reader has gone would be read by it.
    host.wait_for_log("read again: ");
    fs::write(&config, &text).unwrap();
    host.wait_for_logs("read again: ", 2);
    // A signal that took its time may have begun a third.
    let mut late = OpenOptions::new().read(true).write(true).open(&config).unwrap();
    late.write_all(&text).unwrap();
    fs::remove_file(&config).unwrap();
    place.add("blog.so", &version("two"));
    place.write(&[("shop", "/", ""), ("blog", "/blog", "")]);
    drop(late);
    host.signal(Signal::HUP);
    host.wait_for_log("1 added");
    let reloads = host.log().matches("read again: ").count();
    assert!((3..=4).contains(&reloads), "{reloads} for 52 signals:\n{}", host.log());
    assert_eq!(says(&host, "/blog"), "two");
}

/// An application that the config names no more is shown as long as anything of it is there.
#[test]
fn what_is_removed_is_shown_until_it_is_gone() {
    let place = Place::new();
    let library = Flavour::Pool.library();
    place.add("held.so", &library);
    let handler = "#include \"fixture.h\"\nstatic void handler(int signal) { (void)signal; }";
    let source = include_str!("libraries/app.c").replacen("#include \"fixture.h\"", handler, 1);
    let init = "-DINIT=signal(SIGUSR2, handler);";
    place.add("pinned.so", &c_library("pinned", &source, &[init]));
    place.add("stays.so", &version("stays"));
    let stays = ("stays", "/stays", "");
    let release = format!("config = {{ release = \"{}\" }}", place.path("release").display());
    place.write(&[stays, ("held", "/held", &release), ("pinned", "/pinned", "")]);
    let host = place.start();
    assert_eq!(says(&host, "/pinned"), "in C");
    let mut in_hand = Connection::open(host.address());
    in_hand.send("GET /held/wait/call HTTP/1.1\r\nHost: a\r\n\r\n");
    host.wait_for_log("app: waits in its call");
    place.write(&[stays]);
    assert!(reload(&host, 1).contains("2 removed"));
    let shows = |what: [&str; 2]| {
        crate::harness::eventually(&format!("{what:?}"), || {
            let shown = place.verb(&["ps"]);
            what.iter().all(|what| shown.contains(what)).then_some(shown)
        })
    };
    let shown = shows(["1 request in hand", "it installed a handler for SIGUSR2"]);
    let removed = shown.lines().filter(|line| line.contains("removed"));
    assert_eq!(removed.count(), 2, "{shown}");
    // Nothing leads there, nor can it be deployed.
    assert_eq!([says(&host, "/held"), says(&host, "/pinned")], ["404", "404"]);
    let deploy = place.launch().args(["deploy", "held"]).arg(place.path("stays.so")).run();
    assert_eq!(deploy.status.code(), Some(1), "{deploy:?}");
    // One of the same name is another one, beside what is left.
    place.write(&[stays, ("held", "/held", &release)]);
    assert!(reload(&host, 2).contains("1 added"));
    let shown = shows(["1 request in hand", "serving"]);
    assert_eq!(shown.lines().filter(|line| line.contains("removed")).count(), 1, "{shown}");
    fs::write(place.path("release"), "").unwrap();
    assert_eq!(in_hand.response().unwrap().text(), "fine\n");
    crate::harness::eventually("the end of what was held", || {
        (!place.verb(&["ps"]).contains("generation 2)")).then_some(())
    });
    assert!(place.verb(&["ps"]).contains("it installed a handler"));
}
