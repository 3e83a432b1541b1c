//! The whole table as one page: rows, endpoints, and what differs where, and why.

use super::deviations::DEVIATIONS;
use super::endpoints::ENDPOINTS;
use super::rows::Row;
use super::{Cell, Deviation};
use crate::harness::project;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What is wrong, in the words of the table of deviations; the same at several endpoints is told
/// once.
pub(super) fn wrong(rows: &[&Row], columns: &[Vec<Cell>]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut told: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (endpoint, column) in ENDPOINTS.iter().zip(columns) {
            if let Cell::Wrong(lines) = &column[number] {
                told.entry(lines.join("\n    ")).or_default().push(endpoint.name);
            }
        }
        for (lines, endpoints) in told {
            let _ = write!(text, "{:?} at {endpoints:?}:\n    {lines}\n", row.name);
        }
    }
    text
}

/// Compares the page with the one that is committed. Of an endpoint that is not installed nothing
/// is known, so nothing is compared then.
pub(super) fn compare(rows: &[&Row], columns: &[Vec<Cell>]) {
    let page = page(rows, columns);
    eprintln!("{page}");
    if columns.iter().flatten().any(|cell| *cell == Cell::Missing) {
        return;
    }
    let file = project().join("tests/doors/MATRIX.md");
    if std::env::var_os("DSGI_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&file, &page).expect("the page is written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == page, "tests/doors/MATRIX.md is another one: DSGI_BLESS=1 writes it");
}

fn page(rows: &[&Row], columns: &[Vec<Cell>]) -> String {
    let mut page = String::from(OPENING);
    let names: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
    let _ = write!(page, "{} rows at {} endpoints.\n\n| |", rows.len(), names.len());
    for name in &names {
        let _ = write!(page, " {} |", name.replace('-', "<br>"));
    }
    let _ = write!(page, "\n|---|{}\n", "---|".repeat(names.len()));
    for (number, row) in rows.iter().enumerate() {
        let _ = write!(page, "| {} |", row.name);
        for column in columns {
            let cell = match &column[number] {
                Cell::Alike => "=".to_owned(),
                Cell::Deviates(deviation) => note(deviation).to_string(),
                Cell::Missing | Cell::Wrong(_) => "?".to_owned(),
            };
            let _ = write!(page, " {cell} |");
        }
        page.push('\n');
    }
    page.push_str("\n## What differs\n\n");
    for (number, deviation) in DEVIATIONS.iter().enumerate() {
        let seen = match deviation.seen {
            None => String::from("is not asked"),
            Some([]) => String::from("is asked, and anything may come"),
            Some(seen) => {
                let seen = seen.iter().map(|(what, value)| format!("{what} `{value}`"));
                seen.collect::<Vec<_>>().join(", ")
            }
        };
        let _ = writeln!(page, "{}. {}: {seen}.", number + 1, deviation.why);
    }
    page
}

fn note(deviation: &Deviation) -> usize {
    let found = DEVIATIONS.iter().position(|known| std::ptr::eq(known, deviation));
    found.expect("a deviation of the table") + 1
}

const OPENING: &str = "# Every door, the same table

Written by `DSGI_BLESS=1 cargo test -p dsgi-host --test all doors::table`, which compares it. `=` is
what the row expects, the same for all; a number is a deviation, told below. Rows and what they
expect stand in [rows.rs](table/rows.rs), fronts are configured as in
[docs/gateways.md](../../docs/gateways.md), and the validator stands around the application
everywhere.

";
