//! How many crates a user of a package builds.

use crate::harness::project;
use std::collections::BTreeSet;
use std::process::Command;

/// A line if `package` with its default features needs more than `most` crates, itself included.
pub(super) fn exceeded(package: &str, most: usize) -> Option<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none"])
        .args(["--package", package])
        .current_dir(project())
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {package}:\n{said}");
    over(package, most, &String::from_utf8_lossy(&output.stdout))
}

fn over(package: &str, most: usize, tree: &str) -> Option<String> {
    // A crate that is shown twice is marked `(*)` from then on.
    let crates: BTreeSet<_> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let count = crates.len();
    assert!(count > 0, "cargo tree shows nothing for {package}");
    (count > most).then(|| format!("{package} needs {count} crates: its budget is {most}"))
}

#[test]
fn crates_are_counted_once() {
    let tree = "dsgi v0.1.0\nbytes v1.12.0\nhttp v1.5.0\nbytes v1.12.0 (*)\n";
    assert_eq!(over("dsgi", 3, tree), None);
    assert_eq!(over("dsgi", 2, tree).as_deref(), Some("dsgi needs 3 crates: its budget is 2"));
}
