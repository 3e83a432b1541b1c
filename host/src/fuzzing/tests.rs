//! The inputs that are kept: what once found something, and what leads far into each target.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use super::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus")
}

#[test]
fn what_was_kept_breaks_nothing() {
    let mut broken = Vec::new();
    for (name, target) in TARGETS {
        let folder = corpus().join(name);
        let mut tried = 0;
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}")) {
            let file = entry.unwrap().path();
            let input = fs::read(&file).unwrap();
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                broken.push(file);
            }
            tried += 1;
        }
        assert!(tried >= 10, "{name}: {tried} inputs are kept, which is none");
    }
    assert!(broken.is_empty(), "these break what they were kept for: {broken:#?}");
}

#[test]
fn nothing_is_kept_for_nobody() {
    let folders = fs::read_dir(corpus()).unwrap();
    let kept = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = TARGETS.iter().map(|(name, _)| String::from(*name));
    assert_eq!(kept.collect::<BTreeSet<_>>(), names.collect());
}
