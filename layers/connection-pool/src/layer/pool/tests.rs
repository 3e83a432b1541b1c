//! The pool, over a database that only counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::TakeError;
use crate::layer::fake::Fake;

const NO_WAIT: Duration = Duration::ZERO;

#[test]
fn what_comes_back_is_lent_again() {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(2, NO_WAIT);
    for _ in 0..10 {
        pool.give_back(pool.take().unwrap());
    }
    assert_eq!(fake.counts(), (1, 1));
}

#[test]
fn no_more_are_open_than_may_be() {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(2, NO_WAIT);
    let held = [pool.take().unwrap(), pool.take().unwrap()];
    assert_eq!(pool.take().err(), Some(TakeError::Busy(2, NO_WAIT)));
    for connection in held {
        pool.give_back(connection);
    }
    pool.give_back(pool.take().unwrap());
    assert_eq!(fake.counts(), (2, 2));
}

#[test]
fn one_that_waits_has_the_first_that_comes_back() {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(1, Duration::from_secs(60));
    let first = pool.take().unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| pool.take());
        // Whether it waits already or not, it has this one.
        pool.give_back(first);
        pool.give_back(second.join().unwrap().unwrap());
    });
    assert_eq!(fake.counts(), (1, 1));
}

#[test]
fn one_that_was_lost_makes_room() {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(1, NO_WAIT);
    let lost = pool.take().unwrap();
    fake.down.store(1, Ordering::SeqCst);
    pool.give_back(lost);
    assert_eq!(fake.counts(), (1, 0));
    assert_eq!(pool.take().err(), Some(TakeError::Down("it is down".to_owned())));
    fake.down.store(0, Ordering::SeqCst);
    pool.give_back(pool.take().unwrap());
    assert_eq!(fake.counts(), (2, 1));
}

#[test]
fn one_that_died_on_the_shelf_is_replaced() {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(1, NO_WAIT);
    pool.give_back(pool.take().unwrap());
    fake.down.store(1, Ordering::SeqCst);
    assert!(matches!(pool.take(), Err(TakeError::Down(_))));
    fake.down.store(0, Ordering::SeqCst);
    pool.give_back(pool.take().unwrap());
    assert_eq!(fake.counts(), (2, 1));
}

#[test]
fn a_closed_pool_keeps_nothing() {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(2, NO_WAIT);
    let (lent, idle) = (pool.take().unwrap(), pool.take().unwrap());
    pool.give_back(idle);
    pool.close();
    assert_eq!(fake.counts(), (2, 1));
    pool.give_back(lent);
    assert_eq!(fake.counts(), (2, 0));
    assert_eq!(pool.take().err(), Some(TakeError::Closed));
}
