//! Libraries that reach for what belongs to the whole process: its signals and its end.

use crate::harness::client::{Connection, get};
use crate::harness::libraries::c_app;
use crate::harness::refusal::load;
use rustix::process::Signal;

/// The host still finishes what is in hand, whether the library sets it before the host listens for
/// signals, or after.
#[test]
fn a_signal_that_a_library_sets_still_ends_the_host() {
    for (signal, when) in [(Signal::TERM, "INIT"), (Signal::INT, "CALL"), (Signal::TERM, "CALL")] {
        for function in ["(void (*)(int))report", "SIG_IGN", "SIG_DFL"] {
            let set = format!("{when} signal({}, {function});", signal.as_raw());
            let mut host = load(&c_app(&[&set])).start();
            assert_eq!(get(host.address(), "/").text(), "in C\n");
            host.signal(signal);
            assert_eq!(host.wait().code(), Some(0), "{set}");
            host.wait_for_log("received: finishing what is in hand");
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
