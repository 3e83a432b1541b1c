//! Each reason why a library stays.

use super::libraries::fault_app;
use super::worker::{Takes, Worker};
use super::{Call, call, counter, file, gone, not_yet, open, passes};
use crate::plugin::mapped;

pub(super) const CASES: &[(&str, fn())] =
    &[("thread", thread), ("mute", mute), ("lent", lent), ("sockets", sockets)];

fn thread() {
    let library = open(&file());
    call(&library, "leave_thread", counter());
    let (library, pin) = not_yet(library);
    println!("pin: {pin}");
    assert!(pin.to_string().starts_with("its thread \"left\" (tid "), "{pin}");
    call(&library, "let_go", counter());
    gone(library);
}

fn mute() {
    let (library, worker) = (open(&file()), Worker::start(Takes::NoMail));
    let function: Call = library.function("leave_drop");
    worker.run(move || function(counter()));
    let (library, pin) = not_yet(library);
    println!("pin: {pin}");
    assert!(pin.to_string().starts_with("thread-locals on the host's thread \"worker\""), "{pin}");
    drop(worker);
    gone(library);
}

fn lent() {
    mapped::hold_what_is_gone();
    let folder = tempfile::tempdir().unwrap();
    let lender = folder.path().join("liblender.so");
    std::fs::copy(file(), &lender).unwrap();
    let (library, lender) = (open(&file()), open(&lender));
    for name in ["leave_current", "leave_drop"] {
        let job: Call = library.function(name);
        lender.function::<extern "C" fn(Call, &'static _)>("lend_thread")(job, counter());
    }
    let (library, pin) = not_yet(library);
    println!("pin: {pin}");
    assert!(pin.to_string().starts_with("thread-locals on a thread of lender: \"lent\""), "{pin}");
    call(&lender, "let_go", counter());
    gone(library);
    gone(lender);
}

fn sockets() {
    let before = super::process::figures();
    let library = open(&file());
    call(&library, "leave_sockets", counter());
    assert_eq!(super::process::figures().descriptors, before.descriptors + 2);
    assert_eq!(gone(library).sockets, 2);
    assert_eq!(super::process::figures().descriptors, before.descriptors);
}

#[test]
fn a_thread_that_runs_keeps_its_library() {
    passes("thread", &fault_app("leaves"));
}

#[test]
fn a_thread_without_a_mailbox_keeps_what_it_has_thread_locals_of() {
    passes("mute", &fault_app("leaves"));
}

#[test]
fn a_thread_of_another_library_keeps_what_it_has_thread_locals_of() {
    passes("lent", &fault_app("leaves"));
}

#[test]
fn sockets_that_a_library_left_are_closed() {
    passes("sockets", &fault_app("leaves"));
}
