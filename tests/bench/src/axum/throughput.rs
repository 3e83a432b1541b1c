//! CPU time per request of an application of axum under load, all servers in turn on one core.
//!
//! The method of `throughput`: requests per second are told by the CPU time that they took.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use super::{ANSWERS, HEADERS, NATIVE, NATIVE_AGAIN, PLUGIN, SERVE, Visitor, get, subjects};
use crate::cli::Options;
use crate::cores::Cores;
use crate::figures::{Goal, median, quantile, ratios};
use crate::process::Server;
use crate::procfs::{cpu_ns, family};
use crate::report::{Report, Row, Table};
use crate::tools::WRK;
use crate::wrk::{self, Burst};

/// Loads every server with each request, round by round.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    WRK.find()?;
    let cores = Cores::choose()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let started = subjects(options)?.into_iter().map(|subject| {
        let server = subject.start(cores.server, folder.path())?;
        Ok((subject.name, server))
    });
    let servers = started.collect::<Result<Vec<Named>>>()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "wrk, 64 keep-alive connections, one thread on a core of its own; for each answer and \
         number of headers {rounds} interleaved rounds of 1 s after one of warm-up; the server has \
         one core."
    ));
    for (answer, path, expected) in ANSWERS {
        for (headers, fields) in HEADERS {
            let case = format!("{answer}, {headers} headers");
            for (name, server) in &servers {
                let visit = get(path, fields, expected);
                Visitor::open(server.address)?.visit(&visit).context(*name)?;
            }
            let mut samples = vec![Vec::new(); servers.len()];
            for round in 0..=rounds {
                eprintln!("{case}, round {round}/{rounds}");
                for step in 0..servers.len() {
                    // Each round runs the other way round, so that none always follows the same.
                    let place = (step + round) % servers.len();
                    let place = if round % 2 == 0 { place } else { servers.len() - 1 - place };
                    let (name, server) = &servers[place];
                    let ask = |address| wrk::burst_of(address, path, fields, cores);
                    let sample = measure(server, ask).context(*name)?;
                    // The first round warms caches and heaps up.
                    if round > 0 {
                        samples[place].push(sample);
                    }
                }
            }
            tabulate(&case, &servers, &samples, report);
        }
    }
    Ok(())
}

type Named = (&'static str, Server);

#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu_us: f64,
    per_second: f64,
}

fn measure(server: &Server, ask: impl Fn(SocketAddr) -> Result<Burst>) -> Result<Sample> {
    let family = family(server.id())?;
    let before = cpu_ns(&family)?;
    let burst = ask(server.address)?;
    let cpu = cpu_ns(&family)?.saturating_sub(before);
    Ok(Sample { cpu_us: cpu as f64 / 1000.0 / burst.requests, per_second: burst.per_second })
}

fn tabulate(case: &str, servers: &[Named], samples: &[Vec<Sample>], report: &mut Report) {
    let of = |name: &str, field: fn(&Sample) -> f64| -> Vec<f64> {
        let at = servers.iter().position(|(known, _)| *known == name);
        at.map_or_else(Vec::new, |at| samples[at].iter().map(field).collect())
    };
    let cpu = |name| of(name, |sample| sample.cpu_us);
    let rate = |name| of(name, |sample| sample.per_second);
    // Above one: `name` needs less CPU than `other`.
    let over = |name, other| ratios(&cpu(other), &cpu(name));
    let columns = ["server", "CPU us: median (min)", "CPU ratio [p10..p90]", "req/s ratio"];
    let mut table = Table::new(format!("CPU time per request: {case}"), &columns);
    for (name, _) in servers {
        let (us, to_native) = (cpu(name), over(name, NATIVE));
        let (low, high) = (quantile(&to_native, 0.1), quantile(&to_native, 0.9));
        table.row(vec![
            (*name).to_owned(),
            format!("{:.2} ({:.2})", median(&us), quantile(&us, 0.0)),
            format!("{:.3} [{low:.2}..{high:.2}]", median(&to_native)),
            format!("{:.3}", median(&ratios(&rate(name), &rate(NATIVE)))),
        ]);
    }
    report.table(table);
    let aa = median(&over(NATIVE_AGAIN, NATIVE));
    for (other, goal) in [(NATIVE, 0.90), (SERVE, 1.00)] {
        let rate_ratio = median(&ratios(&rate(PLUGIN), &rate(other)));
        let case = format!("{PLUGIN} / {other}, CPU, {case}");
        let row = Row::new("axum-throughput", case, median(&over(PLUGIN, other)), aa)
            .with("cpu_us", median(&cpu(PLUGIN)))
            .with("other_cpu_us", median(&cpu(other)))
            .with("requests_per_second_ratio", rate_ratio);
        report.row(row.judged(Goal::AtLeast(goal)));
    }
}

const ROUNDS: usize = 10;
