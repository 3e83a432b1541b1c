//! What a janitor is given, while the process ends or goes on.

use std::sync;

use crate::explore::explore;
use crate::plugin::generation::Generation;
use crate::plugin::retire::{self, Fate, Heir};
use crate::sync::{Arc, thread};
use crate::world::{Around, Host, alone, call, later};

/// The last lease goes where no host runs, at the same time as the host: the janitor ends each
/// member once, and the process waits for it.
#[test]
fn a_last_lease_and_the_end_of_the_process() {
    explore(|| {
        let told = sync::Arc::new(sync::Mutex::new(Vec::new()));
        let (first, one) = alone(1);
        let hears = sync::Arc::clone(&told);
        retire::start(move |retired| hears.lock().unwrap().push(retired.fate.clone())).unwrap();
        let host = Host::start(Around::Nothing(first), 1);
        let exchange = host.ask().recv().unwrap().unwrap();
        loom::explore();
        let library = thread::spawn(move || {
            call(exchange.lease(), 0);
            drop(exchange);
        });
        host.end();
        library.join().unwrap();
        loom::stop_exploring();
        retire::ended(later());
        one.expect_gone();
        let mut problems = one.problems();
        let told = told.lock().unwrap();
        if told.iter().any(|fate| *fate != Fate::Gone) || told.len() != one.unmapped() {
            problems.push(format!("told {told:?}, unmapped {}", one.unmapped()));
        }
        problems
    });
}

/// Notes what it is shown.
#[derive(Debug, Default)]
struct Notes(sync::Mutex<Vec<u64>>);

impl Heir for Notes {
    fn inherit(&self, generation: &Generation) {
        generation.image().call();
        self.0.lock().unwrap().push(generation.number());
    }
}

/// A version that rests and the tenure that has served it go at the same time: its heir is shown it
/// once, before its end, and it ends once.
#[test]
fn a_version_at_rest_and_the_tenure_that_served_it() {
    explore(|| {
        let (served, one) = alone(1);
        let rests = served.at_rest();
        let notes = sync::Arc::new(Notes::default());
        retire::start(|_| {}).unwrap();
        served.bequeath(Arc::of(sync::Arc::clone(&notes) as sync::Arc<dyn Heir>));
        loom::explore();
        let goes = thread::spawn(move || drop(served));
        drop(rests);
        goes.join().unwrap();
        loom::stop_exploring();
        retire::ended(later());
        one.expect_gone();
        let mut problems = one.problems();
        let shown = notes.0.lock().unwrap();
        if *shown != [1] {
            problems.push(format!("its heir was shown {shown:?}"));
        }
        problems
    });
}
