//! Libraries that reach for what belongs to the whole process: its signals and its end.

use crate::harness::client::{Connection, get};
use crate::harness::libraries::c_app;
use crate::harness::refusal::load;
use rustix::process::Signal;

/// The host still finishes what is in hand, and the library's own reaction comes too.
#[test]
fn a_signal_that_a_library_sets_still_ends_the_host() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let number = signal.as_raw();
        let functions = [
            (format!("INIT signal({number}, (void (*)(int))report);"), true),
            (format!("INIT signal({number}, SIG_IGN);"), false),
            (format!("INIT signal({number}, SIG_DFL);"), false),
        ];
        for (init, is_called) in functions {
            let place = format!("REPORT \"{}\"", report.display());
            let library = c_app(&[&init, &place]);
            let mut host = load(&library).start();
            assert_eq!(get(host.address(), "/").text(), "in C\n");
            // A file of the probe's child would be no sign.
            assert!(!report.exists());
            host.signal(signal);
            assert_eq!(host.wait().code(), Some(0), "{init}");
            assert!(host.log().contains("received: finishing what is in hand"), "{init}");
            assert_eq!(report.exists(), is_called, "{init}");
            let _ = std::fs::remove_file(&report);
        }
    }
}

/// It would run what every other library has registered for the end, in the middle of its work.
#[test]
fn a_library_that_calls_exit_is_named() {
    let mut host = load(&c_app(&["CALL EXIT"])).start();
    Connection::open(host.address()).send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(host.wait().code(), Some(70));
    let line = host.wait_for_log("it called exit(3), which ends the host");
    assert!(line.contains("app=\"one\"") && line.contains("generation=1"), "{line}");
}
