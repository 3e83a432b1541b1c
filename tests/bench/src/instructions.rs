//! User instructions per request: the gate that repeats, because load does not move it.
//!
//! Each server runs under callgrind twice, once for a few requests and once for many; what the
//! two runs differ by is the requests alone, without start, warm-up and end.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::breakdown::{self, PerRequest};
use crate::callgrind::Profile;
use crate::cli::Options;
use crate::client::{self, Connection};
use crate::cores::Cores;
use crate::figures::{Goal, median, ratios};
use crate::machinery;
use crate::process::pinned;
use crate::report::{Report, Row, Table};
use crate::subject::{INLINE, POOL, STATIC, STATIC_AGAIN, Subject};
use crate::tools::{ADDR2LINE, VALGRIND};

/// Measures every subject with few and with many headers, and says where the rest goes.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    VALGRIND.find()?;
    ADDR2LINE.find()?;
    let cores = Cores::choose()?;
    let subjects = Subject::all(options)?;
    cores.load_from_here()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "callgrind, one keep-alive connection, runs of {REQUESTS_FEW} and {REQUESTS_MANY} \
         requests, median of {rounds} rounds; user instructions only: the kernel is not in it."
    ));
    for (case, headers) in CASES {
        let mut counts: HashMap<&str, Counts> = HashMap::new();
        for round in 1..=rounds {
            for subject in &subjects {
                eprintln!("{case}, round {round}/{rounds}: {}", subject.name);
                let measured = measure(subject, cores, &client::request(headers))?;
                let counts = counts.entry(subject.name).or_default();
                counts.totals.push(measured.per_request.total);
                counts.last = Some(measured);
            }
        }
        tabulate(case, &subjects, &counts, report);
    }
    Ok(())
}

/// User instructions of one request.
pub(crate) fn per_request(subject: &Subject, cores: Cores, request: &[u8]) -> Result<f64> {
    let (fewer, _) = profile(subject, cores, request, REQUESTS_FEW)?;
    let (more, _) = profile(subject, cores, request, REQUESTS_MANY)?;
    Ok(PerRequest::between(&fewer, &more, REQUESTS_MANY - REQUESTS_FEW).total)
}

/// The same, asked so many times by whoever knows how.
pub(crate) fn per_request_through(
    subject: &Subject,
    cores: Cores,
    ask: impl Fn(SocketAddr, u32) -> Result<()>,
) -> Result<f64> {
    let (fewer, ()) = profile_of(subject, cores, |address| ask(address, REQUESTS_FEW))?;
    let (more, ()) = profile_of(subject, cores, |address| ask(address, REQUESTS_MANY))?;
    Ok(PerRequest::between(&fewer, &more, REQUESTS_MANY - REQUESTS_FEW).total)
}

/// What was counted for one subject.
#[derive(Debug, Default)]
struct Counts {
    /// Instructions per request, by round.
    totals: Vec<f64>,
    /// The last round with its functions.
    last: Option<Measured>,
}

#[derive(Debug)]
struct Measured {
    per_request: PerRequest,
    /// Of them, those that only serve to replace applications; of our host only.
    machinery: Option<f64>,
    answer_bytes: usize,
}

fn measure(subject: &Subject, cores: Cores, request: &[u8]) -> Result<Measured> {
    let (fewer, _) = profile(subject, cores, request, REQUESTS_FEW)?;
    let (more, answer_bytes) = profile(subject, cores, request, REQUESTS_MANY)?;
    let requests = REQUESTS_MANY - REQUESTS_FEW;
    let per_request = PerRequest::between(&fewer, &more, requests);
    let machinery = match subject.library() {
        Some(_) => Some(machinery::per_request(subject.program(), &fewer, &more, requests)?),
        None => None,
    };
    Ok(Measured { per_request, machinery, answer_bytes })
}

/// One run under callgrind: so many requests, the end, the profile.
fn profile(
    subject: &Subject,
    cores: Cores,
    request: &[u8],
    requests: u32,
) -> Result<(Profile, usize)> {
    profile_of(subject, cores, |address| {
        let mut connection = Connection::open(address)?;
        let mut answer_bytes = 0;
        for _ in 0..requests {
            answer_bytes = connection.exchange(request)?;
            std::thread::sleep(PAUSE);
        }
        Ok(answer_bytes)
    })
}

/// One run under callgrind, in which whoever knows how talks to the server.
pub(crate) fn profile_of<T>(
    subject: &Subject,
    cores: Cores,
    talk: impl FnOnce(SocketAddr) -> Result<T>,
) -> Result<(Profile, T)> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let server = subject.start_inside(callgrind(cores, folder.path())?, folder.path())?;
    let said = talk(server.address).with_context(|| format!("`{}`", subject.name))?;
    // Children that the server starts write files of their own, if any: only its own id counts.
    let file = folder.path().join(format!("callgrind.{}", server.id()));
    server.stop()?;
    let text = fs::read_to_string(&file)
        .with_context(|| format!("callgrind wrote nothing about `{}`", subject.name))?;
    Ok((Profile::parse(&text)?, said))
}

fn callgrind(cores: Cores, folder: &Path) -> Result<Command> {
    let mut command = pinned(cores.server, VALGRIND.find()?)?;
    command.args(["--quiet", "--tool=callgrind", "--trace-children=no", "--dump-instr=yes"]);
    let mut file = std::ffi::OsString::from("--callgrind-out-file=");
    file.push(folder.join("callgrind.%p"));
    command.arg(file);
    Ok(command)
}

fn tabulate(case: &str, subjects: &[Subject], counts: &HashMap<&str, Counts>, report: &mut Report) {
    let totals = |name: &str| counts.get(name).map_or(&[][..], |counts| &counts.totals);
    let ratio = |name: &str| median(&ratios(totals(name), totals(STATIC)));
    let aa = ratio(STATIC_AGAIN);
    let mut table = Table::new(
        format!("Instructions per request, {case}"),
        &["server", "instructions", "over static", "ratio", "answer bytes"],
    );
    for subject in subjects {
        let name = subject.name;
        let count = median(totals(name));
        let bytes = counts[name].last.as_ref().map_or(0, |last| last.answer_bytes);
        table.row(vec![
            name.to_owned(),
            format!("{count:.0}"),
            format!("{:+.0}", count - median(totals(STATIC))),
            format!("{:.4}", ratio(name)),
            bytes.to_string(),
        ]);
        let row = Row::new("instructions", format!("{name} / static, {case}"), ratio(name), aa)
            .with("instructions", count)
            .with("static_instructions", median(totals(STATIC)));
        match name {
            STATIC => {}
            INLINE => report.row(row.judged(Goal::AtMost(GOAL))),
            _ => report.row(row),
        }
        let last = counts[name].last.as_ref();
        if let Some(machinery) = last.and_then(|last| last.machinery) {
            let case = format!("{name}: what only swaps need / request, {case}");
            let row = Row::new("instructions", case, machinery / count, aa);
            report.row(row.judged(Goal::AtMost(MACHINERY)).with("instructions", machinery));
        }
    }
    report.table(table);
    let last = |name: &str| Some(&counts.get(name)?.last.as_ref()?.per_request);
    for name in [INLINE, POOL] {
        if let (Some(subject), Some(baseline)) = (last(name), last(STATIC)) {
            report.table(breakdown::differences((name, subject), (STATIC, baseline), case));
            report.table(breakdown::ours(name, case, subject));
        }
    }
}

const CASES: [(&str, &[(&str, &str)]); 2] =
    [("few headers", client::FEW_HEADERS), ("12 headers", client::TWELVE_HEADERS)];
const GOAL: f64 = 1.05;
const MACHINERY: f64 = 0.01;
const ROUNDS: usize = 3;
const REQUESTS_FEW: u32 = 300;
const REQUESTS_MANY: u32 = 2300;
// Every request finds the server parked: a client that is now faster, now slower than the server
// would choose between two paths through its event loop.
pub(crate) const PAUSE: Duration = Duration::from_micros(300);
