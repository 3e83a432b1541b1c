//! Wishes that contradict each other, all at once, while clients ask and leave: whatever wins, no
//! response is cut or mixed, and nothing stays.

use super::loader::{Loader, Shape, Wrong};
use super::{FORMS, is_at_rest, two};
use crate::harness::client::Connection;
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::TemporaryLibrary;
use crate::harness::operated::{Answer, Operated};
use crate::harness::skip::long_tests_run;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

const SHAPES: &[Shape] = &[Shape::KeepAlive, Shape::New, Shape::Download, Shape::Streams];

fn host(libraries: &[[TemporaryLibrary; 2]; 3]) -> Operated {
    let mut launch = Launch::new().env("DSGI_LOG", "warn");
    for ((name, mount, _), [first, _]) in FORMS.iter().zip(libraries) {
        launch = launch.arg("--mount").arg(format!("{mount}={name}={}", first.display()));
    }
    Operated::start(launch)
}

/// A wish that another one has overtaken, or left nothing to do, was answered too.
fn check_answered(answer: &Answer) {
    let kind = answer.json["type"].as_str().unwrap_or_default();
    let overtaken = ["/problems/superseded", "/problems/no-previous"].contains(&kind);
    assert!(answer.status == 200 || overtaken, "{answer:?}");
}

fn wish(host: &Operated, app: &str, verb: &str) -> Answer {
    host.ask("POST", &format!("/v1/apps/{app}/{verb}"), &Value::Null)
}

#[test]
fn wishes_that_contradict_each_other_cut_nothing() {
    let rounds = if long_tests_run() { 300 } else { 30 };
    let libraries = FORMS.map(|(_, _, package)| two(package));
    let host = host(&libraries);
    let at_rest = || FORMS.iter().all(|(name, ..)| is_at_rest(&host, name));
    let settle = || {
        for ((name, ..), [first, second]) in FORMS.iter().zip(&libraries) {
            host.deploy(name, second);
            host.deploy(name, first);
        }
        eventually("the end of all others", || at_rest().then_some(()));
    };
    settle();
    let before = host.possessions();
    let all = FORMS.map(|(_, mount, _)| (mount, SHAPES));
    let loader = Loader::start(host.address(), all);
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let leaving = FORMS.map(|(_, mount, _)| leave_bodies(scope, &host, mount, &stopped));
        let mut wishes = Vec::new();
        for ((name, ..), versions) in FORMS.iter().zip(&libraries) {
            let host = &host;
            for offset in [0, 1] {
                wishes.push(scope.spawn(move || {
                    for round in 0..rounds {
                        check_answered(&host.try_deploy(name, &versions[(round + offset) % 2]));
                    }
                }));
            }
            wishes.push(scope.spawn(move || {
                for _ in 0..rounds {
                    check_answered(&wish(host, name, "rollback"));
                    check_answered(&wish(host, name, "drain"));
                }
            }));
        }
        let ended: Vec<_> = wishes.into_iter().map(|wish| wish.join()).collect();
        stopped.store(true, Ordering::Relaxed);
        let left = leaving.map(|leaving| leaving.join().unwrap());
        assert!(ended.iter().all(Result::is_ok), "a wish was not answered");
        assert!(left.iter().all(|left| *left > 0), "nobody left: {left:?}");
    });
    let seen = loader.stop();
    // Between a drain and the next deploy the mount answers so.
    let drained = |(wrong, text): &(Wrong, String)| {
        *wrong == Wrong::Failed && text.contains("503: ") && text.contains("out of service")
    };
    let wrong: Vec<_> = seen.wrong.iter().filter(|it| !drained(it)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    settle();
    host.wait_for_no_more_than(&before);
}

/// A client that leaves in the middle of each response; how often it did.
fn leave_bodies<'scope>(
    scope: &'scope Scope<'scope, '_>,
    host: &'scope Operated,
    mount: &'scope str,
    stopped: &'scope AtomicBool,
) -> std::thread::ScopedJoinHandle<'scope, usize> {
    scope.spawn(move || {
        let mut left = 0;
        while !stopped.load(Ordering::Relaxed) {
            let mut connection = Connection::open(host.address());
            connection.send(format!("GET {mount}/stream HTTP/1.1\r\nHost: a\r\n\r\n"));
            // It may be 503 just now.
            if connection.head().unwrap().status == 200 {
                assert!(connection.chunk().unwrap().is_some());
                left += 1;
            }
        }
        left
    })
}

/// A file under watch changes again and again while its application is deployed from elsewhere.
#[test]
fn a_watched_file_changes_during_deploys() {
    let rounds = if long_tests_run() { 200 } else { 20 };
    let versions = two("two");
    let folder = tempfile::tempdir().unwrap();
    let watched = folder.path().join("two.so");
    std::fs::copy(&versions[0], &watched).unwrap();
    let mount = format!("/two=two={}", watched.display());
    let host = Operated::start(Launch::new().args(["--watch", "--mount", &mount]));
    // Bytes behind the end of a library make it another file that does the same.
    let change = |round: usize| {
        let mut bytes = std::fs::read(&versions[round % 2]).unwrap();
        bytes.extend(round.to_le_bytes());
        std::fs::write(folder.path().join("new"), bytes).unwrap();
        std::fs::rename(folder.path().join("new"), &watched).unwrap();
    };
    let loader = Loader::start(host.address(), [("/two", SHAPES)]);
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let deploying = scope.spawn(|| {
            for version in versions.iter().cycle() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                check_answered(&host.try_deploy("two", version));
            }
        });
        for round in 0..rounds {
            change(round);
            let answered = loader.answered();
            loader.wait_for("some time to pass", |seen| seen.answered() > answered + 200);
        }
        stopped.store(true, Ordering::Relaxed);
        assert!(deploying.join().is_ok(), "a deploy was not answered");
    });
    let seen = loader.stop();
    assert_eq!(seen.wrong, [], "after {:?}", seen.whole);
    // What is found there in the end serves, which nobody else deploys.
    change(rounds);
    let sum = std::process::Command::new("sha256sum").arg(&watched).output().unwrap().stdout;
    let digest = String::from_utf8(sum).unwrap()[..64].to_owned();
    host.wait_for_app("two", "the last file", |app| app["current"]["digest"] == *digest);
    eventually("the end of all others", || is_at_rest(&host, "two").then_some(()));
}

/// The end of a host in the middle of swaps: what is in hand is finished, and every wish is
/// answered or finds nobody.
#[test]
fn a_host_ends_well_in_the_middle_of_swaps() {
    for _ in 0..if long_tests_run() { 30 } else { 3 } {
        let libraries = FORMS.map(|(_, _, package)| two(package));
        let mut host = host(&libraries);
        let mut in_hand = FORMS.map(|(_, mount, _)| {
            let mut connection = Connection::open(host.address());
            connection.send(format!("GET {mount}/stream HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(connection.head().unwrap().status, 200);
            connection
        });
        let ends = |answer: &Value| answer["refused"]["type"] == "/problems/shutting-down";
        let mut last = Vec::new();
        std::thread::scope(|scope| {
            let host = &host;
            let wishes = FORMS.iter().zip(&libraries).map(|((name, ..), versions)| {
                scope.spawn(move || {
                    for version in versions.iter().rev().cycle() {
                        let answer = host.follow_deploy(name, version).last();
                        if answer.as_ref().is_none_or(|answer| answer["deployed"].is_null()) {
                            return answer;
                        }
                    }
                    unreachable!("the versions never end")
                })
            });
            let wishes: Vec<_> = wishes.collect();
            for (name, ..) in FORMS {
                let swapped = |app: &Value| app["previous"].is_object();
                host.wait_for_app(name, "a swap", swapped);
            }
            host.terminate();
            for connection in &mut in_hand {
                let mut received = 0;
                while let Some(chunk) = connection.chunk().unwrap() {
                    assert!(chunk.iter().all(|byte| *byte == b'a'), "mixed");
                    received += chunk.len();
                }
                assert_eq!(received, 64 * 4096);
            }
            last.extend(wishes.into_iter().map(|wish| wish.join().unwrap()));
        });
        assert!(last.iter().flatten().all(ends), "{last:?}");
        assert_eq!(host.wait().code(), Some(0));
    }
}
