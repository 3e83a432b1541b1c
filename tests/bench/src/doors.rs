//! What a backend costs behind a front server, by the protocol between the two: CPU time beside
//! others that speak it, user instructions, and the start of a CGI program.

mod backend;
mod cold;
mod front;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use self::backend::{Backend, Kind};
use crate::artifacts::Artifacts;
use crate::cli::Options;
use crate::client::{self, Connection};
use crate::cores::Cores;
use crate::figures::{Goal, median, quantile, ratios};
use crate::instructions;
use crate::process::Server;
use crate::procfs::{cpu_ns, family};
use crate::report::{Report, Row, Table};
use crate::tools::{NGINX, VALGRIND, WRK};
use crate::wrk;

/// Loads every backend through one nginx, round by round; then counts, and starts.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    WRK.find()?;
    NGINX.find()?;
    VALGRIND.find()?;
    let cores = Cores::choose()?;
    let artifacts = (!options.baseline).then(Artifacts::build).transpose()?;
    let ours = artifacts.as_ref();
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    load(ours, cores, rounds, report)?;
    let Some(artifacts) = ours else { return Ok(()) };
    cores.load_from_here()?;
    count(artifacts, cores, report)?;
    cold::run(artifacts, rounds, report)
}

/// A backend that runs, with the address of nginx that leads to it, and what it took.
struct Contender {
    kind: &'static Kind,
    server: Server,
    door: std::net::SocketAddr,
    cpu_us: Vec<f64>,
}

fn load(ours: Option<&Artifacts>, cores: Cores, rounds: usize, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let mut backends = Vec::new();
    for kind in backend::ALL {
        match kind.start(ours, cores, folder.path()) {
            Ok(Backend::Runs(server)) => backends.push((kind, server)),
            Ok(Backend::LeftOut) => {}
            Err(reason) => skip(kind.name, &reason, report),
        }
    }
    let doors: Vec<_> = backends.iter().map(|(kind, server)| (kind.door, server.address)).collect();
    let (_front, addresses) = front::start(cores.load, folder.path(), &doors)?;
    let mut contenders = Vec::new();
    for ((kind, server), door) in backends.into_iter().zip(addresses) {
        check(door).with_context(|| kind.name)?;
        contenders.push(Contender { kind, server, door, cpu_us: Vec::new() });
    }
    report.note(format!(
        "wrk, 64 keep-alive connections to one nginx with one worker, which shares a core with it; \
         {rounds} interleaved rounds of 1 s after one of warm-up; the backend has the other core, \
         and only its CPU time is counted."
    ));
    for round in 0..=rounds {
        eprintln!("round {round}/{rounds}");
        let count = contenders.len();
        for step in 0..count {
            let place = (step + round) % count;
            let place = if round.is_multiple_of(2) { place } else { count - 1 - place };
            contenders[place].measure(cores)?;
        }
        if round == 0 {
            contenders.iter_mut().for_each(|one| one.cpu_us.clear());
        }
    }
    tabulate(&contenders, report);
    Ok(())
}

/// A backend that answers something else, or not at all, must not be measured.
fn check(door: std::net::SocketAddr) -> Result<()> {
    Connection::open(door)?.exchange(&client::request(client::FEW_HEADERS))?;
    Ok(())
}

impl Contender {
    fn measure(&mut self, cores: Cores) -> Result<()> {
        let family = family(self.server.id())?;
        let before = cpu_ns(&family)?;
        let burst = wrk::burst(self.door, cores).with_context(|| self.kind.name)?;
        let cpu = cpu_ns(&family)?.saturating_sub(before);
        self.cpu_us.push(cpu as f64 / 1000.0 / burst.requests);
        Ok(())
    }
}

fn skip(name: &str, reason: &anyhow::Error, report: &mut Report) {
    let line = format!("Missing: {name}: {reason:#}");
    eprintln!("{line}");
    report.note(line);
}

fn tabulate(contenders: &[Contender], report: &mut Report) {
    let by_name: HashMap<_, _> = contenders.iter().map(|one| (one.kind.name, one)).collect();
    let cpu = |name: &str| by_name.get(name).map(|one| &one.cpu_us[..]);
    let ratio = |name, other| Some(ratios(cpu(name)?, cpu(other)?));
    let aa = ratio(backend::AGAIN, backend::FASTCGI).map_or(f64::NAN, |ratios| median(&ratios));
    let mut table = Table::new(
        "CPU time per request behind nginx".into(),
        &["backend", "protocol", "CPU us: median (min)", "CPU ratio to FastCGI [p10..p90]"],
    );
    for kind in backend::ALL {
        let mut cells = vec![kind.name.to_owned(), kind.door.words().to_owned()];
        match cpu(kind.name) {
            Some(us) => {
                cells.push(format!("{:.2} ({:.2})", median(us), quantile(us, 0.0)));
                cells.push(ratio(kind.name, backend::FASTCGI).map_or("-".into(), |ratios| {
                    let (low, high) = (quantile(&ratios, 0.1), quantile(&ratios, 0.9));
                    format!("{:.3} [{low:.2}..{high:.2}]", median(&ratios))
                }));
            }
            None => cells.extend(["missing".to_owned(), "-".to_owned()]),
        }
        table.row(cells);
    }
    report.table(table);
    for (name, other, goal) in CASES {
        let Some(ratios) = ratio(name, other) else { continue };
        let row = Row::new("doors", format!("{name} / {other}, CPU"), median(&ratios), aa)
            .with("cpu_us", cpu(name).map_or(f64::NAN, median))
            .with("other_cpu_us", cpu(other).map_or(f64::NAN, median));
        report.row(match goal {
            Some(limit) => row.judged(Goal::AtMost(limit)),
            None => row,
        });
    }
}

/// User instructions of one request behind nginx, by door.
fn count(artifacts: &Artifacts, cores: Cores, report: &mut Report) -> Result<()> {
    let request = client::request(client::FEW_HEADERS);
    let mut counts = HashMap::new();
    let mut table = Table::new(
        "Instructions per request behind nginx".into(),
        &["backend", "protocol", "instructions"],
    );
    for kind in backend::ALL {
        let Some(subject) = kind.subject(artifacts) else { continue };
        eprintln!("counting: {}", kind.name);
        let count = instructions::per_request_through(&subject, cores, |address, requests| {
            ask(kind, address, cores, &request, requests)
        })?;
        counts.insert(kind.name, count);
        table.row(vec![kind.name.into(), kind.door.words().into(), format!("{count:.0}")]);
    }
    report.table(table);
    let aa = counts[backend::AGAIN] / counts[backend::FASTCGI];
    for name in [backend::FASTCGI, backend::FASTCGI_ONCE, backend::SCGI, backend::UWSGI] {
        let (count, http) = (counts[name], counts[backend::HTTP]);
        let case = format!("{name} / {}, instructions", backend::HTTP);
        let row = Row::new("doors", case, count / http, aa);
        report.row(row.with("instructions", count).with("other_instructions", http));
    }
    Ok(())
}

fn ask(
    kind: &Kind,
    backend: std::net::SocketAddr,
    cores: Cores,
    request: &[u8],
    requests: u32,
) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let (_front, doors) = front::start(cores.load, folder.path(), &[(kind.door, backend)])?;
    let door = doors.first().context("nginx has no door")?;
    let mut connection = Connection::open(*door)?;
    for _ in 0..requests {
        connection.exchange(request)?;
        std::thread::sleep(instructions::PAUSE);
    }
    Ok(())
}

fn folder_of(folder: &Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = folder.join(name.replace([' ', ','], "-"));
    std::fs::create_dir(&folder).with_context(|| format!("no folder for {name}"))?;
    Ok(folder)
}

const CASES: [(&str, &str, Option<f64>); 10] = [
    (backend::AGAIN, backend::FASTCGI, None),
    (backend::FASTCGI, backend::LIBFCGI, Some(1.0)),
    (backend::FASTCGI_ONCE, backend::LIBFCGI_ONCE, Some(1.0)),
    (backend::UWSGI, backend::UWSGI_PEER, Some(0.5)),
    (backend::UWSGI_PEER, backend::LEAST, None),
    (backend::LIBFCGI_ONCE, backend::LEAST, None),
    (backend::UWSGI, backend::LEAST, None),
    (backend::SCGI, backend::FASTCGI_ONCE, None),
    (backend::UWSGI, backend::FASTCGI_ONCE, None),
    (backend::FASTCGI, backend::HTTP, None),
];
const ROUNDS: usize = 20;
