//! Sessions that an application of axum moves into tasks, and that are looked at when the response
//! is over: the layer that lends them waits for them when it is replaced, and loses nothing.

use super::Visitor;
use super::lasting::{layers, wait_for_the_end_of_all_others};
use crate::harness::client::get;
use crate::harness::eventually;
use crate::harness::host::Launch;
use crate::harness::libraries::{fault_app, sample};
use crate::harness::operated::Operated;
use crate::harness::skip::long_tests_run;
use crate::harness::weight::Weight;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the visitors, also when the test fails: else it waits for them for good.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sets one value after the other until it is told to stop, and says how many there were.
fn sets(visitor: &mut Visitor, host: &Operated, over: &AtomicBool) -> u64 {
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        count += 1;
        let response = visitor.ask(host, &format!("/set?{count}"));
        assert_eq!((response.status, response.text()), (200, &*count.to_string()));
    }
    count
}

/// The layer has been replaced, and what it waits for is told to whoever asks.
fn waits_for_an_exchange(host: &Operated) {
    let named = |layer: &Value| {
        let reason = layer["retained"][0]["reason"].as_str();
        reason.is_some_and(|reason| reason.contains("an exchange"))
    };
    host.wait_for_app("session", "what keeps a version of the layer", named);
    let table = host.said(&["ps"]);
    assert!(table.lines().any(|line| line.contains("an exchange")), "{table}");
}

#[test]
fn a_layer_waits_for_sessions_that_were_moved_into_tasks() {
    let swaps = if long_tests_run() { 100 } else { 20 };
    let app = format!("moves={}", fault_app("moves").display());
    let layer = format!("session={}", sample("session").display());
    let host = Operated::start(Launch::new().args(["--load", &app, "--enable", &layer]));
    let (layers, over) = (layers(), AtomicBool::new(false));
    let layers: [&Path; 2] = [&layers[0], &layers[1]];
    // The second may lack a change of the first version's until that ends: each has a session
    // before the first swap, so that all know it.
    let mut visitors = [(); 2].map(|()| {
        let mut visitor = Visitor::default();
        visitor.ask(&host, "/set?0");
        visitor
    });
    let mut before = None;
    let counts = std::thread::scope(|scope| {
        let (host, over) = (&host, &over);
        let told = Over(over);
        let visitors = visitors.each_mut();
        let setting = visitors.map(|visitor| scope.spawn(move || sets(visitor, host, over)));
        for swap in 0..swaps {
            assert_eq!(get(host.address(), "/hold").status, 200);
            host.deploy("session", layers[(swap + 1) % 2]);
            waits_for_an_exchange(host);
            assert_eq!(get(host.address(), "/release").status, 200);
            wait_for_the_end_of_all_others(host);
            if swap == swaps / 2 {
                before = Some((host.possessions(), Weight::of(host.pid())));
            }
        }
        drop(told);
        setting.map(|setting| setting.join().unwrap())
    });
    // All tasks have seen what they were to see, also those of versions that were replaced.
    let told = format!("{} 0 ", counts.iter().sum::<u64>() + 2);
    eventually(&told, || (get(host.address(), "/told").text() == told).then_some(()));
    for (visitor, count) in visitors.iter_mut().zip(counts) {
        assert_eq!(visitor.has(&host), count.to_string());
    }
    let (possessions, weight) = before.expect("half of the swaps");
    host.wait_for_no_more_than(&possessions);
    let after = weight.wait_for_no_more(host.pid(), swaps as u64 / 2);
    println!("{swaps} swaps, {counts:?} responses: {weight:?} -> {after:?}");
}
