//! Files that are no config, each with exactly what is said of it: by `host check`, at a start, and
//! by a HUP, after which everything is as it was.

use super::{Place, version};
use crate::harness::client::Connection;
use crate::harness::host::{Host, Launch};
use crate::harness::refusal::{Refusal, refused, refuses};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What lies in the folder of `host.toml`.
enum Made {
    Text(&'static str),
    Bytes(&'static [u8]),
    Files(&'static [(&'static str, &'static str)]),
    By(fn(&Path)),
}

/// What is wrong, what is said of it, and what the user can do.
type Broken = (Made, &'static str, &'static str);

/// An application at the root in five lines, and what follows.
macro_rules! app {
    ($rest:literal) => {
        Made::Text(concat!(
            "[apps.shop]\npath = \"shop.so\"\n[[mount]]\npath = \"/\"\napp = \"shop\"\n",
            $rest
        ))
    };
}

mod files;
mod names;
mod texts;

fn all() -> impl Iterator<Item = &'static Broken> {
    [texts::READ, texts::KEYS, names::NAMES, files::FILES].into_iter().flatten()
}

impl Made {
    fn make(&self, folder: &Path) {
        let config = folder.join("host.toml");
        match self {
            Self::Text(text) => fs::write(config, text).unwrap(),
            Self::Bytes(bytes) => fs::write(config, bytes).unwrap(),
            Self::By(make) => make(folder),
            Self::Files(files) => {
                for (name, text) in *files {
                    let file = folder.join(name);
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::write(file, text).unwrap();
                }
            }
        }
    }
}

/// How what was said differs from what should be.
fn difference(way: &str, said: &Refusal, (_, error, help): &Broken) -> Option<String> {
    let same = said.error == *error && said.help.as_deref().unwrap_or_default() == *help;
    (!same).then(|| format!("{way}\n  should: {error}\n          {help}\n  said: {said:?}"))
}

fn same(differences: &[String]) {
    let count = differences.len();
    assert!(differences.is_empty(), "{count} are otherwise\n{}\n", differences.join("\n"));
}

#[test]
fn there_are_many() {
    assert!(all().count() > 80, "{}", all().count());
}

#[test]
fn check_says_what_is_wrong() {
    let mut differences = Vec::new();
    for broken in all() {
        let folder = tempfile::tempdir().unwrap();
        broken.0.make(folder.path());
        // What is not there is told too, but is no mistake of this table.
        for named in ["shop.so", "a", "b", "x"].map(|name| folder.path().join(name)) {
            if !named.exists() {
                fs::write(named, "").unwrap();
            }
        }
        let output = Launch::new().current_dir(&folder).args(["check", "host.toml"]).run();
        let told = String::from_utf8_lossy(&output.stderr);
        let first = told.split("\n\n").next().unwrap_or_default().to_owned();
        let output =
            std::process::Output { stderr: format!("{}\n", first.trim_end()).into(), ..output };
        differences.extend(difference("check", &refused(&output, 78), broken));
    }
    same(&differences);
}

#[test]
fn a_start_says_the_same_and_no_more() {
    let mut differences = Vec::new();
    for broken in all() {
        let folder = tempfile::tempdir().unwrap();
        broken.0.make(folder.path());
        let launch = Launch::new().current_dir(&folder).args(["--config", "host.toml"]);
        let refusal = refuses(launch.args(["--listen", "127.0.0.1:0"]), 78);
        differences.extend(difference("start", &refusal, broken));
    }
    same(&differences);
}

/// One host is sent each of them while it is asked all the time.
#[test]
fn a_hup_says_the_same_and_changes_nothing() {
    let place = Place::new(FINE);
    let folder = place.0.path();
    place.add("shop.so", &version("one"));
    let host = Launch::new().current_dir(folder).args(["--config", "host.toml"]).start();
    let ended = AtomicBool::new(false);
    let (differences, asked) = thread::scope(|scope| {
        let asking = scope.spawn(|| ask_until(&host, &ended));
        let differences = signal_each(&host, folder);
        ended.store(true, Ordering::Relaxed);
        (differences, asking.join().unwrap())
    });
    same(&differences);
    assert!(asked > all().count(), "the load was no load: {asked} requests");
    // It reads on: the next one that is fine is taken.
    place.write(&FINE.replace("\"/\"", "\"/shop\""));
    host.signal(Signal::HUP);
    host.wait_for_log("read again: ");
    let lines = host.log().lines().filter(|line| line.contains("ERROR")).count();
    assert_eq!(lines, all().count(), "{}", host.log());
    assert_eq!(crate::harness::client::get(host.address(), "/").status, 404);
}

const FINE: &str = "[apps.shop]\npath = \"shop.so\"\n[[mount]]\npath = \"/\"\napp = \"shop\"\n";

fn signal_each(host: &Host, folder: &Path) -> Vec<String> {
    let mut differences = Vec::new();
    for (count, broken) in all().enumerate() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            match () {
                () if entry.ends_with("shop.so") => {}
                () if entry.is_dir() => fs::remove_dir_all(entry).unwrap(),
                () => fs::remove_file(entry).unwrap(),
            }
        }
        broken.0.make(folder);
        host.signal(Signal::HUP);
        let lines = host.wait_for_logs("everything stays as it was: ", count + 1);
        let (_, said) = lines[count].split_once("everything stays as it was: ").unwrap();
        let (error, help) = match said.split_once(" (help: ") {
            Some((error, help)) => (error, help.strip_suffix(')').map(str::to_owned)),
            None => (said, None),
        };
        let error = error.to_owned();
        differences.extend(difference("HUP", &Refusal { error, help }, broken));
    }
    differences
}

/// Asks one request after the other; so many were answered, each as it should be.
fn ask_until(host: &Host, ended: &AtomicBool) -> usize {
    let mut connection = Connection::open(host.address());
    let mut asked = 0;
    while !ended.load(Ordering::Relaxed) {
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = connection.response().expect("an answer");
        assert_eq!((response.status, response.text()), (200, "one\n"));
        asked += 1;
    }
    asked
}
