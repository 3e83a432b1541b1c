//! Versions of an application that replace each other as fast as they can, while clients ask
//! without a pause: no response fails, is cut, or is made by two versions.

// The clients.
pub(crate) mod loader;
// Wishes against each other.
mod races;
// A server that is wrong on purpose.
mod wrong;

use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::{TemporaryLibrary, fault_app, versions};
use crate::harness::operated::Operated;
use crate::harness::skip::long_tests_run;
use loader::{Loader, Shape, Wrong};

/// The application of two versions, in each form: its name, its mount, its package.
const FORMS: [(&str, &str, &str); 3] = [
    ("pool", "/pool", "two"),
    ("inline", "/inline", "two-inline"),
    ("async", "/async", "two-async"),
];

fn two(package: &str) -> [TemporaryLibrary; 2] {
    versions(&fault_app(package), b"which version this is:a", b"which version this is:b")
}

#[test]
fn swaps_under_load_lose_cut_and_mix_nothing() {
    let swaps = if long_tests_run() { 1_000 } else { 100 };
    let libraries = FORMS.map(|(_, _, package)| two(package));
    let mut launch = Launch::new().env("DSGI_LOG", "warn");
    for ((name, mount, _), [first, _]) in FORMS.iter().zip(&libraries) {
        launch = launch.arg("--mount").arg(format!("{mount}={name}={}", first.display()));
    }
    let host = Operated::start(launch);
    // Once there and back: what a first swap makes for good is there then.
    for at in [1, 0] {
        for ((name, ..), versions) in FORMS.iter().zip(&libraries) {
            host.deploy(name, &versions[at]);
        }
    }
    let at_rest = || FORMS.iter().all(|(name, ..)| is_at_rest(&host, name));
    eventually("the end of every generation that was replaced", || at_rest().then_some(()));
    let before = host.possessions();

    let all = FORMS.map(|(name, mount, _)| match name {
        "inline" => (mount, &Shape::WITHOUT_UPLOADS[..]),
        _ => (mount, &Shape::ALL[..]),
    });
    let loader = Loader::start(host.address(), all);
    for swap in 0..swaps {
        let form = swap % FORMS.len();
        // Both versions of each form in turn, beginning with the one that does not serve.
        let version = (swap / FORMS.len() + 1) % 2;
        let said = host.deploy(FORMS[form].0, &libraries[form][version]);
        assert_ne!(said["old"]["digest"], said["new"]["digest"]);
        let answered = loader.answered();
        loader.wait_for("a response after a swap", |seen| seen.answered() > answered);
        assert_eq!(loader.wrong(), 0, "after {} swaps: {:?}", swap + 1, loader.stop());
    }
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "after {:?}", seen.whole);
    for (shape, version) in Shape::ALL.iter().flat_map(|shape| [(shape, 'a'), (shape, 'b')]) {
        assert!(seen.whole.contains_key(&(*shape, version)), "no {shape:?} of {version}: {seen:?}");
    }
    eventually("the end of every generation that was replaced", || at_rest().then_some(()));
    host.wait_for_no_more_than(&before);
    let (whole, mebi) = (seen.whole.values().sum::<u64>(), 1024 * 1024);
    println!(
        "{swaps} swaps, {whole} responses, {} MiB received, {} MiB sent",
        seen.received / mebi,
        seen.sent / mebi
    );
}

/// Serving, with nothing in hand and nothing retained.
fn is_at_rest(host: &Operated, app: &str) -> bool {
    let app = host.app(app);
    app["retained"].as_array().is_some_and(Vec::is_empty) && app["in_flight"] == 0
}

const SMALL: [(&str, &[Shape]); 1] = [("", &[Shape::KeepAlive, Shape::New])];

/// The control of the test above: what a host without leases would do is seen.
#[test]
fn the_loader_sees_what_is_failed_cut_and_mixed() {
    for wrong in [Wrong::Failed, Wrong::Cut, Wrong::Mixed] {
        let loader = Loader::start(wrong::serve(Some(wrong)), SMALL);
        loader.wait_for("what is wrong", |seen| seen.wrong.len() >= 4);
        let seen = loader.stop();
        assert!(seen.wrong.iter().all(|(found, _)| *found == wrong), "{wrong:?}: {seen:?}");
    }
    let loader = Loader::start(wrong::serve(None), SMALL);
    loader
        .wait_for("enough of both", |seen| seen.whole.values().filter(|it| **it > 64).count() == 2);
    assert_eq!(loader.stop().wrong, []);
}
