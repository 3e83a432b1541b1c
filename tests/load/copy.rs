//! The private copy: what happens to the file after it was loaded happens to nobody.

use crate::harness::client::get;
use crate::harness::host::Host;
use crate::harness::libraries::{c_app, own_copy};
use crate::harness::refusal::{load, refuses};
use rustix::process::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[test]
fn the_file_may_be_overwritten_cut_and_removed_while_it_serves() {
    let original = c_app(&[]);
    let library = own_copy(&original);
    let mut host = load(&library).start();
    let serves = || assert_eq!(get(host.address(), "/").text(), "in C\n");
    serves();
    let length = fs::metadata(&library).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&library).unwrap();
    file.write_all(&vec![0xCC; length as usize]).unwrap();
    serves();
    File::create(&library).unwrap();
    serves();
    fs::remove_file(&library).unwrap();
    serves();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
}

#[test]
fn it_lies_where_nobody_else_may_look_and_goes_with_the_host() {
    let runtime = tempfile::tempdir().unwrap();
    let library = c_app(&[]);
    let mut host = serving(&library, runtime.path());
    let [folder] = &folders(runtime.path())[..] else { panic!("not one folder") };
    for private in [folder.parent().unwrap(), folder] {
        let mode = fs::metadata(private).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o700, "{}: {mode:o}", private.display());
    }
    let copies = files(folder).into_iter().filter(|file| file.to_string_lossy().contains("libone"));
    let [copy] = &copies.collect::<Vec<_>>()[..] else { panic!("not one copy") };
    assert_eq!(fs::read(copy).unwrap(), fs::read(&library).unwrap());
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid())).unwrap();
    assert!(maps.contains(copy.to_str().unwrap()), "the copy is not what is mapped:\n{maps}");
    assert!(!maps.contains(library.to_str().unwrap()), "the file itself is mapped:\n{maps}");
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    assert_eq!(folders(runtime.path()), [""; 0].map(PathBuf::from));
}

#[test]
fn a_refused_file_leaves_no_copy() {
    let runtime = tempfile::tempdir().unwrap();
    let library = c_app(&["CONSTRUCTOR ABORT"]);
    refuses(load(&library).env("XDG_RUNTIME_DIR", runtime.path()), 65);
    assert_eq!(folders(runtime.path()), [""; 0].map(PathBuf::from));
}

#[test]
fn what_a_killed_host_left_goes_with_the_next_start_and_what_a_living_one_has_stays() {
    let runtime = tempfile::tempdir().unwrap();
    let library = c_app(&[]);
    let living = serving(&library, runtime.path());
    let mut killed = serving(&library, runtime.path());
    let before = folders(runtime.path());
    assert_eq!(before.len(), 2, "{before:?}");
    killed.signal(Signal::KILL);
    killed.wait();
    assert_eq!(folders(runtime.path()), before, "no control: it has cleared up");

    let next = serving(&library, runtime.path());
    let after = folders(runtime.path());
    let of = |host: &Host| {
        let process = format!("{}-", host.pid());
        let is_its =
            |folder: &&PathBuf| folder.file_name().unwrap().to_str().unwrap().starts_with(&process);
        after.iter().filter(is_its).count()
    };
    assert_eq!((after.len(), of(&living), of(&killed), of(&next)), (2, 1, 0, 1), "{after:?}");
    for host in [living, next] {
        assert_eq!(get(host.address(), "/").text(), "in C\n");
    }
}

fn serving(library: &Path, runtime: &Path) -> Host {
    load(library).env("XDG_RUNTIME_DIR", runtime).start()
}

/// The private folders of all hosts with this runtime folder.
fn folders(runtime: &Path) -> Vec<PathBuf> {
    files(&runtime.join("dsgi"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}
