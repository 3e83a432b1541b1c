//! Opened and unloaded many times: nothing grows.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use super::libraries::fault_app;
use super::process::{figures, resident};
use super::worker::{Takes, Worker};
use super::{Call, call, child, counter, file, gone, open, passes};
use crate::plugin::unload::glibc::mapped;

pub(super) const CASES: &[(&str, fn())] = &[
    ("plain", plain),
    ("threads", threads),
    ("unpurged", unpurged),
    ("tokio", tokio),
    ("ends", ends),
    ("leaving", leaving),
];

/// How many cycles: some, or all that the promise is measured with.
fn cycles(some: usize, all: usize) -> usize {
    if std::env::var_os("DSGI_LONG").is_some_and(|it| it == "1") { all } else { some }
}

/// Runs cycles; what the process has is the same after the first ones and after the last, and its
/// memory has grown by less than `grows` KiB.
fn flat(name: &str, count: usize, grows: usize, mut cycle: impl FnMut(&Path)) {
    let file = file();
    let settled = count / 10 + 2;
    (0..settled).for_each(|_| cycle(&file));
    let (before, memory) = (figures(), resident());
    let started = std::time::Instant::now();
    (settled..count).for_each(|_| cycle(&file));
    let after = figures();
    let grown = resident().saturating_sub(memory);
    let each = started.elapsed() / u32::try_from((count - settled).max(1)).unwrap();
    println!("{name}: {count} cycles, {each:?} each, +{grown} KiB, {after:?}");
    assert_eq!(before, after);
    assert!(grown < grows, "{grown} KiB more than after {settled} cycles");
}

fn plain() {
    let counter = counter();
    flat("plain", cycles(1_000, 10_000), 1_024, |file| {
        let library = open(file);
        call(&library, "leave_nothing", counter);
        gone(library);
    });
}

fn threads() {
    mapped::hold_what_is_gone();
    let workers = [Worker::start(Takes::Mail), Worker::start(Takes::Mail)];
    let dropped = counter();
    let count = cycles(300, 3_000);
    flat("threads", count, 2_048, |file| {
        let library = open(file);
        for name in ["leave_current", "leave_drop", "leave_chain"] {
            let function: Call = library.function(name);
            function(dropped);
            workers.iter().for_each(|worker| worker.run(move || function(dropped)));
        }
        assert!(gone(library).keys > 0, "no key was there to be deleted");
    });
    // Two values that count, on three threads.
    assert_eq!(dropped.load(Ordering::SeqCst), count * 2 * 3);
}

/// The control: what the purge is for.
fn unpurged() {
    mapped::hold_what_is_gone();
    let worker = Worker::start(Takes::Mail);
    let library = open(&file());
    let function: Call = library.function("leave_current");
    let dropped = counter();
    worker.run(move || function(dropped));
    let own = library.brought().unwrap().own();
    library.release();
    mapped::hold(&own);
    println!("unmapped");
    drop(worker);
}

fn tokio() {
    let counter = counter();
    flat("tokio", cycles(150, 1_500), 4_096, |file| {
        let library = open(file);
        call(&library, "leave_runtimes", counter);
        gone(library);
    });
}

/// Threads that nobody waits for come to their end while the library is unloaded.
fn leaving() {
    mapped::hold_what_is_gone();
    let dropped = counter();
    let count = cycles(300, 3_000);
    for _ in 0..count {
        let library = open(&file());
        let functions: [Call; 2] = ["leave_current", "leave_chain"].map(|it| library.function(it));
        let threads = [(); 4].map(|()| {
            let (done, wait) = mpsc::channel();
            thread::spawn(move || {
                functions.iter().for_each(|function| function(dropped));
                done.send(()).unwrap();
            });
            wait
        });
        threads.iter().for_each(|thread| thread.recv().unwrap());
        gone(library);
    }
    assert_eq!(dropped.load(Ordering::SeqCst), count * 4);
}

/// Destructors run at the end of their thread when nobody asks before that.
fn ends() {
    let (library, dropped) = (open(&file()), counter());
    let worker = Worker::start(Takes::NoMail);
    for name in ["leave_current", "leave_drop", "leave_chain"] {
        let function: Call = library.function(name);
        worker.run(move || function(dropped));
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(worker);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    gone(library);
    assert_eq!(dropped.load(Ordering::SeqCst), 2, "a destructor ran twice");
}

#[test]
fn a_library_that_leaves_nothing_is_flat() {
    passes("plain", &fault_app("leaves"));
}

#[test]
fn thread_locals_on_living_threads_are_flat() {
    passes("threads", &fault_app("leaves"));
}

#[test]
fn without_the_purge_a_threads_end_is_a_crash() {
    use std::os::unix::process::ExitStatusExt;
    let output = child("unpurged", &fault_app("leaves"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("unmapped"), "{said}");
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
}

#[test]
fn runtimes_of_libraries_are_flat() {
    passes("tokio", &fault_app("leaves-tokio"));
}

#[test]
fn threads_that_end_meanwhile_crash_nothing() {
    passes("leaving", &fault_app("leaves"));
}

#[test]
fn destructors_run_at_the_end_of_their_thread() {
    passes("ends", &fault_app("leaves"));
}
