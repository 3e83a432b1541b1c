//! CPU time per request under load, all servers interleaved in short rounds on one core.
//!
//! Requests per second on a shared machine say little; the CPU time that the kernel charged to
//! the server's threads says more, and its ratio within one round the most.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::Options;
use crate::client::{self, Connection};
use crate::cores::Cores;
use crate::figures::{Goal, median, quantile, ratios};
use crate::process::Server;
use crate::procfs::{cpu_ns, family};
use crate::report::{Report, Row, Table};
use crate::subject::{INLINE, POOL, STATIC, STATIC_AGAIN, Subject};
use crate::tools::{NGINX, WRK};
use crate::{apache, nginx, wrk};

/// Starts every server, loads them in turn, round by round, and judges the medians.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    WRK.find()?;
    NGINX.find()?;
    let cores = Cores::choose()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let mut contenders = start(options, cores, folder.path(), report)?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "wrk, 64 keep-alive connections, one thread on a core of its own; {rounds} interleaved \
         rounds of 1 s after one round of warm-up; the server has one core."
    ));
    for round in 0..=rounds {
        eprintln!("round {round}/{rounds}");
        if let Some(reason) = load_in_turn(&mut contenders, cores, round)? {
            skip(&reason, report);
            contenders.retain(|contender| contender.name != APACHE_ROW);
        }
        if round == 0 {
            // The first round warms caches and heaps up.
            contenders.iter_mut().for_each(|contender| contender.samples.clear());
        }
    }
    tabulate(&contenders, report);
    Ok(())
}

/// One round: a burst for every server. Each round starts with another one and runs the other way
/// round, so that none always follows the same neighbour. Only Apache, which carries no goal, may
/// fail; then the reason is returned.
fn load_in_turn(
    contenders: &mut [Contender],
    cores: Cores,
    round: usize,
) -> Result<Option<anyhow::Error>> {
    let count = contenders.len();
    let mut reason = None;
    for step in 0..count {
        let place = (step + round) % count;
        let place = if round.is_multiple_of(2) { place } else { count - 1 - place };
        let contender = &mut contenders[place];
        match contender.measure(cores) {
            Ok(sample) => contender.samples.push(sample),
            Err(error) if contender.name == APACHE_ROW => reason = Some(error),
            Err(error) => return Err(error),
        }
    }
    Ok(reason)
}

/// A running server and what was measured of it.
#[derive(Debug)]
struct Contender {
    name: &'static str,
    server: Server,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu_us: f64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Contender {
    fn measure(&self, cores: Cores) -> Result<Sample> {
        let family = family(self.server.id())?;
        let before = cpu_ns(&family)?;
        let burst = wrk::burst(self.server.address, cores).with_context(|| self.name)?;
        let cpu = cpu_ns(&family)?.saturating_sub(before);
        Ok(Sample {
            cpu_us: cpu as f64 / 1000.0 / burst.requests,
            per_second: burst.per_second,
            p50_ms: burst.p50_ms,
            p99_ms: burst.p99_ms,
        })
    }

    fn values(&self, field: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(field).collect()
    }
}

fn start(
    options: &Options,
    cores: Cores,
    folder: &Path,
    report: &mut Report,
) -> Result<Vec<Contender>> {
    let mut contenders = Vec::new();
    let mut add = |name, server: Server| -> Result<()> {
        // A server that answers something else, or not at all, must not be measured.
        let request = client::request(client::FEW_HEADERS);
        Connection::open(server.address)?.exchange(&request).with_context(|| name)?;
        contenders.push(Contender { name, server, samples: Vec::new() });
        Ok(())
    };
    for subject in Subject::all(options)? {
        add(subject.name, subject.start(cores.server, folder)?)?;
    }
    add(NGINX_ROW, nginx::start(cores.server, folder)?)?;
    match apache::start(cores.server, folder) {
        Ok(server) => add(APACHE_ROW, server)?,
        Err(reason) => skip(&reason, report),
    }
    Ok(contenders)
}

fn skip(reason: &anyhow::Error, report: &mut Report) {
    let line = format!("Skipped: {APACHE_ROW}: {reason:#}");
    eprintln!("{line}");
    report.note(line);
}

fn tabulate(contenders: &[Contender], report: &mut Report) {
    let by_name: HashMap<_, _> = contenders.iter().map(|one| (one.name, one)).collect();
    let cpu = |name: &str| by_name.get(name).map(|one| one.values(|sample| sample.cpu_us));
    let rate = |name: &str| by_name.get(name).map(|one| one.values(|sample| sample.per_second));
    // Above one: `name` needs less CPU than `other`, or answers more.
    let cpu_ratios = |name, other| Some(ratios(&cpu(other)?, &cpu(name)?));
    let rate_ratio = |name, other| Some(median(&ratios(&rate(name)?, &rate(other)?)));
    let aa = cpu_ratios(STATIC_AGAIN, STATIC).map_or(f64::NAN, |ratios| median(&ratios));

    let mut table = Table::new(
        "CPU time per request".into(),
        &["server", "CPU us: median (min)", "CPU ratio [p10..p90]", "req/s ratio", "p50 / p99 ms"],
    );
    for name in ROWS {
        let (Some(one), Some(ratios)) = (by_name.get(name), cpu_ratios(name, STATIC)) else {
            continue;
        };
        let us = one.values(|sample| sample.cpu_us);
        let (low, high) = (quantile(&ratios, 0.1), quantile(&ratios, 0.9));
        table.row(vec![
            name.to_owned(),
            format!("{:.2} ({:.2})", median(&us), quantile(&us, 0.0)),
            format!("{:.3} [{low:.2}..{high:.2}]", median(&ratios)),
            format!("{:.3}", rate_ratio(name, STATIC).unwrap_or(f64::NAN)),
            format!(
                "{:.2} / {:.2}",
                median(&one.values(|sample| sample.p50_ms)),
                median(&one.values(|sample| sample.p99_ms))
            ),
        ]);
    }
    report.table(table);

    for (name, other, goal) in CASES {
        let Some(ratios) = cpu_ratios(name, other) else { continue };
        let row = Row::new("throughput", format!("{name} / {other}, CPU"), median(&ratios), aa)
            .with("cpu_us", cpu(name).map_or(f64::NAN, |us| median(&us)))
            .with("other_cpu_us", cpu(other).map_or(f64::NAN, |us| median(&us)))
            .with("requests_per_second_ratio", rate_ratio(name, other).unwrap_or(f64::NAN));
        report.row(match goal {
            Some(limit) => row.judged(Goal::AtLeast(limit)),
            None => row,
        });
    }
}

const NGINX_ROW: &str = "nginx";
const APACHE_ROW: &str = "Apache C module";
const ROWS: [&str; 6] = [STATIC, STATIC_AGAIN, INLINE, POOL, NGINX_ROW, APACHE_ROW];
const CASES: [(&str, &str, Option<f64>); 7] = [
    (STATIC_AGAIN, STATIC, None),
    (INLINE, STATIC, Some(0.97)),
    (POOL, INLINE, Some(0.85)),
    (INLINE, NGINX_ROW, Some(0.95)),
    (INLINE, APACHE_ROW, None),
    (NGINX_ROW, STATIC, None),
    (APACHE_ROW, STATIC, None),
];
const ROUNDS: usize = 30;
