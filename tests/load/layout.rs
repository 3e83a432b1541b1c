//! A library that was built against another layout of the boundary: type and field are named.

use crate::harness::client::get;
use crate::harness::crates::{Crates, Target};
use crate::harness::project;
use crate::harness::refusal::refuses_after_a_build;
use std::fs;
use std::path::Path;

const SOURCE: &str = include_str!("../../sample-plugins/hello/src/lib.rs");

#[test]
fn a_changed_type_is_named_with_its_field() {
    let crates = Crates::new();
    copy_kit(&crates);
    crates.library("changed", "[dependencies]\ndsgi = { path = \"../kit\" }\n", SOURCE);
    crates.lock_versions("changed");
    let host = || crates.host(Target::Shared).args(["--debug", "--load", "changed"]);
    assert_eq!(get(host().start().address(), "/").status, 200, "the control is refused");

    // A frozen struct and one that may grow.
    let changes = [
        ("leaf.rs", "pub struct Header {", "reserved", "`Header.reserved`"),
        ("grown.rs", "pub struct Changes {", "reserved", "`Changes.reserved`"),
    ];
    for (file, owner, field, named) in changes {
        let file = crates.path("kit/src/abi").join(file);
        let original = fs::read_to_string(&file).unwrap();
        let (before, after) = original.split_once(owner).unwrap();
        let (old, new) = (format!("pub {field}: u32,"), format!("pub {field}: i32,"));
        assert!(after.contains(&old), "{owner} has changed");
        fs::write(&file, format!("{before}{owner}{}", after.replacen(&old, &new, 1))).unwrap();
        let (_, refusal) = refuses_after_a_build(host(), 65);
        fs::write(&file, original).unwrap();
        refusal.says(["libchanged.so", "its layout differs from this host's"]);
        refusal.says([named, "expected `u32`", "found `i32`"]);
        refusal.helps(["build the library again with this host's release"]);
    }
}

/// The interface's crate, without the workspace around it.
fn copy_kit(crates: &Crates) {
    let original = project().join("plugin-api");
    let copy = |file: &Path| {
        let text = fs::read_to_string(original.join(file)).unwrap();
        crates.write(&format!("kit/{}", file.display()), &text);
    };
    let mut folders = vec![Path::new("src").to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(original.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(path),
                false => copy(&path),
            }
        }
    }
    copy(Path::new("build.rs"));
    copy(Path::new("Cargo.toml"));
    // The kit's manifest takes its values from a workspace; this is one with the same.
    let manifest = fs::read_to_string(project().join("Cargo.toml")).unwrap();
    let (_, values) = manifest.split_once("[workspace.package]").unwrap();
    let paths = |line: &&str| !line.contains("path = ");
    let values: Vec<&str> = values.lines().filter(paths).collect();
    let members = "[workspace]\nresolver = \"3\"\nmembers = [\"kit\", \"changed\"]\n";
    crates.write("Cargo.toml", &format!("{members}\n[workspace.package]{}\n", values.join("\n")));
}
