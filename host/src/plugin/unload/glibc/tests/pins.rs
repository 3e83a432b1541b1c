//! Each reason why a library stays.

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use super::libraries::{TemporaryLibrary, c_library, fault_app};
use super::worker::{Takes, Worker};
use super::{Call, Pin, call, counter, file, gone, not_yet, open, passes, pinned};
use crate::plugin::unload::glibc::interpose::keys;
use crate::plugin::unload::glibc::{mapped, objects};

pub(super) const CASES: &[(&str, fn())] = &[
    ("thread", running),
    ("mute", mute),
    ("lent", lent),
    ("sockets", sockets),
    ("busy", busy),
    ("stays", stays),
    ("endless", endless),
    ("shared", shared),
    ("keys", many_keys),
    ("raw", raw_handler),
    ("key", mute_key),
    ("cancelled", cancelled),
    ("slow", slow_key),
    ("kept", kept),
    ("running-in", running_in),
];

fn running() {
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

/// A key's value alone is forgotten, and the thread lives on and ends without it.
fn mute_key() {
    mapped::hold_what_is_gone();
    let (library, worker) = (open(&file()), Worker::start(Takes::NoMail));
    let function: Call = library.function("leave_current");
    worker.run(move || function(counter()));
    assert_eq!(gone(library).keys, 1);
    drop(worker);
}

/// A thread that is in the middle of a key's destructor.
fn slow_key() {
    mapped::hold_what_is_gone();
    let library = open(&file());
    let (function, state): (Call, _) = (library.function("leave"), counter());
    let thread = thread::spawn(move || function(state));
    while state.load(Ordering::SeqCst) != 1 {
        thread::yield_now();
    }
    let (library, pin) = not_yet(library);
    assert!(pin.to_string().ends_with(" is ending"), "{pin}");
    state.store(2, Ordering::SeqCst);
    gone(library);
    thread.join().unwrap();
}

/// Threads that do not return from their routine.
fn cancelled() {
    let library = open(&file());
    (0..100).for_each(|_| call(&library, "leave", counter()));
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

fn busy() {
    let (library, worker) = (open(&file()), Worker::start(Takes::Mail));
    let (release, held) = mpsc::channel::<()>();
    let function: Call = library.function("leave_drop");
    worker.run(move || function(counter()));
    worker.begin(move || held.recv().unwrap());
    let (library, pin) = not_yet(library);
    assert!(matches!(pin, Pin::Busy(_)), "{pin}");
    assert!(pin.to_string().starts_with("the thread \"worker\" (tid "), "{pin}");
    release.send(()).unwrap();
    gone(library);
}

fn stays() {
    let library = open(&file());
    let pin = pinned(library);
    println!("pin: {pin}");
}

fn endless() {
    let library = open(&file());
    call(&library, "leave", counter());
    let (_, pin) = not_yet(library);
    assert_eq!(pin, Pin::Endless);
}

/// The case's library needs another one, and so does a copy of it.
fn shared() {
    mapped::hold_what_is_gone();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libcopy.so");
    std::fs::copy(file(), &copy).unwrap();
    let (one, other) = (open(&file()), open(&copy));
    assert_eq!(objects::count(), 3);
    call(&one, "leave", counter());
    let (one, pin) = not_yet(one);
    println!("pin: {pin}");
    assert_eq!(pin.to_string(), "`libcommon.so`, which others use too, holds thread keys");
    // Once both leave, neither waits for the other.
    assert_eq!(gone(other).keys, 1);
    assert_eq!(objects::count(), 2);
    gone(one);
    assert_eq!(objects::count(), 0);
}

/// The other one is never unmapped: it keeps its key, and the library goes.
fn kept() {
    for _ in 0..3 {
        let library = open(&file());
        call(&library, "leave", counter());
        assert_eq!(gone(library).keys, 0);
        assert_eq!(objects::count(), 1);
    }
}

/// Nobody knows for which of its users the other one runs a thread.
fn running_in() {
    let (library, state) = (open(&file()), counter());
    call(&library, "leave", state);
    let (library, pin) = not_yet(library);
    println!("pin: {pin}");
    assert!(pin.to_string().ends_with(" runs code of `libcommon.so`, which it needs"), "{pin}");
    state.store(1, Ordering::SeqCst);
    gone(library);
}

fn many_keys() {
    let suffice =
        || keys::suffice(Vec::new(), |code| objects::owner_of(code).map(|owner| owner.app));
    let library = open(&file());
    let free = keys::free();
    suffice().unwrap();
    call(&library, "leave", counter());
    let refusal = suffice().unwrap_err().to_string();
    println!("refusal: {refusal}");
    let start =
        format!("{} of 1024 thread keys of this process are free, 64 are kept; ", free - 990);
    assert!(refusal.starts_with(&start), "{refusal}");
    assert!(refusal.contains("most are held by keys (990), the host ("), "{refusal}");
    assert_eq!(gone(library).keys, 990);
    suffice().unwrap();
    assert_eq!(keys::free(), free);
}

/// A library that asks the system itself.
fn raw_handler() {
    let library = open(&file());
    call(&library, "leave", counter());
    assert_eq!(pinned(library).to_string(), "it installed a handler for SIGUSR2");
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
fn a_key_alone_keeps_nothing() {
    passes("key", &fault_app("leaves"));
}

#[test]
fn a_destructor_of_a_key_that_runs_keeps_its_library() {
    let source = "#include <pthread.h>
        #include <sched.h>
        static void drop(void *it) {
            volatile long *state = it;
            *state = 1;
            while (*state != 2) sched_yield();
        }
        void leave(void *it) {
            pthread_key_t key;
            pthread_key_create(&key, drop);
            pthread_setspecific(key, it);
        }";
    passes("slow", &c_library("slow", source, &[]));
}

#[test]
fn threads_that_are_cancelled_or_exit_are_gone() {
    let source = "#include <pthread.h>
        #include <unistd.h>
        static void *leaves(void *it) { pthread_exit(it); }
        static void *waits(void *it) { for (;;) pause(); return it; }
        void leave(void *it) {
            pthread_t one, other;
            pthread_create(&one, 0, leaves, it);
            pthread_create(&other, 0, waits, it);
            pthread_cancel(other);
            pthread_join(one, 0);
            pthread_join(other, 0);
        }";
    passes("cancelled", &c_library("cancelled", source, &[]));
}

#[test]
fn a_thread_of_another_library_keeps_what_it_has_thread_locals_of() {
    passes("lent", &fault_app("leaves"));
}

#[test]
fn sockets_that_a_library_left_are_closed() {
    passes("sockets", &fault_app("leaves"));
}

#[test]
fn a_thread_that_does_not_come_keeps_what_it_may_have() {
    passes("busy", &fault_app("leaves"));
}

#[test]
fn what_the_linker_never_unmaps_is_pinned() {
    let empty = "int empty(void) { return 0; }";
    let nodelete = c_library("nodelete", empty, &["-Wl,-z,nodelete"]);
    assert!(passes("stays", &nodelete).contains("pin: it is linked with -z nodelete"));
    let unique = r#"__asm__(".globl one\n.type one, %gnu_unique_object\n.size one, 4\n"
                            ".data\none: .long 1\n.text");"#;
    let said = passes("stays", &c_library("unique", unique, &[]));
    assert!(said.contains("pin: it defines 1 GNU unique symbols, such as `one`"), "{said}");
}

#[test]
fn thread_locals_without_end_are_given_up() {
    let source = "int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
        static void again(void *it) { __cxa_thread_atexit_impl(again, it, it); }
        void leave(void *it) { again(it); }";
    passes("endless", &c_library("endless", source, &[]));
}

#[test]
fn what_two_libraries_need_goes_with_the_last() {
    let (library, _common) = with_common(KEY, &[]);
    passes("shared", &library);
}

/// A library, and the one that it needs.
fn with_common(source: &str, options: &[&str]) -> (TemporaryLibrary, TemporaryLibrary) {
    let options = [&["-Wl,-soname,libcommon.so"], options].concat();
    let common = c_library("common", source, &options);
    let folder = common.parent().unwrap().to_str().unwrap();
    let library = c_library(
        "one",
        "void common(void *); void leave(void *it) { common(it); }",
        &[&format!("-L{folder}"), &format!("-Wl,-rpath,{folder}"), "-lcommon"],
    );
    (library, common)
}

const KEY: &str = "#include <pthread.h>
    static void drop(void *it) { (void)it; }
    void common(void *it) {
        static pthread_key_t key;
        if (!key) pthread_key_create(&key, drop);
        pthread_setspecific(key, it);
    }";

#[test]
fn what_is_never_unmapped_keeps_its_keys_and_nobody() {
    let (library, _common) = with_common(KEY, &["-Wl,-z,nodelete"]);
    passes("kept", &library);
}

#[test]
fn a_thread_in_a_needed_library_keeps_all_that_need_it() {
    let source = "#include <pthread.h>
        #include <sched.h>
        static void *runs(void *it) {
            while (!*(volatile long *)it) sched_yield();
            return it;
        }
        void common(void *it) { pthread_t one; pthread_create(&one, 0, runs, it); }";
    let (library, _common) = with_common(source, &["-Wl,-z,nodelete"]);
    passes("running-in", &library);
}

#[test]
fn few_free_keys_refuse_a_library_and_name_who_holds_them() {
    let source = "#include <pthread.h>
        static void drop(void *it) { (void)it; }
        void leave(void *it) {
            for (int count = 0; count < 990; count++) {
                pthread_key_t key;
                pthread_key_create(&key, drop);
                if (count % 2) pthread_setspecific(key, it);
            }
        }";
    passes("keys", &c_library("keys", source, &[]));
}

#[test]
fn a_handler_that_came_by_another_way_is_found() {
    let source = "#define _GNU_SOURCE
        #include <signal.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        static void handle(int number) { (void)number; }
        void leave(void *it) {
            struct { void (*handle)(int); unsigned long flags; void *restore; unsigned long mask; }
                action = { handle, 0, 0, 0 };
            (void)it;
            syscall(SYS_rt_sigaction, SIGUSR2, &action, (void *)0, 8);
        }";
    passes("raw", &c_library("raw", source, &[]));
}
