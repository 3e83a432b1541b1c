//! One table for every door: what is asked, what comes back, and where it may differ.
//!
//! Each row is put to each endpoint, which is a door of ours or a front server before one. What is
//! expected stands once in the row; an endpoint that answers otherwise has a deviation with its
//! reason, and one that does not deviate any more fails as well. `DSGI_BLESS=1` writes the matrix
//! to `MATRIX.md`.

mod deviations;
mod endpoints;
mod logins;
mod look;
mod matrix;
mod rows;
mod site;

use crate::harness::asking::pattern;
use crate::harness::skip::skip;
use deviations::Deviation;
use endpoints::{ENDPOINTS, Endpoint};
use rows::Row;
use site::Site;

/// What came of one row at one endpoint.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    /// What the row expects.
    Alike,
    /// What a deviation says.
    Deviates(&'static Deviation),
    /// The endpoint is not installed.
    Missing,
    /// Something else: this.
    Wrong(Vec<String>),
}

const NAME: &str = "doors::table::every_door_answers_alike";

#[test]
fn every_door_answers_alike() {
    let site = Site::open(site::BROKEN);
    let rows: Vec<&'static Row> = rows::all().collect();
    deviations::check(&rows);
    // Made once, and not while somebody waits for it.
    pattern(0);
    let columns: Vec<Vec<Cell>> = std::thread::scope(|scope| {
        let asked = |endpoint: &'static Endpoint| {
            let (site, rows) = (&site, &rows);
            scope.spawn(move || ask(endpoint, site, rows))
        };
        let asked: Vec<_> = ENDPOINTS.iter().map(asked).collect();
        asked.into_iter().map(|column| column.join().expect("it was asked")).collect()
    });
    let wrong = matrix::wrong(&rows, &columns);
    assert!(wrong.is_empty(), "{} rows are not as they should be:\n{wrong}", wrong.lines().count());
    matrix::compare(&rows, &columns);
}

/// Puts every row to one endpoint.
fn ask(endpoint: &'static Endpoint, site: &Site, rows: &[&'static Row]) -> Vec<Cell> {
    if let Some(missing) = endpoint.missing() {
        skip(NAME, &format!("{missing} is not installed"));
        return vec![Cell::Missing; rows.len()];
    }
    let running = endpoint.start(site);
    let cells = rows.iter().map(|row| {
        let deviation = deviations::of(row, endpoint.name);
        let expected = match deviation {
            None => row.expected,
            Some(Deviation { seen: Some(seen), .. }) => seen,
            Some(deviation) => return Cell::Deviates(deviation),
        };
        let seen = look::look(row, endpoint.name, &running.client, site, expected);
        match (deviation, seen.is_empty()) {
            (None, true) => Cell::Alike,
            (Some(deviation), true) => Cell::Deviates(deviation),
            (_, false) => Cell::Wrong(seen),
        }
    });
    let cells: Vec<Cell> = cells.collect();
    if cells.iter().any(|cell| matches!(cell, Cell::Wrong(_))) {
        eprintln!("--- {}\n{}---", endpoint.name, running.log());
    }
    site::no_rule_is_broken_by_us(endpoint.name, &running.log());
    cells
}
