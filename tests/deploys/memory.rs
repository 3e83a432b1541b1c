//! What a deploy costs in memory once it is done: nothing that grows with the library.

use std::fs::File;

use serde_json::Value;

use super::{says, shop};
use crate::harness::host::Launch;
use crate::harness::libraries::{TemporaryLibrary, sample, versions};
use crate::harness::operated::Operated;
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

/// What a library puts on the heap for its statics is never given back: neither the interface nor
/// what it brings may do that for each version. The host keeps a few KiB for a time, of which
/// `host events` tells.
#[test]
fn a_service_that_was_replaced_leaves_no_memory_behind() {
    const DEPLOYS: usize = 25;
    const EACH: u64 = 12 << 10;
    let versions = versions(&sample("axum-app"), b"I'm an axum app", b"I was an ax app");
    // One arena, so that what several threads give up is used again.
    let launch = Launch::new().bare().env("MALLOC_ARENA_MAX", "1").arg("--load");
    let host = Operated::start(launch.arg(&*versions[0]));
    let deploys = || {
        for turn in 0..DEPLOYS {
            host.deploy("axum-app", &versions[(turn + 1) % 2]);
        }
        host.wait_for_app("axum-app", "the end of every version that was replaced", |app| {
            app["retained"] == Value::from([(); 0])
        });
    };
    deploys();
    let before = Weight::of(host.pid()).private;
    deploys();
    let each = Weight::of(host.pid()).private.saturating_sub(before) / DEPLOYS as u64;
    assert!(each < EACH, "a deploy left {each} bytes of memory");
    println!("{each} bytes a deploy");
}
