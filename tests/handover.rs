//! State that goes from one version of an application to the next: the snapshot before a swap, the
//! last word of the old version after it, and what an operator sees where that fails.

// Versions that do not hand over or do not take over.
mod faults;
// Many writes during many swaps.
mod writes;

use crate::harness::client::{Connection, get, request};
use crate::harness::host::Launch;
use crate::harness::libraries::{
    TemporaryLibrary, c_app, c_library, fault_app, own_copy, sample, versions,
};
use crate::harness::operated::Operated;
use serde_json::Value;
use std::path::Path;

/// The application in its sync form and its async one, and a layer that does the same.
const FORMS: [&str; 3] = ["ledger", "ledger-async", AROUND];
const AROUND: &str = "ledger-around";

/// Two versions that read each other's state.
fn ledger(package: &str) -> [TemporaryLibrary; 2] {
    versions(&fault_app(package), b"which version this is:a", b"which version this is:b")
}

/// A host that serves the application at `/`.
fn host(first: &Path, arguments: &[&str]) -> Operated {
    host_of("ledger", first, arguments)
}

/// A host that serves this form at `/`.
fn host_of(form: &str, first: &Path, arguments: &[&str]) -> Operated {
    start(Launch::new(), form, first, arguments)
}

/// The same without the validator, which has a number too: versions of the ledger are 1, 2, 3.
fn numbered(first: &Path, arguments: &[&str]) -> Operated {
    numbered_of("ledger", first, arguments)
}

/// The same for this form; the first generation is what a layer stands around.
fn numbered_of(form: &str, first: &Path, arguments: &[&str]) -> Operated {
    start(Launch::new().bare(), form, first, arguments)
}

fn start(launch: Launch, form: &str, first: &Path, arguments: &[&str]) -> Operated {
    let inside = c_app(&["NAME \"inside\""]);
    let launch = match form {
        AROUND => launch.arg("--load").arg(&inside).arg("--enable"),
        _ => launch.arg("--load"),
    };
    Operated::start(launch.arg(format!("ledger={}", first.display())).args(arguments))
}

/// The same, where a last word is not merged before this file exists.
fn host_that_merges_once(release: &Path, first: &Path) -> Operated {
    let set = format!("ledger.release={}", release.display());
    numbered(first, &["--set", "ledger.merge=hang", "--set", &set])
}

fn path(library: &Path) -> &str {
    library.to_str().expect("a path in ASCII")
}

/// Writes a number.
#[track_caller]
fn write(host: &Operated, number: u32) {
    let raw = format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(request(host.address(), raw).text(), "written\n");
}

/// What is written, line by line.
fn written(host: &Operated) -> Vec<u32> {
    let response = get(host.address(), "/");
    response.text().lines().map(|line| line.parse().expect("a number")).collect()
}

/// A write that a version has in hand until its body ends.
struct InHand(Connection);

impl InHand {
    /// Returns once the version waits for the body.
    fn begin(host: &Operated, number: u32) -> Self {
        let mut connection = Connection::open(host.address());
        connection.send(format!(
            "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
             Expect: 100-continue\r\n\r\n"
        ));
        assert_eq!(connection.response().unwrap().status, 100);
        Self(connection)
    }

    fn end(mut self) {
        self.0.send("x");
        assert_eq!(self.0.response().unwrap().text(), "written\n");
    }
}

/// Waits until every version that was replaced is gone: then its last word has arrived.
fn wait_for_the_end_of_all_others(host: &Operated) {
    host.wait_for_app("ledger", "the end of all others", |app| {
        app["retained"] == Value::from([(); 0])
    });
}

/// Names of the steps of a deploy.
fn steps(deployed: &Value) -> Vec<&str> {
    let steps = deployed["steps"].as_array().expect("steps").iter();
    steps.filter_map(|step| step["name"].as_str()).collect()
}

/// What happened of these kinds, once there are so many: kind and text.
fn happened(host: &Operated, kinds: &[&str], count: usize) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let events = host.events().map(|event| (text(&event["kind"]), text(&event["text"])));
    events.filter(|(kind, _)| kinds.contains(&kind.as_str())).take(count).collect()
}

#[test]
fn a_version_has_what_the_one_before_it_had() {
    for form in FORMS {
        let [a, b] = ledger(form);
        let host = numbered_of(form, &a, &[]);
        assert_eq!(steps(&host.deploy("ledger", &b)), ["read", "probe", "start", "swap"]);
        write(&host, 1);
        let said = host.deploy("ledger", &a);
        assert_eq!(steps(&said), ["read", "probe", "start", "export", "import", "swap"]);
        assert_eq!(written(&host), [1], "{form}");
        write(&host, 2);
        host.said(&["rollback", "ledger"]);
        assert_eq!(written(&host), [1, 2], "{form}");
        if form == AROUND {
            assert_eq!(get(host.address(), "/inside").text(), "in C\n");
        }
        wait_for_the_end_of_all_others(&host);
        let first = u32::from(form == AROUND);
        let text = |from, into, bytes| {
            let text = format!(
                "the last state of generation {} ({bytes} bytes of format 1) is in generation {}",
                first + from,
                first + into
            );
            ("handed_over".to_owned(), text)
        };
        assert_eq!(happened(&host, &["handed_over"], 2), [text(2, 3, 2), text(3, 4, 4)]);
    }
}

/// What is written to an old version after the swap comes with its last word, to whatever serves
/// by then, in whatever order.
#[test]
fn the_last_word_of_each_version_goes_to_the_one_that_serves() {
    for form in FORMS {
        let [a, b] = ledger(form);
        let host = numbered_of(form, &a, &[]);
        write(&host, 1);
        let first = InHand::begin(&host, 10);
        host.deploy("ledger", &b);
        let second = InHand::begin(&host, 20);
        host.deploy("ledger", &a);
        let third = InHand::begin(&host, 30);
        host.deploy("ledger", &b);
        assert_eq!(written(&host), [1], "{form}");
        // The second before the first, and both to the fourth.
        second.end();
        let handed_over = happened(&host, &["handed_over"], 1).remove(0).1;
        let generation = if form == AROUND { 3 } else { 2 };
        let of = format!("the last state of generation {generation} ");
        assert!(handed_over.starts_with(&of), "{handed_over}");
        assert_eq!(written(&host), [1, 20], "{form}");
        first.end();
        third.end();
        wait_for_the_end_of_all_others(&host);
        assert_eq!(written(&host), [1, 10, 20, 30], "{form}");
    }
}

/// A version that is replaced while it takes over a last word hands that on with its own.
#[test]
fn a_version_that_takes_over_is_held_until_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let [a, b] = ledger("ledger");
    let host = host_that_merges_once(&release, &a);
    let in_hand = InHand::begin(&host, 1);
    host.deploy("ledger", &b);
    in_hand.end();
    host.wait_for_app("ledger", "that the first hands over", |app| {
        app["retained"][0]["reason"] == "it shuts down"
    });
    host.deploy("ledger", &a);
    host.wait_for_app("ledger", "what holds the second", |app| {
        let retained = app["retained"].as_array().expect("a list");
        let is_it = |it: &&Value| it["generation"] == 2;
        let second = retained.iter().find(is_it).expect("the second is held");
        second["reason"] == "a hand-over of its state has not returned"
    });
    assert_eq!(written(&host), [0; 0]);
    std::fs::write(&release, "").unwrap();
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1]);
}

#[test]
fn what_was_drained_is_there_when_it_comes_back() {
    let [a, b] = ledger("ledger");
    let host = numbered(&a, &[]);
    write(&host, 1);
    let in_hand = InHand::begin(&host, 2);
    host.said(&["drain", "ledger"]);
    in_hand.end();
    wait_for_the_end_of_all_others(&host);
    let said = host.deploy("ledger", &b);
    assert_eq!(steps(&said), ["read", "probe", "start", "import", "swap"]);
    assert_eq!(written(&host), [1, 2]);
    write(&host, 3);
    host.said(&["drain", "ledger"]);
    wait_for_the_end_of_all_others(&host);
    host.said(&["rollback", "ledger"]);
    assert_eq!(written(&host), [1, 2, 3]);
    let kept = |from| {
        let text = format!("the last state of generation {from} is kept for the next version");
        ("handed_over".to_owned(), text)
    };
    assert_eq!(happened(&host, &["handed_over"], 2), [kept(1), kept(2)]);

    // One that ends after the next one has begun to serve.
    let late = InHand::begin(&host, 4);
    host.said(&["drain", "ledger"]);
    host.deploy("ledger", &a);
    assert_eq!(written(&host), [0; 0]);
    late.end();
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1, 2, 3, 4]);
}

/// What arrives while nothing serves and a version is on its way is merged once that one serves.
#[test]
fn what_comes_during_a_deploy_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let [a, b] = ledger("ledger");
    let host = host_that_merges_once(&release, &a);
    let in_hand = InHand::begin(&host, 1);
    host.said(&["drain", "ledger"]);
    host.said(&["rollback", "ledger"]);
    write(&host, 2);
    host.said(&["drain", "ledger"]);
    assert_eq!(happened(&host, &["handed_over"], 1).len(), 1);
    let mut deploy = host.follow_deploy("ledger", &b);
    assert!(deploy.any(|line| line["progress"]["begun"] == "import"));
    in_hand.end();
    assert_eq!(happened(&host, &["handed_over"], 2).len(), 2);
    std::fs::write(&release, "").unwrap();
    assert!(deploy.last().expect("an answer")["deployed"].is_object());
    wait_for_the_end_of_all_others(&host);
    let told = happened(&host, &["handed_over"], 3).remove(2).1;
    assert!(told.ends_with("is in generation 3"), "{told}");
    assert_eq!(written(&host), [1, 2]);
}

/// A version on standby hands over when its last request has ended, and takes over when it is
/// resumed.
#[test]
fn a_version_on_standby_takes_part() {
    let [a, b] = ledger("ledger");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("host.toml");
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[apps.ledger]\npath = \"{}\"\n\
         [apps.ledger.deploy]\nkeep_previous = \"standby\"\n\
         [[mount]]\npath = \"/\"\napp = \"ledger\"\n",
        a.display()
    );
    std::fs::write(&config, text).unwrap();
    let host = Operated::start(Launch::new().bare().arg("--config").arg(&config));
    let in_hand = InHand::begin(&host, 1);
    host.deploy("ledger", &b);
    assert_eq!(host.app("ledger")["previous"]["kept"], "standby");
    write(&host, 2);
    assert_eq!(written(&host), [2]);
    in_hand.end();
    let arrived = |from, into| {
        format!("the last state of generation {from} (2 bytes of format 1) is in generation {into}")
    };
    assert_eq!(happened(&host, &["handed_over"], 1)[0].1, arrived(1, 2));
    assert_eq!(written(&host), [1, 2]);
    let in_hand = InHand::begin(&host, 3);
    for numbers in [[1, 2].as_slice(), &[1, 2]] {
        host.said(&["rollback", "ledger"]);
        let serving = host.app("ledger")["current"]["generation"].as_u64().unwrap();
        assert_eq!(written(&host), numbers, "generation {serving}");
    }
    in_hand.end();
    host.said(&["rollback", "ledger"]);
    assert_eq!(host.app("ledger")["current"]["generation"], 1);
    assert_eq!(written(&host), [1, 2, 3]);
    // Nothing of the first is lost when it goes for good.
    host.deploy("ledger", &own_copy(&a));
    host.deploy("ledger", &b);
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1, 2, 3]);
}

/// New bytes at the same path.
#[test]
fn a_reload_hands_over() {
    let [a, b] = ledger("ledger");
    let served = own_copy(&a);
    let host = numbered(&served, &[]);
    write(&host, 1);
    let in_hand = InHand::begin(&host, 2);
    std::fs::copy(&b, &served).unwrap();
    host.signal(rustix::process::Signal::HUP);
    host.wait_for_app("ledger", "the second", |app| app["current"]["generation"] == 2);
    assert_eq!(written(&host), [1]);
    in_hand.end();
    wait_for_the_end_of_all_others(&host);
    assert_eq!(written(&host), [1, 2]);
}

/// What must outlive the host belongs on a disk: nobody waits for an export that nobody takes.
#[test]
fn nothing_is_exported_at_the_end_of_the_host() {
    let [a, b] = ledger("ledger");
    let mut host = host(&a, &[]);
    write(&host, 1);
    host.deploy("ledger", &b);
    wait_for_the_end_of_all_others(&host);
    let exports = host.wait_for_logs("app: exported", 2).len();
    let in_hand = InHand::begin(&host, 2);
    host.deploy("ledger", &a);
    host.wait_for_logs("app: exported", exports + 1);
    host.terminate();
    host.wait_for_log("finishing what is in hand");
    in_hand.end();
    assert!(host.wait().success());
    assert_eq!(host.log().matches("app: exported").count(), exports + 1, "{}", host.log());
}

/// The sample and the header: in Rust and in C.
#[test]
fn counters_go_on_counting() {
    let in_c = [1, 2].map(|version| c_counter(version, &[]));
    let in_rust = [sample("counter"), sample("counter")];
    let in_rust = [own_copy(&in_rust[0]), own_copy(&in_rust[1])];
    for [first, second] in [in_c, in_rust] {
        let set = ["--set", "ledger.greeting=Hello", "--set", "ledger.start=3"];
        let in_c = first.display().to_string().contains("libcounter.so");
        let host = host(&first, if in_c { &[] } else { &set });
        let count = || counted(&host);
        let start = count();
        let next = |more: u64| start.map(|start: u64| start + more);
        assert_eq!(count(), next(1));
        host.deploy("ledger", &second);
        assert_eq!(count(), next(2));
        host.said(&["rollback", "ledger"]);
        assert_eq!(count(), next(3));
        wait_for_the_end_of_all_others(&host);
        assert_eq!(count(), next(4));
    }
}

/// One that must be alone ends before the next one starts: its last word waits for that one, and
/// for itself if that one does not start.
#[test]
fn a_version_that_is_alone_hands_over_at_its_end() {
    const ALONE: &str = "-DFLAGS=DSGI_TRAIT_FLAG_EXCLUSIVE";
    let fails = "-DINIT=static const dsgi_bytes why = DSGI_BYTES(\"the index is locked\"); \
                 if (given->purpose == DSGI_PURPOSE_SERVE) { instance->fault.message = why; \
                 return DSGI_ANSWER_ERROR; }";
    let [first, second] = [1, 2].map(|version| c_counter(version, &[ALONE]));
    let host = host(&first, &[]);
    assert_eq!((counted(&host), counted(&host)), (Some(1), Some(2)));
    let said = host.deploy("ledger", &second);
    assert_eq!(steps(&said), ["read", "probe", "stop", "start", "import", "swap"]);
    assert_eq!(counted(&host), Some(3));
    let refused = host.try_deploy("ledger", &c_counter(3, &[ALONE, fails]));
    let why = refused.json["detail"].as_str().unwrap_or_default();
    assert!(why.contains("the index is locked") && why.contains("serves again"), "{why}");
    assert_eq!(counted(&host), Some(4));
    host.said(&["rollback", "ledger"]);
    assert_eq!(counted(&host), Some(5));
}

fn c_counter(version: u32, options: &[&str]) -> TemporaryLibrary {
    let version = format!("-DVERSION={version}");
    let options = [&["-std=c11", "-Werror", &version], options].concat();
    c_library("counter", include_str!("libraries/counter.c"), &options)
}

/// How many requests it has counted.
fn counted(host: &Operated) -> Option<u64> {
    let response = get(host.address(), "/");
    response.text().split_whitespace().last().and_then(|word| word.parse().ok())
}
