//! A library that was built against another layout of the boundary: type and field are named.

use crate::harness::libraries::built_outside;
use crate::harness::project;
use crate::harness::refusal::{load, refused_to_load};
use std::fs;
use std::path::Path;

#[test]
fn a_changed_type_is_named_with_its_field() {
    let crates = tempfile::tempdir().unwrap();
    let kit = copy_of_the_kit(crates.path());
    let library = build(crates.path());
    // The host runs to its end only where it refuses.
    load(&library).start();
    for (file, change, parts) in [
        ("leaf.rs", ("pub reserved: u32,", "pub reserved: i32,"), ["`Header.reserved`", "`i32`"]),
        ("grown.rs", ("pub server_port: u32,", "pub server_port: i32,"), ["`Head.server_port`", "`i32`"]),
    ] {
        let file = kit.join("src/abi").join(file);
        let original = fs::read_to_string(&file).unwrap();
        assert!(original.contains(change.0), "{} has changed", file.display());
        fs::write(&file, original.replacen(change.0, change.1, 1)).unwrap();
        let library = build(crates.path());
        fs::write(&file, original).unwrap();
        let refusal = refused_to_load(&library);
        refusal.says(["failed its probe", "its layout differs from this host's", "`u32`"]);
        refusal.says(parts).helps(["build the library again with this host's release"]);
    }
}
