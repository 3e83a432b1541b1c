//! Files that are refused before anything of them runs, or as soon as the linker sees them.

use crate::harness::client::get;
use crate::harness::host::Host;
use crate::harness::libraries::{TemporaryLibrary, c_app, c_library, own_copy};
use crate::harness::refusal::{load, refused_to_load, refuses};
use std::path::Path;
use std::process::Command;

/// Without it every refusal below could be one of this library itself.
#[test]
fn the_application_without_a_fault_serves() {
    let host = Host::start(["--load".as_ref(), c_app(&[]).as_os_str()]);
    let response = get(host.address(), "/");
    assert_eq!((response.status, response.text()), (200, "in C\n"));
}

#[test]
fn nothing_is_there() {
    let library = c_app(&[]);
    let refusal = refused_to_load(&library.with_file_name("one"));
    refusal.says(["no such file", "/one`"]).helps(["did you mean", "libone.so"]);
    let refusal = refused_to_load(&library.with_file_name("nowhere").join("libone.so"));
    refusal.says(["no such file", "nowhere/libone.so"]).helps(["no folder", "nowhere"]);
}

#[test]
fn a_folder_is_no_crate() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = refused_to_load(folder.path());
    refusal.says(["is not a crate", "holds no `Cargo.toml`", named(folder.path())]);
    refusal.helps(["library file", "folder of a crate"]);
}

#[test]
fn devices_and_pipes_are_not_opened_as_libraries() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    refused_to_load(&fifo).says([named(&fifo), "is a FIFO", "a library is a regular file"]);
    for device in ["/dev/zero", "/dev/null"] {
        refused_to_load(device).says([device, "is a device", "a library is a regular file"]);
    }
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let help = ["cdylib", "the crate's folder"];
    let text = file_of("notes.txt", b"Dear diary,\nthe host does not start.\n");
    refused_to_load(&text).says([named(&text), "not a shared library", "a text file"]).helps(help);
    let script = file_of("run.sh", b"#!/bin/sh\nexit 0\n");
    refused_to_load(&script).says([named(&script), "a script for `/bin/sh`"]).helps(help);
    let bytes = file_of("noise.so", &[0x80, 0x00, 0xff, 0x13, 0x37]);
    refused_to_load(&bytes).says([named(&bytes), "begins with the bytes 80 00 ff 13"]).helps(help);
}

#[test]
fn unfinished_files_say_so() {
    let help = ["wait until the build or copy is complete"];
    let empty = file_of("libempty.so", b"");
    refused_to_load(&empty).says([named(&empty), "is empty"]).helps(help);
    let library = c_app(&[]);
    let bytes = std::fs::read(&library).unwrap();
    for length in [20, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&library, &bytes[..length]).unwrap();
        let size = format!("the file has {length} bytes");
        refused_to_load(&library).says([named(&library), "is cut short", &size]).helps(help);
    }
}

#[test]
fn libraries_of_another_machine_are_named_with_it() {
    // e_machine of the ELF header, and the number of a processor that this is not.
    const MACHINE: usize = 18;
    let (number, name) =
        if cfg!(target_arch = "x86_64") { (183, "aarch64") } else { (62, "x86_64") };
    let library = c_app(&[]);
    let mut bytes = std::fs::read(&library).unwrap();
    bytes[MACHINE] = number;
    std::fs::write(&library, bytes).unwrap();
    let refusal = refused_to_load(&library);
    refusal.says([named(&library), "is built for", name, "needs", std::env::consts::ARCH]);
    refusal.helps(["build it for this machine"]);
}

#[test]
fn a_library_of_something_else_is_no_plugin() {
    let library = c_library("seven", "int seven(void) { return 7; }", &[]);
    let refusal = refused_to_load(&library);
    refusal.says([named(&library), "not a DSGI library", "exports no `dsgi_app_v1`"]);
    refusal.helps(["dsgi::app!(app)", "cdylib"]);
}

#[test]
fn another_version_of_the_boundary_is_refused_with_both() {
    let library = c_app(&["NOTE_ABI 7"]);
    let refusal = refused_to_load(&library);
    refusal.says([named(&library), "built for ABI 7", "this host needs ABI 0"]);
    refusal.helps(["update the host", "older release of the crate `dsgi`"]);
    // A note that says otherwise than the table: only opening it shows that.
    let library = c_app(&["TABLE_ABI 7"]);
    let refusal = refused_to_load(&library);
    refusal.says([named(&library), "built for ABI 7", "this host speaks ABI 0"]);
    refusal.helps(["build the library again with this host's release"]);
}

#[test]
fn a_layer_is_no_application() {
    let library = c_app(&["KIND DSGI_KIND_LAYER"]);
    let refusal = refused_to_load(&library);
    refusal.says([named(&library), "is a layer, not an application"]);
    refusal.helps(["--enable", named(&library)]);
}

/// Bound lazily, it would serve until the first request and end the host then.
#[test]
fn an_undefined_symbol_is_found_before_serving() {
    let library = c_app(&["UNDEFINED", "-Wl,-z,lazy"]);
    let refusal = refused_to_load(&library);
    refusal.says([named(&library), "undefined symbol: nobody_defines_this"]);
    refusal.helps(["link what defines it"]);
}

#[test]
fn a_file_is_named_as_it_was_given() {
    let library = c_app(&["KIND DSGI_KIND_LAYER"]);
    let name = library.file_name().unwrap();
    let refusal = refuses(load(name).current_dir(library.parent().unwrap()), 65);
    refusal.says(["`libone.so` is a layer"]);
}

fn file_of(name: &str, content: &[u8]) -> TemporaryLibrary {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    own_copy(&file)
}

fn named(file: &Path) -> &str {
    file.to_str().expect("a path in ASCII")
}
