//! `--watch`: what changes in a file or a crate is deployed, and nothing else is.

use crate::harness::client::get;
use crate::harness::crates::{Crates, Target};
use crate::harness::eventually;
use crate::harness::host::Host;
use crate::harness::libraries::{TemporaryLibrary, c_app};
use crate::harness::refusal::load;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with one library, or what the test does to it.
struct Place {
    folder: TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { file: folder.path().join("app.so"), folder }
    }

    /// The same folder with this library in it.
    fn with(library: &Path) -> Self {
        let place = Self::new();
        fs::copy(library, &place.file).unwrap();
        place
    }

    fn watched(&self) -> Host {
        load(&self.file).arg("--watch").env("DSGI_LOG", "debug").start()
    }

    /// As a build or a package does it.
    fn rename(&self, library: &Path) {
        let beside = self.folder.path().join("app.so.new");
        fs::copy(library, &beside).unwrap();
        fs::rename(beside, &self.file).unwrap();
    }

    /// As `cp` and `scp` do it: the file stays the one that it is.
    fn overwrite(&self, bytes: &[u8]) {
        let mut file = OpenOptions::new().write(true).truncate(true).open(&self.file).unwrap();
        file.write_all(bytes).unwrap();
    }
}

fn version(text: &str) -> TemporaryLibrary {
    c_app(&[&format!("TEXT \"{text}\\n\"")])
}

fn serves(host: &Host, text: &str) {
    eventually(&format!("`{text}`"), || {
        (get(host.address(), "/").text().trim_end() == text).then_some(())
    });
}

/// How many versions have been in service, but for what is linked into the host.
fn taken(host: &Host) -> usize {
    let is_one = |line: &&str| line.contains("in service") && !line.contains("linked into");
    host.log().lines().filter(is_one).count()
}

fn wait_until_taken(host: &Host, count: usize) {
    eventually("the last version", || (taken(host) >= count).then_some(()));
    assert_eq!(taken(host), count, "{}", host.log());
}

#[test]
fn a_file_is_deployed_however_it_is_replaced() {
    let [one, two] = ["one", "two"].map(version);
    let place = Place::with(&one);
    let host = place.watched();
    serves(&host, "one");
    place.rename(&two);
    serves(&host, "two");
    place.overwrite(&fs::read(&one).unwrap());
    serves(&host, "one");
    fs::remove_file(&place.file).unwrap();
    assert_eq!(get(host.address(), "/").text(), "one\n");
    fs::copy(&two, &place.file).unwrap();
    serves(&host, "two");
    wait_until_taken(&host, 4);
    assert!(!host.log().contains("ERROR"), "{}", host.log());
}

/// As Kubernetes updates a volume: the file is a link into a folder that is a link, and the second
/// one is moved.
#[test]
fn a_link_that_is_moved_is_a_change() {
    let place = Place::new();
    for (name, library) in [("..one", version("one")), ("..two", version("two"))] {
        fs::create_dir(place.folder.path().join(name)).unwrap();
        fs::copy(&library, place.folder.path().join(name).join("app.so")).unwrap();
    }
    let data = place.folder.path().join("..data");
    symlink("..one", &data).unwrap();
    symlink("..data/app.so", &place.file).unwrap();
    let host = place.watched();
    serves(&host, "one");
    let moved = place.folder.path().join("..data_tmp");
    symlink("..two", &moved).unwrap();
    fs::rename(moved, &data).unwrap();
    serves(&host, "two");
    fs::remove_dir_all(place.folder.path().join("..one")).unwrap();
    assert_eq!(get(host.address(), "/").text(), "two\n");
}

#[test]
fn what_is_the_same_is_not_deployed() {
    let one = version("one");
    let place = Place::with(&one);
    let host = place.watched();
    host.wait_for_log("holds nothing new");
    place.rename(&one);
    host.wait_for_logs("holds nothing new", 2);
    File::open(&place.file).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    host.wait_for_logs("holds nothing new", 3);
    assert_eq!(taken(&host), 1, "{}", host.log());
    place.rename(&version("two"));
    serves(&host, "two");
}

/// A writer that pauses is taken for one that is done: what it has written so far is refused, and
/// the rest makes it whole.
#[test]
fn a_file_that_is_not_whole_changes_nothing() {
    let place = Place::with(&version("one"));
    let host = place.watched();
    let two = fs::read(version("two")).unwrap();
    let (begin, rest) = two.split_at(two.len() / 2);
    place.overwrite(begin);
    let line = host.wait_for_log("not deployed: ");
    assert!(line.contains("ERROR") && line.contains("app.so"), "{line}");
    assert_eq!(get(host.address(), "/").text(), "one\n");
    OpenOptions::new().append(true).open(&place.file).unwrap().write_all(rest).unwrap();
    serves(&host, "two");
    assert_eq!(host.wait_for_logs("not deployed: ", 1).len(), 1);
}

#[test]
fn a_file_that_is_refused_leaves_the_old_version_in_service() {
    let place = Place::with(&version("one"));
    let host = place.watched();
    for (fault, says) in [("INIT ABORT", "SIGABRT"), ("FAULT \"no index\"", "no index")] {
        place.rename(&c_app(&[fault]));
        let line = host.wait_for_log(says);
        assert!(line.contains("not deployed: ") && line.contains("app=\"one\""), "{line}");
        assert_eq!(get(host.address(), "/").text(), "one\n");
    }
    assert_eq!(host.wait_for_logs("not deployed: ", 2).len(), 2, "{}", host.log());
    place.rename(&version("two"));
    serves(&host, "two");
}

#[test]
fn an_application_that_could_not_start_starts_when_it_is_mended() {
    let good = c_app(&["NAME \"good\""]);
    let place = Place::new();
    let mounts = [format!("/={}", good.display()), format!("/late=late={}", place.file.display())];
    let host = crate::harness::host::Launch::new()
        .args(["--mount", &mounts[0], "--mount", &mounts[1], "--watch"])
        .start();
    assert_eq!(get(host.address(), "/late").status, 503);
    fs::copy(version("late"), &place.file).unwrap();
    eventually("the late one", || (get(host.address(), "/late").status == 200).then_some(()));
    assert_eq!(get(host.address(), "/late").text(), "late\n");
}

/// Answers with what its path dependency says.
const BY_HAND: &str = include_str!("libraries/by_hand.rs");

#[test]
fn a_crate_is_built_again_when_it_or_its_path_dependency_changes() {
    let crates = Crates::new();
    let text = |text: &str| BY_HAND.replace("\"debug\\n\"", text);
    crates.library(
        "shop",
        "[dependencies]\nprice = { path = \"../price\" }\n",
        &text("price::TEXT"),
    );
    crates.write("price/Cargo.toml", "[package]\nname = \"price\"\nversion = \"0.1.0\"\n");
    crates.write("price/src/lib.rs", "pub const TEXT: &str = \"one\\n\";\n");
    let host = crates
        .host(Target::Own)
        .args(["--debug", "--watch", "--load", "shop"])
        .env("DSGI_LOG", "debug")
        .start();
    serves(&host, "one");
    crates.write("price/src/lib.rs", "pub const TEXT: &str = \"two\\n\";\n");
    serves(&host, "two");
    // A compile error: the compiler's message, one line, and the old version goes on.
    crates.write("shop/src/lib.rs", &text("price::NONE"));
    let line = host.wait_for_log("not deployed: ");
    assert!(line.contains("`shop` does not compile") && line.contains("ERROR"), "{line}");
    assert!(host.log().contains("error[E0425]: cannot find value `NONE`"), "{}", host.log());
    assert_eq!(get(host.address(), "/").text(), "two\n");
    // A module whose file comes later, and is not known to the last build.
    crates.write("shop/src/lib.rs", &format!("{}\nmod late;\n", text("late::TEXT")));
    host.wait_for_logs("not deployed: ", 2);
    crates.write("shop/src/late.rs", "pub const TEXT: &str = \"late\\n\";\n");
    serves(&host, "late");
    // What changes nothing of the library.
    let before = host.log().matches("holds nothing new").count();
    crates.write("shop/README.md", "Sells things.\n");
    host.wait_for_logs("holds nothing new", before + 1);
    wait_until_taken(&host, 3);
}
