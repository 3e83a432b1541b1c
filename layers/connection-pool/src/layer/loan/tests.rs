//! A request's part of the pool.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Failure, Loan};
use crate::layer::fake::Fake;
use crate::layer::pool::TakeError;

fn loan() -> (Arc<Fake>, Loan) {
    let fake = Arc::new(Fake::default());
    let pool = fake.pool(1, Duration::ZERO);
    (fake, Loan::new(pool))
}

fn text(answer: dsgi::Result<Vec<u8>>) -> String {
    match answer {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(error) => format!("{}: {error}", error.status_code()),
    }
}

const QUERY: &[u8] = br#"{"query":"a","with":[1,"b",null]}"#;

#[test]
fn statements_and_their_answers_are_json() {
    let (_, loan) = loan();
    assert_eq!(text(loan.run(QUERY)), r#"{"columns":["a"],"rows":[[1,"b",null]]}"#);
    assert_eq!(text(loan.run(br#"{"execute":"a"}"#)), "7");
    let refused = text(loan.run(br#"{"query":"refuse"}"#));
    assert_eq!(refused, "500: the database refused a statement: no");
    assert!(text(loan.run(br#"{"drop":"a"}"#)).starts_with("500: "));
}

#[test]
fn a_request_that_asks_for_nothing_has_no_connection() {
    let (fake, loan) = loan();
    loan.end();
    assert_eq!(fake.counts(), (0, 0));
}

#[test]
fn the_end_gives_the_connection_back_for_good() {
    let (fake, loan) = loan();
    loan.run(QUERY).unwrap();
    let next = Loan::new(Arc::clone(&loan.pool));
    assert_eq!(text(next.run(QUERY)), "503: all 1 connections to the database are in use for 0ns");
    assert_eq!(next.failure(), Some(Failure::Untaken(TakeError::Busy(1, Duration::ZERO))));
    loan.end();
    assert!(text(loan.run(QUERY)).contains("the request is over"));
    Loan::new(Arc::clone(&loan.pool)).run(QUERY).unwrap();
    assert_eq!(fake.counts(), (1, 1));
}

#[test]
fn a_loan_that_is_dropped_has_ended() {
    let (fake, loan) = loan();
    let pool = Arc::clone(&loan.pool);
    loan.run(QUERY).unwrap();
    drop(loan);
    Loan::new(Arc::clone(&pool)).run(QUERY).unwrap();
    assert_eq!(fake.counts(), (1, 1));
}

#[test]
fn nothing_more_is_run_once_the_connection_is_lost() {
    let (fake, loan) = loan();
    loan.run(QUERY).unwrap();
    fake.down.store(1, Ordering::SeqCst);
    let lost = "503: the connection to the database is lost: it is down";
    assert_eq!(text(loan.run(QUERY)), lost);
    fake.down.store(0, Ordering::SeqCst);
    assert_eq!(text(loan.run(QUERY)), lost);
    // The place of the lost one is free.
    Loan::new(Arc::clone(&loan.pool)).run(QUERY).unwrap();
    assert_eq!(fake.counts(), (2, 1));
}
