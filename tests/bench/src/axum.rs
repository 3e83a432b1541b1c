//! What an application of axum costs as a library, beside the same one served by hyper in the same
//! thread layout, and by `axum::serve`.
//!
//! User instructions, by the method of `instructions`; `throughput` has the requests per second and
//! `streams` the bodies. What a header field costs more as a library than without one is what it
//! costs to bring it over the boundary and make the request again.

mod streams;
mod throughput;
mod visitor;

use std::collections::HashMap;

use anyhow::Result;

pub(crate) use self::streams::run as run_streams;
pub(crate) use self::throughput::run as run_throughput;
use self::visitor::{Visit, Visitor};
use crate::artifacts::Axum;
use crate::breakdown::{self, PerRequest};
use crate::callgrind::Profile;
use crate::cli::Options;
use crate::client;
use crate::cores::Cores;
use crate::figures::{Goal, median, ratios};
use crate::instructions::{PAUSE, profile_of};
use crate::report::{Report, Row, Table};
use crate::subject::Subject;
use crate::tools::VALGRIND;

/// Counts every server with each answer, with few headers and with many.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    VALGRIND.find()?;
    let cores = Cores::choose()?;
    let subjects = subjects(options)?;
    cores.load_from_here()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "callgrind, one keep-alive connection, runs of {REQUESTS_FEW} and {REQUESTS_MANY} \
         requests, median of {rounds} rounds; user instructions only. `{NATIVE}` is the router \
         served by hyper on one current-thread runtime, `{SERVE}` has `#[tokio::main]`."
    ));
    let mut counts = Counts::default();
    for (answer, path, expected) in ANSWERS {
        for (headers, fields) in HEADERS {
            for round in 1..=rounds {
                for subject in &subjects {
                    let name = subject.name;
                    eprintln!("{answer}, {headers} headers, round {round}/{rounds}: {name}");
                    let per_request = count(subject, cores, &get(path, fields, expected))?;
                    counts.add(name, answer, headers, per_request);
                }
            }
        }
        tabulate(answer, &subjects, &counts, report);
    }
    for (headers, _) in HEADERS {
        break_down(headers, &counts, report);
    }
    Ok(())
}

/// What was counted: of each server, answer and number of headers.
#[derive(Debug, Default)]
struct Counts(HashMap<(&'static str, &'static str, u32), Vec<PerRequest>>);

impl Counts {
    fn add(&mut self, name: &'static str, answer: &'static str, headers: u32, count: PerRequest) {
        self.0.entry((name, answer, headers)).or_default().push(count);
    }

    fn totals(&self, name: &'static str, answer: &'static str, headers: u32) -> Vec<f64> {
        let counts = self.0.get(&(name, answer, headers)).map_or(&[][..], Vec::as_slice);
        counts.iter().map(|count| count.total).collect()
    }

    /// What a header field costs.
    fn slope(&self, name: &'static str, answer: &'static str) -> f64 {
        let total = |headers| median(&self.totals(name, answer, headers));
        (total(MANY) - total(FEW)) / f64::from(MANY - FEW)
    }
}

/// The application in hyper's hands twice (the A/A control), in the framework's, and as a library.
fn subjects(options: &Options) -> Result<Vec<Subject>> {
    let native = Axum::native()?;
    let mut subjects = vec![Subject::peer(NATIVE, &native), Subject::peer(NATIVE_AGAIN, &native)];
    if !options.baseline {
        let Axum { host, serve, library } = Axum::build()?;
        subjects.push(Subject::peer(SERVE, &serve));
        subjects.push(Subject::host(PLUGIN, &host, &library));
    }
    Ok(subjects)
}

fn get(path: &str, fields: &[(&str, &str)], expected: Expected) -> Visit {
    let head = client::request_at(path, fields);
    Visit { head, sent: Vec::new(), expected: expected.bytes() }
}

fn count(subject: &Subject, cores: Cores, visit: &Visit) -> Result<PerRequest> {
    let counted = |requests| -> Result<Profile> {
        let talk = |address| {
            let mut visitor = Visitor::open(address)?;
            for _ in 0..requests {
                visitor.visit(visit)?;
                std::thread::sleep(PAUSE);
            }
            Ok(())
        };
        Ok(profile_of(subject, cores, talk)?.0)
    };
    let (fewer, more) = (counted(REQUESTS_FEW)?, counted(REQUESTS_MANY)?);
    Ok(PerRequest::between(&fewer, &more, REQUESTS_MANY - REQUESTS_FEW))
}

fn tabulate(answer: &'static str, subjects: &[Subject], counts: &Counts, report: &mut Report) {
    let columns = ["server", "3 headers", "ratio", "12 headers", "ratio", "for each header"];
    let mut table = Table::new(format!("Instructions per request: {answer}"), &columns);
    let ratio = |name, headers| {
        let native = counts.totals(NATIVE, answer, headers);
        median(&ratios(&counts.totals(name, answer, headers), &native))
    };
    for subject in subjects {
        let mut cells = vec![subject.name.to_owned()];
        for (headers, _) in HEADERS {
            cells.push(format!("{:.0}", median(&counts.totals(subject.name, answer, headers))));
            cells.push(format!("{:.4}", ratio(subject.name, headers)));
        }
        cells.push(format!("{:.0}", counts.slope(subject.name, answer)));
        table.row(cells);
    }
    report.table(table);
    for subject in subjects.iter().filter(|subject| subject.name != NATIVE) {
        let name = subject.name;
        for ((headers, _), goal) in HEADERS.into_iter().zip(GOALS) {
            let aa = ratio(NATIVE_AGAIN, headers);
            let case = format!("{name} / {NATIVE}, {answer}, {headers} headers");
            let row = Row::new("axum", case, ratio(name, headers), aa)
                .with("instructions", median(&counts.totals(name, answer, headers)))
                .with("native_instructions", median(&counts.totals(NATIVE, answer, headers)));
            report.row(if name == PLUGIN { row.judged(Goal::AtMost(goal)) } else { row });
        }
    }
    let rebuilt = counts.slope(PLUGIN, answer) - counts.slope(NATIVE, answer);
    if rebuilt.is_finite() {
        let case = format!("what a header costs more as a library / {HEADER:.0}, {answer}");
        let row = Row::new("axum", case, rebuilt / HEADER, ratio(NATIVE_AGAIN, MANY));
        report.row(row.judged(Goal::AtMost(1.0)).with("instructions", rebuilt));
    }
}

/// Where the rest goes, for the answer that uses most of the framework.
fn break_down(headers: u32, counts: &Counts, report: &mut Report) {
    let (answer, ..) = ANSWERS[1];
    let last = |name| counts.0.get(&(name, answer, headers)).and_then(|counts| counts.last());
    if let (Some(plugin), Some(native)) = (last(PLUGIN), last(NATIVE)) {
        let case = format!("{answer}, {headers} headers");
        report.table(breakdown::differences((PLUGIN, plugin), (NATIVE, native), &case));
        report.table(breakdown::ours(PLUGIN, &case, plugin));
    }
}

/// What an answer's body is.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Text(&'static str),
    /// So many `x`.
    Letters(usize),
}

impl Expected {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into(),
            Self::Letters(count) => vec![b'x'; count],
        }
    }
}

const NATIVE: &str = "native";
const NATIVE_AGAIN: &str = "native again";
const SERVE: &str = "axum::serve";
const PLUGIN: &str = "plugin";
const ANSWERS: [(&str, &str, Expected); 3] = [
    ("empty", "/empty", Expected::Text("")),
    ("JSON", "/articles/tea", Expected::Text(ARTICLE)),
    ("64 KiB", "/large", Expected::Letters(PIECE_BYTES)),
];
/// Bytes of the large answer, and of a piece of the stream, as the application has them.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces of the stream: 10 MiB.
const PIECES: usize = 160;
const ARTICLE: &str = r#"{"name":"tea","price":1250,"currency":"EUR","in_stock":true}"#;
const FEW: u32 = 3;
const MANY: u32 = 12;
const HEADERS: [(u32, &[(&str, &str)]); 2] =
    [(FEW, client::FEW_HEADERS), (MANY, client::TWELVE_HEADERS)];
/// Over native, with few headers and with many.
const GOALS: [f64; 2] = [1.20, 1.35];
/// Instructions that a header field may cost more as a library.
const HEADER: f64 = 550.0;
const ROUNDS: usize = 1;
const REQUESTS_FEW: u32 = 300;
const REQUESTS_MANY: u32 = 1300;
