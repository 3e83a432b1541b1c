//! Hosts that are killed in the middle of a deploy: the next one serves the right version, from a
//! state that is whole, and clears up what the killed one has left.

use super::{Place, end, kill, says, version};
use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::gate::Gate;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::c_app;
use crate::harness::operated::Operated;
use crate::load::child::{children, wait_for_end};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const PROBES: &str = "given->purpose == DSGI_PURPOSE_PROBE";
const SERVES: &str = "given->purpose == DSGI_PURPOSE_SERVE";

impl Place {
    /// All hosts of a place have their private folders in one.
    fn operated(&self) -> Operated {
        fs::create_dir_all(self.path("runtime")).unwrap();
        Operated::start(self.with_config().env("XDG_RUNTIME_DIR", self.path("runtime")))
    }

    /// Checks that the record names only versions whose bytes are there, and gives the one that is
    /// to serve.
    fn wanted(&self) -> String {
        let record = self.record();
        let app = &record["apps"]["shop"];
        let desired = app["desired"].as_str().unwrap().to_owned();
        let history = app["history"].as_array().unwrap().iter().filter_map(Value::as_str);
        for digest in history.chain([&*desired]).chain(app["last_good"].as_str()) {
            assert_eq!(digest_of(&self.path(&format!("state/store/{digest}.so"))), digest);
        }
        desired
    }

    /// What a host has left that is nobody's: half a file of the state, a private folder.
    fn left_over(&self, host: &Host) -> Vec<PathBuf> {
        let is_half = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        };
        let half = files(&self.path("state")).into_iter().chain(files(&self.path("state/store")));
        let own = format!("{}-", host.pid());
        let of_others = |path: &PathBuf| {
            path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with(&own))
        };
        let folders = files(&self.path("runtime/dsgi")).into_iter().filter(of_others);
        half.filter(is_half).chain(folders).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn digest_of(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads what is said of a deploy up to this moment of a step.
fn read_until(lines: &mut impl Iterator<Item = Value>, moment: &str, step: &str) {
    let found = lines.find(|line| {
        let said = &line["progress"][moment];
        said == step || said["name"] == step
    });
    assert!(found.is_some(), "never {moment}: {step}");
}

#[test]
fn at_each_step_of_a_deploy() {
    let [one, two] = ["one", "two"].map(version);
    let digests = [digest_of(&one), digest_of(&two)];
    let steps = ["read", "probe", "start", "swap"];
    for (step, moment) in steps.iter().flat_map(|step| [(step, "begun"), (step, "done")]) {
        let place = Place::new();
        let mut host = place.operated();
        let mut said = host.follow_deploy("shop", &two);
        read_until(&mut said, moment, step);
        kill(&mut host);
        let wanted = place.wanted();
        let host = place.operated();
        let text = if wanted == digests[0] { "one" } else { "two" };
        assert_eq!(says(&host), text, "{moment} {step}: {}", host.log());
        assert!(digests.contains(&wanted), "{moment} {step}");
        assert!(host.wait_for_log("this starts").contains("deployed last"), "{}", host.log());
        assert_eq!(place.left_over(&host), [""; 0].map(PathBuf::from), "{moment} {step}");
        // It can be done again.
        host.deploy("shop", &two);
        assert_eq!((says(&host), place.wanted()), ("two".to_owned(), digests[1].clone()));
    }
}

/// The steps that a library can be held in, so that it is known where the host was; and the answer,
/// after which nothing may be lost.
#[test]
fn before_and_after_a_version_serves() {
    for (at, step, text) in [(PROBES, "probe", "one"), (SERVES, "start", "one"), ("0", "", "two")] {
        let (place, gate) = (Place::new(), Gate::new());
        let two = gate.library(at, "two");
        let mut host = place.operated();
        let mut said = host.follow_deploy("shop", &two);
        if step.is_empty() {
            assert!(said.last().unwrap()["deployed"].is_object());
        } else {
            read_until(&mut said, "begun", step);
        }
        // The step has begun before there is a child.
        let expected = usize::from(step == "probe");
        let probes = eventually("the children of this step", || {
            Some(children(host.pid())).filter(|probes| probes.len() == expected)
        });
        for probe in &probes {
            // It is in its `init` by then, or will be.
            let maps = || fs::read_to_string(format!("/proc/{probe}/maps")).unwrap_or_default();
            eventually("the library in its probe", || maps().contains("libone.so").then_some(()));
        }
        kill(&mut host);
        // Nobody would end a library that hangs in it.
        probes.iter().for_each(|probe| wait_for_end(i32::try_from(*probe).unwrap()));
        let host = place.operated();
        assert_eq!(says(&host), text, "{step}: {}", host.log());
        place.wanted();
        assert_eq!(place.left_over(&host), [""; 0].map(PathBuf::from), "{step}");
    }
}

/// What was on its way because it lay at the path is on its way again.
#[test]
fn while_a_file_that_is_new_at_its_path_is_on_its_way() {
    let (place, gate) = (Place::new(), Gate::new());
    let mut host = place.with_config().arg("--watch").env("DSGI_LOG", "debug").start();
    host.wait_for_log("holds nothing new");
    place.add(&gate.library(PROBES, "two"));
    let probes =
        eventually("a probe", || Some(children(host.pid())).filter(|probes| !probes.is_empty()));
    kill(&mut host);
    probes.iter().for_each(|probe| wait_for_end(i32::try_from(*probe).unwrap()));
    gate.open();
    let host = place.start();
    assert_eq!(says(&host), "two");
    assert!(host.wait_for_log("this starts").contains("not seen at its path before"));
}

/// A file that somebody has written over, without a second name for the old bytes.
#[test]
fn a_file_that_was_overwritten_in_place_is_a_deploy() {
    let place = Place::new();
    let mut host = place.start();
    fs::write(place.path("shop.so"), fs::read(version("two")).unwrap()).unwrap();
    assert_eq!(says(&host), "one");
    kill(&mut host);
    let mut host = place.start();
    assert_eq!(says(&host), "two");
    assert!(host.wait_for_log("this starts").contains("not seen at its path before"));
    // By something that cannot serve, before anything had the time to prove itself.
    fs::write(place.path("shop.so"), fs::read(c_app(&["INIT ABORT"])).unwrap()).unwrap();
    assert_eq!(says(&host), "two");
    end(&mut host);
    let host = place.start();
    assert_eq!(says(&host), "two");
    assert!(host.wait_for_log("the file is not taken").contains("SIGABRT"));
    assert!(host.wait_for_log("from the state").contains("newest that served before"));
}

/// The control of the tests above: what a host leaves that is killed.
#[test]
fn a_killed_host_leaves_a_folder_and_the_next_removes_it() {
    let place = Place::new();
    let mut host = place.operated();
    let folders = || files(&place.path("runtime/dsgi")).len();
    assert_eq!(folders(), 1);
    kill(&mut host);
    fs::write(place.path("state/store/.unfinished-x"), "half").unwrap();
    assert_eq!(folders(), 1, "it has cleared up");
    let second = Launch::new().env("XDG_RUNTIME_DIR", place.path("runtime"));
    let second = second.arg("--load").arg(place.path("shop.so")).start();
    assert_eq!((folders(), get(second.address(), "/").status), (1, 200));
    let host = place.operated();
    assert_eq!(folders(), 2);
    let own = |path: &PathBuf| path.to_string_lossy().contains(&format!("{}-", second.pid()));
    assert_eq!(place.left_over(&host).iter().filter(|path| !own(path)).count(), 0);
}
