//! What layers cost a request that goes through them, in user instructions.
//!
//! Every server is the host with one application; they differ by what is enabled around it. The
//! request has twelve headers, as a browser's has, because that is what layers look at.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use crate::artifacts::{Artifacts, Layers};
use crate::cli::Options;
use crate::client;
use crate::cores::Cores;
use crate::figures::{Goal, median, ratios};
use crate::instructions::per_request;
use crate::report::{Report, Row, Table};
use crate::subject::Subject;
use crate::tools::VALGRIND;

/// Measures the application alone, then under layers that do nothing, and under the validator.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    VALGRIND.find()?;
    let cores = Cores::choose()?;
    let subjects = subjects()?;
    cores.load_from_here()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "callgrind, one keep-alive connection, 12 headers, median of {rounds} rounds; user \
         instructions only. A layer that is not concerned says so and is passed by. In C a layer \
         is one line: `return exchange->table->pass(app, exchange, reply)`, or \
         `inner(exchange, reply)`, which is come back to; this is the least there can be. One that \
         calls its inner application as a function has environ, `start_response` and body in hand."
    ));
    let request = client::request(client::TWELVE_HEADERS);
    let mut counts: HashMap<&str, Vec<f64>> = HashMap::new();
    for round in 1..=rounds {
        for subject in &subjects {
            eprintln!("round {round}/{rounds}: {}", subject.name);
            let count = per_request(subject, cores, &request)?;
            counts.entry(subject.name).or_default().push(count);
        }
    }
    tabulate(&subjects, &counts, report);
    Ok(())
}

fn subjects() -> Result<Vec<Subject>> {
    let Artifacts { host, inline, .. } = Artifacts::build()?;
    let Layers { passes, calls, c_passes, c_calls } = Layers::build(&host)?;
    let around = |name, layers: Vec<OsString>| Subject::host(name, &host, &inline).with(layers);
    Ok(vec![
        around(NONE, Vec::new()),
        around(NONE_AGAIN, Vec::new()),
        around(ONE, enabled(&passes, 1)),
        around(TEN, enabled(&passes, MANY)),
        around(C_PASSES, enabled(&c_passes, MANY)),
        around(C_CALLS, enabled(&c_calls, MANY)),
        around(FUNCTION, enabled(&calls, 1)),
        around(FUNCTIONS, enabled(&calls, MANY)),
        around(VALIDATOR, vec!["--enable".into(), "validator".into()]),
    ])
}

/// One library as so many layers.
fn enabled(library: &Path, layers: usize) -> Vec<OsString> {
    let flags = (1..=layers).flat_map(|number| {
        let mut layer = OsString::from(format!("layer-{number}="));
        layer.push(library);
        [OsString::from("--enable"), layer]
    });
    flags.collect()
}

fn tabulate(subjects: &[Subject], counts: &HashMap<&str, Vec<f64>>, report: &mut Report) {
    let values = |name: &str| counts.get(name).map_or(&[][..], Vec::as_slice);
    let ratio = |name: &str| median(&ratios(values(name), values(NONE)));
    let (none, aa) = (median(values(NONE)), ratio(NONE_AGAIN));
    let mut table = Table::new(
        "Instructions per request under layers".into(),
        &["layers", "instructions", "over none", "for each layer", "ratio"],
    );
    for subject in subjects {
        let name = subject.name;
        let (count, layers) = (median(values(name)), layers_of(name));
        let each = (count - none) / layers;
        table.row(vec![
            name.to_owned(),
            format!("{count:.0}"),
            format!("{:+.0}", count - none),
            if layers > 0.0 { format!("{each:.1}") } else { "-".into() },
            format!("{:.4}", ratio(name)),
        ]);
        if name == NONE {
            continue;
        }
        let row = Row::new("layers", format!("{name} / none"), ratio(name), aa)
            .with("instructions", count)
            .with("none_instructions", none);
        report.row(if name == TEN { row.judged(Goal::AtMost(GOAL_TEN)) } else { row });
        if name == TEN {
            let case = String::from("instructions of a layer that is passed by / 20");
            let row = Row::new("layers", case, each / GOAL_EACH, aa).with("instructions", each);
            report.row(row.judged(Goal::AtMost(1.0)));
        }
    }
    report.table(table);
}

fn layers_of(name: &str) -> f64 {
    match name {
        NONE | NONE_AGAIN => 0.0,
        TEN | C_PASSES | C_CALLS | FUNCTIONS => MANY as f64,
        _ => 1.0,
    }
}

const NONE: &str = "none";
const NONE_AGAIN: &str = "none again";
const ONE: &str = "1 not concerned";
const TEN: &str = "10 not concerned";
const C_PASSES: &str = "10 in C that pass";
const C_CALLS: &str = "10 in C that call inner";
const FUNCTION: &str = "1 that calls inner";
const FUNCTIONS: &str = "10 that call inner";
const VALIDATOR: &str = "validator";
const MANY: usize = 10;
const GOAL_EACH: f64 = 20.0;
const GOAL_TEN: f64 = 1.01;
const ROUNDS: usize = 3;
