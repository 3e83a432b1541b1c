//! Signals and the end: both sides have their reaction, and whoever set one stays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rustix::process::{Signal, getpid, kill_process};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::libraries::{c_library, fault_app};
use super::{call, child, counter, file, gone, open, passes, pinned, soon};
use crate::plugin::library::Library;
use crate::plugin::unload::glibc::interpose::exit;

pub(super) const CASES: &[(&str, fn())] = &[
    ("both", both),
    ("ignored", ignored),
    ("unheeded", unheeded),
    ("forked", forked),
    ("exit", exit_unwatched),
    ("watched", exit_watched),
];

fn number(signal: Signal) -> &'static AtomicUsize {
    Box::leak(Box::new(AtomicUsize::new(usize::try_from(signal.as_raw()).unwrap())))
}

/// A signal may run on any thread: waits until the library has seen so many.
fn sees(library: &Library, wanted: usize) {
    let (until, count) = (soon(), counter());
    while count.load(Ordering::SeqCst) != wanted {
        assert!(Instant::now() < until, "it has seen {count:?}, not {wanted}");
        call(library, "signals_seen", count);
    }
}

/// The host first, then the library, and the other way round.
fn both() {
    let library = open(&file());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        call(&library, "leave_handler", number(Signal::HUP));
        kill_process(getpid(), Signal::HUP).unwrap();
        hangup.recv().await.unwrap();
        sees(&library, 1);

        call(&library, "leave_handler", number(Signal::USR1));
        kill_process(getpid(), Signal::USR1).unwrap();
        sees(&library, 2);
        let mut user = signal(SignalKind::user_defined1()).unwrap();
        kill_process(getpid(), Signal::USR1).unwrap();
        user.recv().await.unwrap();
        sees(&library, 3);
    });
    assert_eq!(pinned(library).to_string(), "it installed a handler for SIGHUP");
}

/// What is no function does not pin.
fn ignored() {
    let library = open(&file());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut child = signal(SignalKind::child()).unwrap();
        call(&library, "ignore_signal", number(Signal::CHILD));
        kill_process(getpid(), Signal::CHILD).unwrap();
        child.recv().await.unwrap();
    });
    // Nobody else heeds this one, so it is the library's.
    call(&library, "ignore_signal", number(Signal::USR2));
    kill_process(getpid(), Signal::USR2).unwrap();
    gone(library);
}

fn unheeded() {
    let library = open(&file());
    call(&library, "leave_handler", number(Signal::USR2));
    kill_process(getpid(), Signal::USR2).unwrap();
    sees(&library, 1);
    // Set back to what it was: another library may have kept the address.
    call(&library, "ignore_signal", number(Signal::USR2));
    assert_eq!(pinned(library).to_string(), "it installed a handler for SIGUSR2");
}

/// A process that the library forks, which wants to end by TERM.
fn forked() {
    let (library, status) = (open(&file()), counter());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _heeded = signal(SignalKind::terminate()).unwrap();
        call(&library, "leave", status);
    });
    assert_eq!(status.load(Ordering::SeqCst), 15, "it did not end by TERM");
    gone(library);
}

fn exit_unwatched() {
    let library = open(&file());
    call(&library, "end_process", counter());
}

fn exit_watched() {
    exit::watch(|code, caller| {
        let owner = crate::plugin::unload::glibc::objects::owner_of(caller).unwrap();
        println!("{} called exit({code})", owner.app);
    });
    exit_unwatched();
}

#[test]
fn the_hosts_reaction_survives_a_librarys() {
    passes("both", &fault_app("leaves"));
}

#[test]
fn a_library_that_ignores_a_signal_goes() {
    passes("ignored", &fault_app("leaves"));
}

#[test]
fn a_handler_that_was_taken_back_pins_its_library() {
    passes("unheeded", &fault_app("leaves"));
}

#[test]
fn a_process_that_a_library_forks_has_signals_of_its_own() {
    let source = "#include <signal.h>
        #include <sys/wait.h>
        #include <unistd.h>
        void leave(long *status) {
            int told = 0;
            pid_t child = fork();
            if (child == 0) {
                signal(SIGTERM, SIG_DFL);
                raise(SIGTERM);
                _exit(1);
            }
            waitpid(child, &told, 0);
            *status = told;
        }";
    passes("forked", &c_library("forked", source, &[]));
}

#[test]
fn the_exit_of_a_library_is_told() {
    let output = child("watched", &fault_app("leaves"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(exit::CODE), "{said}");
    assert!(said.contains("app_leaves called exit(3)"), "{said}");
    let control = child("exit", &fault_app("leaves"));
    assert_eq!(control.status.code(), Some(3), "the control fails");
}
