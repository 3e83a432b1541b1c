//! What a deploy costs in memory once it is done: nothing that grows with the library.

use std::fs::{self, File};

use super::{says, shop};
use crate::harness::host::Host;
use crate::harness::libraries::TemporaryLibrary;

/// A library whose file is as large as those with what debuggers read.
fn large(text: &str) -> TemporaryLibrary {
    let library = says(text);
    File::options().append(true).open(&library).and_then(|file| file.set_len(BYTES)).unwrap();
    library
}

const BYTES: u64 = 8 << 20;

/// Bytes that belong to a process alone and to no file, proc(5).
fn private(host: &Host) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let (_, found) = text.split_once("\nRssAnon:").expect("Linux 4.5 or later");
    let kilobytes = found.split_whitespace().next().unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}

/// Each deploy reads the whole file on a thread of its own, whose heap may keep what it gave up.
#[test]
fn a_library_that_was_read_leaves_no_memory_behind() {
    const DEPLOYS: usize = 20;
    let versions = [large("first"), large("second")];
    let host = shop(&versions[0]);
    host.deploy("shop", &versions[1]);
    let before = private(&host);
    for turn in 0..DEPLOYS {
        host.deploy("shop", &versions[turn % 2]);
    }
    let grown = private(&host).saturating_sub(before);
    assert!(grown < BYTES, "{DEPLOYS} deploys left {} MiB of memory", grown >> 20);
}
