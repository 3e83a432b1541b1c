//! Hand-overs that fail: none blocks a swap, and each is told.

use super::{
    InHand, happened, host, ledger, numbered, path, steps, wait_for_the_end_of_all_others, write,
    written,
};
use crate::harness::client::{get, request};
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, own_copy, versions};
use crate::harness::operated::Operated;
use crate::harness::refusal::refused;
use std::path::PathBuf;
use tempfile::TempDir;

/// A file that lets go on what hangs.
struct Release {
    file: PathBuf,
    _folder: TempDir,
}

impl Release {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { file: folder.path().join("release"), _folder: folder }
    }

    fn set(&self) -> String {
        format!("ledger.release={}", self.file.display())
    }

    fn now(&self) {
        std::fs::write(&self.file, "").expect("a file in a folder of our own");
    }
}

/// What an operator reads on stderr.
fn said(host: &Operated, words: &[&str]) -> String {
    let output = host.verb(words);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn another_format_is_a_start_from_nothing() {
    let [one, two] =
        versions(&fault_app("ledger"), b"format of its state:1", b"format of its state:2");
    let host = numbered(&one, &[]);
    write(&host, 1);
    let note = said(&host, &["deploy", "ledger", path(&two)]);
    let refusal = |from, into, format| {
        format!(
            "generation {into} did not take over the state of generation {from} (2 bytes of \
             format {format}): format {format} is not known"
        )
    };
    assert!(note.contains(&refusal(1, 2, 1)), "{note}");
    assert_eq!(written(&host), [0; 0]);
    wait_for_the_end_of_all_others(&host);
    write(&host, 2);
    // Nor does an older version know what a newer one writes.
    host.said(&["rollback", "ledger"]);
    assert_eq!(written(&host), [0; 0]);
    wait_for_the_end_of_all_others(&host);
    let told = happened(&host, &["import_refused", "handed_over"], 4);
    let texts: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
    // The snapshot, and the last word.
    let (there, back) = (refusal(1, 2, 1), refusal(2, 3, 2));
    assert_eq!(texts, [&there, &there, &back, &back]);
    assert!(told.iter().all(|(kind, _)| kind == "import_refused"), "{told:?}");
}

#[test]
fn an_import_that_panics_is_a_refusal() {
    let [a, b] = ledger("ledger");
    let host = host(&a, &["--set", "ledger.import=panic"]);
    write(&host, 1);
    let note = said(&host, &["deploy", "ledger", path(&b)]);
    assert!(note.contains("(2 bytes of format 1): panicked: no ledger"), "{note}");
    // It serves, and the last word is merged.
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1]);
    assert_eq!(host.app("ledger")["panics"], 0);
}

#[test]
fn an_export_that_fails_blocks_no_swap() {
    for (fault, why) in [
        ("error", "the ledger is locked"),
        ("panic", "panicked: no ledger"),
        ("huge", "it has 83886080 bytes, of at most 67108864"),
    ] {
        let [a, b] = ledger("ledger");
        let host = host(&a, &["--set", &format!("ledger.export={fault}")]);
        write(&host, 1);
        let note = said(&host, &["deploy", "ledger", path(&b)]);
        let text = format!("generation 1 did not hand its state over: {why}");
        assert!(note.contains(&text), "{note}");
        assert_eq!(written(&host), [0; 0]);
        wait_for_the_end_of_all_others(&host);
        let last = format!("generation 1 did not hand over its last state: {why}");
        let told = |text| ("export_failed".to_owned(), text);
        assert_eq!(happened(&host, &["export_failed"], 2), [told(text), told(last)]);
    }
}

#[test]
fn an_export_that_hangs_blocks_no_swap() {
    let (release, [a, b]) = (Release::new(), ledger("ledger"));
    let arguments =
        ["--handover-timeout", "300ms", "--set", "ledger.export=hang", "--set", &release.set()];
    let host = host(&a, &arguments);
    write(&host, 1);
    let note = said(&host, &["deploy", "ledger", path(&b)]);
    assert!(note.contains("did not hand its state over: it did not return within 300ms"), "{note}");
    assert_eq!(written(&host), [0; 0]);
    host.wait_for_app("ledger", "what holds the first", |app| {
        app["retained"][0]["reason"] == "a hand-over of its state has not returned"
    });
    // Its last word is late, and not lost.
    release.now();
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1]);
}

/// The last export runs where nobody waits for it, and has no deadline.
#[test]
fn a_last_export_that_hangs_is_named() {
    let (release, [a, b]) = (Release::new(), ledger("ledger"));
    let arguments =
        ["--handover-timeout", "300ms", "--set", "ledger.export=hang", "--set", &release.set()];
    let host = host(&a, &arguments);
    host.said(&["drain", "ledger"]);
    host.wait_for_app("ledger", "what holds the first", |app| {
        app["retained"][0]["reason"] == "the hand-over of its state has not returned"
    });
    host.deploy("ledger", &b);
    write(&host, 2);
    release.now();
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [2]);
}

#[test]
fn an_import_that_hangs_fails_the_deploy() {
    let (release, [a, b]) = (Release::new(), ledger("ledger"));
    let arguments =
        ["--handover-timeout", "300ms", "--set", "ledger.import=hang", "--set", &release.set()];
    let host = numbered(&a, &arguments);
    write(&host, 1);
    let refusal = refused(&host.verb(&["deploy", "ledger", path(&b)]), 4);
    refusal.says(["did not take state over: it did not return within 300ms"]);
    refusal.helps(["--handover-timeout"]);
    let app = host.app("ledger");
    assert_eq!((&app["current"]["generation"], &app["state"]), (&1.into(), &"serving".into()));
    let held = &app["retained"][0];
    assert_eq!(
        (&held["generation"], &held["reason"]),
        (&2.into(), &"a hand-over of its state has not returned".into())
    );
    write(&host, 2);
    assert_eq!(written(&host), [1, 2]);
    release.now();
    wait_for_the_end_of_all_others(&host);
    host.deploy("ledger", &b);
    assert_eq!(written(&host), [1, 2]);
}

/// The way back is open, whatever the state is.
#[test]
fn an_import_that_hangs_keeps_nobody_from_going_back() {
    let (release, [a, b]) = (Release::new(), ledger("ledger"));
    let arguments =
        ["--handover-timeout", "300ms", "--set", "ledger.import=hang", "--set", &release.set()];
    let host = numbered(&a, &arguments);
    // Nothing is written yet: there is nothing to hang at.
    host.deploy("ledger", &b);
    write(&host, 1);
    host.said(&["rollback", "ledger"]);
    assert_eq!(host.app("ledger")["current"]["generation"], 4);
    // The last word comes all the same.
    host.wait_for_app("ledger", "the end of the second", |app| {
        let retained = app["retained"].as_array().expect("a list");
        retained.iter().all(|it| it["generation"] != 2)
    });
    assert_eq!(written(&host), [1]);
    release.now();
    wait_for_the_end_of_all_others(&host);
}

/// A version that is taken back has state like any other.
#[test]
fn a_version_that_is_taken_back_hands_over() {
    let [a, b] = ledger("ledger");
    let host = {
        let launch = Launch::new().args(["--load", &format!("ledger={}", a.display())]);
        Operated::start(launch.breaking(&["call-no-panic"]))
    };
    write(&host, 1);
    host.deploy("ledger", &b);
    write(&host, 2);
    let in_hand = InHand::begin(&host, 3);
    for _ in 0..5 {
        assert_eq!(get(host.address(), "/panic").status, 500);
    }
    host.wait_for_app("ledger", "that it is taken back", |app| app["current"]["generation"] == 3);
    assert_eq!(written(&host), [1, 2]);
    in_hand.end();
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1, 2, 3]);
}

/// One that takes nothing over says so, and serves.
#[test]
fn a_version_without_a_hand_over_starts_from_nothing() {
    let [a, _] = ledger("ledger");
    let host = host(&a, &[]);
    write(&host, 1);
    let note = said(&host, &["deploy", "ledger", path(&fault_app("two"))]);
    assert!(note.contains("(2 bytes of format 1): it takes no state over"), "{note}");
    let said = host.deploy("ledger", &own_copy(&a));
    assert_eq!(steps(&said), ["read", "probe", "start", "swap"]);
    assert_eq!(written(&host), [0; 0]);
    wait_for_the_end_of_all_others(&host);
}

/// What is kept for the next version has an end, too.
#[test]
fn what_is_kept_while_nothing_serves_is_limited() {
    let [a, _] = ledger("ledger");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("host.toml");
    let text = format!(
        "[server.limits]\nhandover_bytes = 9\n[apps.ledger]\npath = \"{}\"\n\
         [[mount]]\npath = \"/\"\napp = \"ledger\"\n",
        a.display()
    );
    std::fs::write(&config, text).unwrap();
    let launch = Launch::new().bare().arg("--config").arg(&config);
    let host = Operated::start(launch);
    let mut in_hand = Vec::new();
    for number in [1001, 1002] {
        in_hand.push(InHand::begin(&host, number));
        host.said(&["drain", "ledger"]);
        host.said(&["rollback", "ledger"]);
    }
    host.said(&["drain", "ledger"]);
    let last = |end: &str| format!("the last state of generation {end} for the next version");
    for (write, (kind, end)) in in_hand
        .into_iter()
        .zip([("handed_over", "1 is kept"), ("export_failed", "2 is lost: too much is kept")])
    {
        write.end();
        assert_eq!(happened(&host, &[kind], 1), [(kind.to_owned(), last(end))]);
    }
    wait_for_the_end_of_all_others(&host);
    host.said(&["rollback", "ledger"]);
    assert_eq!(written(&host), [1001]);
    let raw = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(request(host.address(), raw).status, 500, "not a number");
}
