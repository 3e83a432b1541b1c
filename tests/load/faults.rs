//! Constructors and `init` that do not come back as they should: the child of a probe finds out,
//! and the host says what happened and where.

use super::Report;
use crate::harness::DEADLINE;
use crate::harness::client::get;
use crate::harness::host::{Host, Launch};
use crate::harness::libraries::{c_app, fault_app};
use crate::harness::refusal::{Refusal, load, refused_to_load, refuses};
use crate::harness::skip::{long_tests_run, skip};
use std::path::Path;
use std::thread;

#[test]
fn a_constructor_that_ends_the_process_ends_only_the_child() {
    for (fault, what) in [
        ("ABORT", "was ended by SIGABRT"),
        ("CRASH", "was ended by SIGSEGV"),
        ("EXIT", "ended the process with exit code 3"),
        ("exit(0);", "ended the process with exit code 0"),
    ] {
        let library = c_app(&[&format!("CONSTRUCTOR {fault}")]);
        let refusal = refused_to_load(&library);
        refusal.says(["libone.so", "failed its probe", "while its constructors ran", what]);
    }
}

/// Nobody can catch it: it unwinds out of a function that the linker calls.
#[test]
fn a_constructor_that_panics_leaves_its_place_and_message() {
    for backtrace in ["0", "1", "full"] {
        let launch = load(&fault_app("constructor")).env("RUST_BACKTRACE", backtrace);
        let refusal = refuses(launch, 65);
        refusal.says(["libapp_constructor.so", "while its constructors ran", "by SIGABRT"]);
        refusal.helps(["its last words", "constructor/src/lib.rs:11:5", "the index is locked"]);
    }
}

#[test]
fn a_table_that_contradicts_its_note_is_refused() {
    let refusal = refused_to_load(&c_app(&["OTHER_DESCRIPTOR 1"]));
    refusal.says(["libone.so", "the descriptor in its table is not the one in its note"]);
}

#[test]
fn an_init_that_ends_the_process_ends_only_the_child() {
    for (fault, what) in [
        ("abort", "was ended by SIGABRT"),
        ("crash", "was ended by SIGSEGV"),
        ("exit", "ended the process with exit code 3"),
    ] {
        init([format!("init.fault={fault}")]).says(["failed its probe", "in init it", what]);
    }
}

#[test]
fn an_init_that_panics_leaves_its_message() {
    for backtrace in ["0", "full"] {
        let refusal = refuses(
            load(&fault_app("init"))
                .args(["--set", "init.fault=panic", "--set", "init.text=the index is locked"])
                .env("RUST_BACKTRACE", backtrace),
            65,
        );
        refusal.says(["libapp_init.so", "init failed: panicked: the index is locked"]);
        refusal.helps(["its last words", "init/src/lib.rs:"]);
    }
}

#[test]
fn the_error_of_an_init_is_shown() {
    let text = "init.text=the index is locked";
    let refusal = init(["init.fault=error", text]);
    refusal.says(["libapp_init.so", "failed its probe", "init failed: the index is locked"]);
    // One that only the serving process meets.
    let refusal = init(["init.fault=error", "init.place=serve", text]);
    refusal.says(["libapp_init.so", "did not start: init failed: the index is locked"]);
    let host = serving(["init.place=serve", text]);
    assert_eq!(get(host.address(), "/").text(), "the index is locked", "the control fails");
}

/// What a library says is no part of the host's own output: it stays on its line.
#[test]
fn an_error_of_many_lines_is_shown_on_one() {
    let library = c_app(&[r#"FAULT "the index\n  is\n\nlocked\033[2J\r\n""#]);
    refused_to_load(&library).says(["init failed: the index | is | locked?[2J"]);
}

#[test]
fn a_config_of_the_wrong_type_is_refused_by_init() {
    let refusal = init(["init.text=3"]);
    refusal.says(["libapp_init.so", "config: invalid type: integer `3`, expected a string"]);
    init(["init.colour=red"]).says(["config: unknown field `colour`", "`text`"]);
    init(["init.fault=yawn"]).says(["config: unknown variant `yawn`", "`panic`"]);
    let host = serving(["init.text=\"3\""]);
    assert_eq!(get(host.address(), "/").text(), "3", "the control fails");
}

#[test]
fn a_request_that_the_library_asks_for_must_be_answered() {
    let request = "PROBE DSGI_PROBE_REQUEST";
    let refusal = refused_to_load(&c_app(&[request, "STATUS 503"]));
    refusal.says(["failed its probe", "GET /health failed", "it answered 503"]);
    let refusal = refused_to_load(&c_app(&[request, "CALL CRASH"]));
    refusal.says(["while it answered the request of the probe", "was ended by SIGSEGV"]);
    let refusal = refused_to_load(&c_app(&[request, "STATUS 7"]));
    refusal.says(["GET /health failed", "status 7", "200 to 999"]);
    // A page that is not there is an answer, and a probe that is not asked for is none.
    for options in [[request, "STATUS 404"], ["PROBE DSGI_PROBE_INIT", "STATUS 503"]] {
        let library = c_app(&options);
        let host = load(&library).start();
        assert_ne!(get(host.address(), "/").status, 200);
    }
}

#[test]
fn an_exclusive_library_is_started_only_for_a_probe_that_it_asks_for() {
    let exclusive = "FLAGS DSGI_TRAIT_FLAG_EXCLUSIVE";
    let fails = "INIT if (given->purpose == DSGI_PURPOSE_PROBE) abort();";
    let library = c_app(&[exclusive, fails]);
    let host = load(&library).start();
    assert_eq!(get(host.address(), "/").status, 200);
    let library = c_app(&[exclusive, fails, "PROBE DSGI_PROBE_REQUEST"]);
    refused_to_load(&library).says(["in init it was ended by SIGABRT"]);
}

/// The only test that waits for the deadline of a probe; all of them at once.
#[test]
fn what_hangs_is_given_up_and_ended() {
    let cases = [
        (vec!["CONSTRUCTOR HANG"], "while its constructors ran"),
        (vec!["INIT HANG_WITH_PROCESS"], "in init"),
        (vec!["CALL HANG", "PROBE DSGI_PROBE_REQUEST"], "while it answered the request"),
    ];
    thread::scope(|scope| {
        for (options, place) in cases {
            scope.spawn(move || {
                let report = Report::new();
                let report_option = report.option();
                let library = c_app(&[options, vec![&*report_option]].concat());
                let refusal = refuses(load(&library), 4);
                refusal.says(["failed its probe", place, "did not come back within 10s"]);
                for process in report.lines() {
                    super::child::wait_for_end(process.parse().expect("an id"));
                }
            });
        }
    });
}

/// The probe has passed, so only the serving process meets it; its deadline is a minute.
#[test]
fn an_init_that_hangs_where_it_is_to_serve_is_given_up() {
    const NAME: &str = "load::faults::an_init_that_hangs_where_it_is_to_serve_is_given_up";
    if !long_tests_run() {
        return skip(NAME, "takes a minute: tests/run --long");
    }
    let settings = ["init.fault=hang", "init.place=serve"];
    let launch = with_settings(&fault_app("init"), settings).deadline(3 * DEADLINE);
    let refusal = refuses(launch, 4);
    refusal.says(["libapp_init.so", "did not start: init did not return within 60s"]);
}

/// A host that refuses `init` with these settings.
#[track_caller]
fn init(settings: impl IntoIterator<Item = impl AsRef<str>>) -> Refusal {
    refuses(with_settings(&fault_app("init"), settings), 65)
}

fn serving(settings: impl IntoIterator<Item = impl AsRef<str>>) -> Host {
    with_settings(&fault_app("init"), settings).start()
}

fn with_settings(file: &Path, settings: impl IntoIterator<Item = impl AsRef<str>>) -> Launch {
    settings.into_iter().fold(load(file), |launch, one| launch.args(["--set", one.as_ref()]))
}
