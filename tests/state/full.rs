//! A disk that takes no more: a deploy that needs room is refused or says that it will not be
//! remembered, what serves goes on, and once there is room everything works again.

use super::{Place, kill, says, version};
use crate::harness::gate::Gate;
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use crate::harness::skip::skip;
use rustix::process::Resource;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Less than a library has, and more than a record.
const SMALL: u64 = 4096;

const SERVES: &str = "given->purpose == DSGI_PURPOSE_SERVE";

fn operated(place: &Place) -> Operated {
    Operated::start(place.with_config())
}

fn path(library: &Path) -> &str {
    library.to_str().unwrap()
}

#[test]
fn a_copy_that_finds_no_room_is_a_refusal() {
    let (place, two) = (Place::new(), version("two"));
    let host = operated(&place);
    assert_eq!(says(&host), "one");
    let before = host.possessions();
    host.limit(Resource::Fsize, Some(SMALL));
    for _ in 0..3 {
        let refusal = refused(&host.verb(&["deploy", "shop", path(&two)]), 1);
        refusal.says(["cannot copy", path(&two), "File too large"]).helps(["ulimit -f"]);
        assert_eq!(host.try_deploy("shop", &two).status, 507);
        assert_eq!(says(&host), "one");
    }
    host.wait_for_no_more_than(&before);
    host.limit(Resource::Fsize, None);
    host.deploy("shop", &two);
    assert_eq!(says(&host), "two");
}

/// There was room for the copy, and none is left for the state.
#[test]
fn what_is_live_and_not_remembered_says_so() {
    let (place, gate) = (Place::new(), Gate::new());
    let mut host = operated(&place);
    let before = place.record();
    let two = gate.library(SERVES, "two");
    let output = std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.verb(&["deploy", "shop", path(&two)]));
        let events = host.events().find(|event| event["kind"] == "probed");
        assert!(events.is_some());
        host.limit(Resource::Fsize, Some(SMALL));
        gate.open();
        deploy.join().unwrap()
    });
    assert_eq!((output.status.code(), &*says(&host)), (Some(0), "two"), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("it is live, and a start of the host would not know it"), "{said}");
    assert!(said.contains("File too large") && said.contains("ulimit -f"), "{said}");
    host.wait_for_log("what happened is not remembered: ");
    assert_eq!(place.record(), before, "the record names what is not there");
    let store = fs::read_dir(place.path("state/store")).unwrap();
    assert_eq!(store.count(), 1, "half a library was left");
    kill(&mut host);
    let mut host = operated(&place);
    assert_eq!(says(&host), "one");

    // What lies at the application's own path is found there again.
    let gate = Gate::new();
    place.add(&gate.library(SERVES, "three"));
    let own = place.path("shop.so");
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| host.verb(&["deploy", "shop", path(&own)]));
        assert!(host.events().any(|event| event["kind"] == "probed"));
        host.limit(Resource::Fsize, Some(SMALL));
        gate.open();
        assert_eq!(deploy.join().unwrap().status.code(), Some(0));
    });
    assert_eq!(says(&host), "three");
    kill(&mut host);
    let mut host = operated(&place);
    assert_eq!(says(&host), "three", "{}", host.log());
    // Now there is room.
    host.deploy("shop", &version("four"));
    kill(&mut host);
    assert_eq!(says(&operated(&place)), "four");
}

/// A file system of its own that is full, which says so in another word.
#[test]
fn a_file_system_that_is_full_is_told_from_a_bad_file() {
    const NAME: &str = "state::full::a_file_system_that_is_full_is_told_from_a_bad_file";
    let (place, two) = (Place::new(), version("two"));
    let Some(full) = Mounted::at(place.path("full")) else {
        return skip(NAME, "only root may mount a file system, and not in every container");
    };
    let config = fs::read_to_string(place.path("host.toml")).unwrap();
    let state = config.replace("state = \"state\"", "state = \"full/state\"");
    for (config, runtime, code) in [(&config, "full", 1), (&state, "runtime", 0)] {
        fs::create_dir_all(place.path(runtime)).unwrap();
        fs::write(place.path("host.toml"), config).unwrap();
        let launch = place.with_config().env("XDG_RUNTIME_DIR", place.path(runtime));
        let host = Operated::start(launch);
        let filler = full.0.join("filler");
        // It ends with an error when there is no more room.
        let filled = fs::File::create(&filler)
            .and_then(|mut file| std::io::copy(&mut std::io::repeat(1), &mut file));
        assert!(filled.is_err(), "it takes everything");
        let output = host.verb(&["deploy", "shop", path(&two)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("No space left on device") && said.contains("make room"), "{said}");
        assert_eq!(says(&host), if code == 0 { "two" } else { "one" });
        fs::remove_file(&filler).unwrap();
        host.deploy("shop", &version("three"));
        assert_eq!(says(&host), "three");
    }
}

/// A small file system in memory.
struct Mounted(PathBuf);

impl Mounted {
    fn at(folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k,mode=700", "none"]).arg(&folder);
        let output = mount.output().ok()?;
        output.status.success().then_some(Self(folder))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // The hosts may still end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
