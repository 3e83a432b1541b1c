//! Bodies that go through an application of axum: 1 MiB that it sends back as it comes, and 10 MiB
//! that it streams.
//!
//! CPU time as in `throughput`. Whether the host copies what goes through is counted: instructions
//! in the functions of the C library that copy, under callgrind, beyond those of the same
//! application without a host; one whole copy is what an application costs that copies each piece
//! itself.

use anyhow::{Context as _, Result};

use super::{NATIVE, NATIVE_AGAIN, PIECE_BYTES, PIECES, PLUGIN, Visit, Visitor, subjects};
use crate::bodies::{Named, interleaved};
use crate::breakdown::PerRequest;
use crate::cli::Options;
use crate::cores::Cores;
use crate::figures::{Goal, median, quantile, ratios};
use crate::instructions::profile_of;
use crate::process::Server;
use crate::procfs::{cpu_ns, family};
use crate::report::{Report, Row, Table};
use crate::subject::Subject;
use crate::tools::VALGRIND;

/// Measures CPU time in interleaved rounds, and copies once.
pub(crate) fn run(options: &Options, cores: Cores, report: &mut Report) -> Result<()> {
    VALGRIND.find()?;
    let subjects = subjects(options)?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let started = subjects.iter().map(|subject| {
        let server = subject.start(cores.server, folder.path())?;
        Ok((subject.name, server))
    });
    let servers = started.collect::<Result<Vec<Named>>>()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    for asked in [echo("/echo"), stream()] {
        let samples = interleaved(asked.name, &servers, rounds, |server| measure(server, &asked))?;
        tabulate(&asked, &servers, &samples, report);
    }
    drop(servers);
    count_copies(&subjects, cores, report)
}

/// What is asked for, and how often in a round.
struct Asked {
    name: &'static str,
    visit: Visit,
    times: u32,
}

fn echo(path: &str) -> Asked {
    let sent = vec![b'x'; ECHO_BYTES];
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {ECHO_BYTES}\r\n\r\n");
    let visit = Visit { head: head.into_bytes(), expected: sent.clone(), sent };
    Asked { name: ECHO, visit, times: 50 }
}

fn stream() -> Asked {
    let head = b"GET /stream HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec();
    let expected = vec![b'x'; PIECE_BYTES * PIECES];
    Asked { name: STREAM, visit: Visit { head, sent: Vec::new(), expected }, times: 10 }
}

/// CPU time of one, in microseconds.
fn measure(server: &Server, asked: &Asked) -> Result<f64> {
    let family = family(server.id())?;
    let mut visitor = Visitor::open(server.address)?;
    let before = cpu_ns(&family)?;
    for _ in 0..asked.times {
        visitor.visit(&asked.visit)?;
    }
    let cpu = cpu_ns(&family)?.saturating_sub(before);
    Ok(cpu as f64 / 1000.0 / f64::from(asked.times))
}

fn tabulate(asked: &Asked, servers: &[Named], samples: &[Vec<f64>], report: &mut Report) {
    let of = |name: &str| {
        let at = servers.iter().position(|(known, _)| *known == name);
        at.map_or(&[][..], |at| &samples[at])
    };
    let columns = ["server", "CPU us: median (min)", "CPU ratio [p10..p90]"];
    let mut table = Table::new(format!("CPU time of a body: {}", asked.name), &columns);
    for (name, _) in servers {
        let (us, over) = (of(name), ratios(of(NATIVE), of(name)));
        let (low, high) = (quantile(&over, 0.1), quantile(&over, 0.9));
        table.row(vec![
            (*name).to_owned(),
            format!("{:.1} ({:.1})", median(us), quantile(us, 0.0)),
            format!("{:.3} [{low:.2}..{high:.2}]", median(&over)),
        ]);
    }
    report.table(table);
    let aa = median(&ratios(of(NATIVE), of(NATIVE_AGAIN)));
    let case = format!("{PLUGIN} / {NATIVE}, CPU, {}", asked.name);
    let row = Row::new("bodies", case, median(&ratios(of(NATIVE), of(PLUGIN))), aa)
        .with("cpu_us", median(of(PLUGIN)))
        .with("native_cpu_us", median(of(NATIVE)));
    report.row(row.judged(Goal::AtLeast(GOAL)));
}

/// How often each byte is copied beyond what hyper does.
fn count_copies(subjects: &[Subject], cores: Cores, report: &mut Report) -> Result<()> {
    let of = |name, asked: &Asked| -> Result<f64> {
        let subject = subjects.iter().find(|subject| subject.name == name);
        eprintln!("{}: copies of {name}", asked.name);
        copying(subject.with_context(|| format!("no `{name}`"))?, cores, &asked.visit)
    };
    if !subjects.iter().any(|subject| subject.name == PLUGIN) {
        return Ok(());
    }
    let (native, again) = (of(NATIVE, &echo("/echo"))?, of(NATIVE_AGAIN, &echo("/echo"))?);
    let whole = of(NATIVE, &echo("/copy"))? - native;
    let mut table = Table::new(
        "Copies of a body".into(),
        &["body", "server", "instructions that copy", "whole copies over native"],
    );
    let aa = 1.0 + (again - native) / whole;
    for (asked, mebibytes) in [(echo("/echo"), 1.0), (stream(), 10.0), (echo("/copy"), 1.0)] {
        let is_control = asked.visit.head.starts_with(b"POST /copy");
        let base = match asked.name {
            ECHO => native,
            _ => of(NATIVE, &asked)?,
        };
        let plugin = of(PLUGIN, &asked)?;
        let copies = (plugin - base) / whole / mebibytes;
        let name = if is_control { "1 MiB, copied by the application" } else { asked.name };
        for (server, count, copies) in [(NATIVE, base, 0.0), (PLUGIN, plugin, copies)] {
            let copies = format!("{copies:.3}");
            table.row(vec![name.into(), server.into(), format!("{count:.0}"), copies]);
        }
        let row = Row::new("bodies", format!("copies in the host, {name}"), copies, aa);
        let row = row.with("instructions", plugin).with("whole_copy_instructions", whole);
        report.row(if is_control { row } else { row.judged(Goal::AtMost(COPIES)) });
    }
    report.table(table);
    Ok(())
}

/// Instructions of one visit in functions that copy memory.
fn copying(subject: &Subject, cores: Cores, visit: &Visit) -> Result<f64> {
    let counted = |visits| {
        let talk = |address| {
            let mut visitor = Visitor::open(address)?;
            (0..visits).try_for_each(|_| visitor.visit(visit))
        };
        Ok::<_, anyhow::Error>(profile_of(subject, cores, talk)?.0)
    };
    let (fewer, more) = (counted(VISITS_FEW)?, counted(VISITS_MANY)?);
    let per_visit = PerRequest::between(&fewer, &more, VISITS_MANY - VISITS_FEW);
    let copies = |name: &str| name.contains("memcpy") || name.contains("memmove");
    Ok(per_visit.own.iter().filter(|(name, _)| copies(name)).map(|(_, cost)| cost).sum())
}

const ECHO: &str = "echo of 1 MiB";
const ECHO_BYTES: usize = 1024 * 1024;
const STREAM: &str = "stream of 10 MiB";
const GOAL: f64 = 0.97;
/// None: less than the heads that are copied with each frame.
const COPIES: f64 = 0.05;
const ROUNDS: usize = 20;
const VISITS_FEW: u32 = 2;
const VISITS_MANY: u32 = 12;
