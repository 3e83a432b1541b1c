//! What a deploy costs in memory once it is done: nothing that grows with the library.

use std::fs::File;

use super::{says, shop};
use crate::harness::libraries::TemporaryLibrary;
use crate::harness::weight::Weight;

/// A library whose file is as large as those with what debuggers read.
fn large(text: &str) -> TemporaryLibrary {
    let library = says(text);
    File::options().append(true).open(&library).and_then(|file| file.set_len(BYTES)).unwrap();
    library
}

const BYTES: u64 = 8 << 20;

/// Each deploy reads the whole file on a thread of its own, whose heap may keep what it gave up.
#[test]
fn a_library_that_was_read_leaves_no_memory_behind() {
    const DEPLOYS: usize = 20;
    let versions = [large("first"), large("second")];
    let host = shop(&versions[0]);
    host.deploy("shop", &versions[1]);
    let before = Weight::of(host.pid()).private;
    for turn in 0..DEPLOYS {
        host.deploy("shop", &versions[turn % 2]);
    }
    let grown = Weight::of(host.pid()).private.saturating_sub(before);
    assert!(grown < BYTES, "{DEPLOYS} deploys left {} MiB of memory", grown >> 20);
}
