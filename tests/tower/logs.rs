//! What an application tells by `tracing` and `log` stands in the host's log, as its filter says.

use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{fault_app, versions};
use crate::harness::operated::Operated;
use crate::harness::skip::long_tests_run;

/// A service that tells what it does, under this filter. What it answers is how often it had to
/// write out something costly.
fn traces(filter: &str) -> Launch {
    Launch::new().env("DSGI_LOG", filter).arg("--load").arg(fault_app("traces"))
}

fn asked(host: &Host, path: &str) -> String {
    get(host.address(), path).text().to_owned()
}

#[test]
fn events_stand_in_the_log_with_level_fields_spans_and_whose_they_are() {
    let host = traces("info").start();
    let line = host.wait_for_log("the constructor");
    let told = r#"the constructor step=1 app="traces" generation="#;
    assert!(line.contains(&format!(" INFO {told}")), "{line}");
    asked(&host, "/");
    let line = host.wait_for_log("asked");
    let told = r#" INFO request{path=/}: asked answer=42 app="traces" generation="#;
    assert!(line.contains(told) && line.ends_with(r#"target="app_traces""#), "{line}");
    let line = host.wait_for_log("in a task");
    let told = r#" WARN request{path=/}:task{number=1}: in a task app="traces""#;
    assert!(line.contains(told), "{line}");
}

#[test]
fn records_of_log_stand_in_it_too() {
    let host = traces("warn").start();
    asked(&host, "/log");
    let line = host.wait_for_log("a record of log");
    assert!(line.contains(r#" WARN a record of log app="traces""#), "{line}");
    assert!(line.ends_with(r#"target="another::crate""#), "{line}");
    assert!(!host.log().contains("the constructor"), "below the filter: {}", host.log());
}

#[test]
fn what_the_filter_leaves_out_is_not_written_out() {
    let host = traces("info").start();
    assert_eq!(asked(&host, "/costly"), "0");
    // By target, as those of the host itself: two of three entries.
    let host = traces("info,app_traces=debug").start();
    assert_eq!(asked(&host, "/costly"), "2");
    let line = host.wait_for_log("looked at closely");
    assert!(line.contains("DEBUG request{path=/costly}: looked at closely value=Costly"), "{line}");
    host.wait_for_log("recorded closely: Costly");
    assert!(!host.log().contains("looked at elsewhere"), "{}", host.log());
}

#[test]
fn an_author_may_bring_a_subscriber() {
    let launch = traces("info").args(["--set", "traces.subscriber=own"]);
    let host = launch.start();
    asked(&host, "/");
    let line = host.wait_for_log("asked");
    assert!(line.contains("asked answer=42") && !line.contains("app="), "{line}");
    // There is none of log's in it, and what is left over is the host's.
    asked(&host, "/log");
    assert!(host.wait_for_log("a record of log").contains(r#"app="traces""#));
}

#[test]
fn a_panic_is_told_with_its_place_and_its_backtrace() {
    let host = traces("error").bare().env("RUST_BACKTRACE", "1").start();
    for (path, text) in [("/panic", "in its span"), ("/panic-in-task", "in its task")] {
        asked(&host, path);
        let line = host.wait_for_log(&format!(": {text}"));
        assert!(line.contains("panicked at tests/apps/traces/src/lib.rs:"), "{line}");
        // The frames follow the line, and then whose they are.
        host.wait_for_log("app_traces::answer");
    }
    host.wait_for_logs("app_traces::answer", 2);
    host.wait_for_logs(r#"app="traces""#, 2);
}

/// Spans stand on cores and on the runtime's threads, and some are never closed.
#[test]
fn versions_that_told_are_unmapped() {
    let libraries = versions(&fault_app("traces"), b"the constructor", b"the destructors");
    let launch = Launch::new().env("DSGI_LOG", "off,app_traces=info").arg("--load");
    let host = Operated::start(launch.arg(&*libraries[0]));
    let rest = || {
        let app = host.app("traces");
        app["retained"].as_array().is_some_and(Vec::is_empty).then_some(())
    };
    let swap = |swap: usize| {
        host.deploy("traces", &libraries[swap % 2]);
        for path in ["/", "/leave", "/log"] {
            assert_eq!(get(host.address(), path).status, 200);
        }
    };
    (1..4).for_each(swap);
    eventually("the end of every version that was replaced", rest);
    let before = host.possessions();
    let swaps = if long_tests_run() { 50 } else { 12 };
    (4..4 + swaps).for_each(swap);
    eventually("the end of every version that was replaced", rest);
    host.wait_for_no_more_than(&before);
}
