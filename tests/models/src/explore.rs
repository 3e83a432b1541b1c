//! Tries a model in every order of its threads, from its `loom::explore()` on to its
//! `loom::stop_exploring()`; what comes before and after is done in one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::model::Builder;

/// What went wrong in one run of a model, looked at when all its threads have ended: a panic
/// before that ends the whole test program, for loom cannot take its threads apart then.
pub(crate) type Problems = Vec<String>;

/// Forced changes of thread in one run. Changes where a thread waits or ends are not counted, so
/// all orders of whole steps are tried; loom's authors found that two or three show most faults.
const PREEMPTIONS: usize = 2;

/// Holds a model to be right in every order.
pub(crate) fn explore(model: impl Fn() -> Problems + Send + Sync + 'static) {
    run(move || {
        let problems = model();
        assert!(problems.is_empty(), "{problems:?}");
    });
}

/// The control of a model: one that breaks a rule is found out in at least one order.
pub(crate) fn caught(model: impl Fn() -> Problems + Send + Sync + 'static) {
    let found = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&found);
    run(move || {
        count.fetch_add(model().len(), Ordering::Relaxed);
    });
    assert!(found.load(Ordering::Relaxed) > 0, "no order shows what is wrong");
}

/// `LOOM_MAX_PREEMPTIONS` may ask for more than usual.
fn run(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    builder.max_branches = 20_000;
    builder.expect_explicit_explore = true;
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let runs = runs.load(Ordering::Relaxed);
    println!("{runs} orders");
    assert!(runs > 1, "there is one order only: nothing meets in this model");
}
