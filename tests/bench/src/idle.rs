//! Memory of an idle keep-alive connection that has served one request.
//!
//! The growth of the proportional share (PSS) of the whole server over many connections; the
//! first ones are opened before the first reading, so that nothing done once is counted.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::cli::Options;
use crate::client::{self, Connection};
use crate::cores::Cores;
use crate::figures::{Goal, median, ratios};
use crate::procfs::{family, pss_bytes};
use crate::report::{Report, Row, Table};
use crate::subject::{INLINE, STATIC, STATIC_AGAIN, Subject};

/// Measures every subject, each round with a new process.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    allow_open_files(u64::from(CONNECTIONS) + 200)?;
    let cores = Cores::choose()?;
    let subjects = Subject::all(options)?;
    cores.load_from_here()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "PSS growth over {CONNECTIONS} connections after {CONNECTIONS_BEFORE}, each having served \
         one request with 12 headers; one core; median of {rounds} rounds; 1 KB = 1000 bytes."
    ));
    let mut bytes: HashMap<&str, Vec<f64>> = HashMap::new();
    for round in 1..=rounds {
        for subject in &subjects {
            eprintln!("round {round}/{rounds}: {}", subject.name);
            bytes.entry(subject.name).or_default().push(measure(subject, cores)?);
        }
    }
    tabulate(&subjects, &bytes, report);
    Ok(())
}

fn measure(subject: &Subject, cores: Cores) -> Result<f64> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let server = subject.start(cores.server, folder.path())?;
    let mut open = Vec::new();
    connect(&server.address, CONNECTIONS_BEFORE, &mut open)?;
    let before = pss_bytes(&family(server.id())?)?;
    connect(&server.address, CONNECTIONS, &mut open)?;
    let after = pss_bytes(&family(server.id())?)?;
    drop(open);
    server.stop()?;
    Ok((after as f64 - before as f64) / f64::from(CONNECTIONS))
}

fn connect(address: &std::net::SocketAddr, count: u32, open: &mut Vec<Connection>) -> Result<()> {
    let request = client::request(client::TWELVE_HEADERS);
    for _ in 0..count {
        let mut connection = Connection::open(*address)?;
        connection
            .exchange(&request)
            .with_context(|| format!("with {} connections open", open.len()))?;
        open.push(connection);
    }
    std::thread::sleep(SETTLE);
    Ok(())
}

fn tabulate(subjects: &[Subject], bytes: &HashMap<&str, Vec<f64>>, report: &mut Report) {
    let values = |name: &str| bytes.get(name).map_or(&[][..], Vec::as_slice);
    let over_static = |name: &str| median(&ratios(values(name), values(STATIC)));
    let aa = over_static(STATIC_AGAIN);
    let mut table = Table::new(
        "Memory of an idle keep-alive connection".into(),
        &["server", "bytes per connection", "over static", "ratio to static"],
    );
    for subject in subjects {
        let name = subject.name;
        let figure = median(values(name));
        table.row(vec![
            name.to_owned(),
            format!("{figure:.0}"),
            format!("{:+.0}", figure - median(values(STATIC))),
            format!("{:.3}", over_static(name)),
        ]);
        let case = format!("{name} / 13 KB per connection");
        let row = Row::new("idle", case, figure / GOAL_BYTES, aa)
            .with("bytes", figure)
            .with("ratio_to_static", over_static(name));
        let judged = name == INLINE;
        report.row(if judged { row.judged(Goal::AtMost(1.0)) } else { row });
    }
    report.table(table);
}

/// Raises the limit of open files, which the servers inherit.
fn allow_open_files(count: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    if maximum.is_some_and(|maximum| maximum < count) {
        bail!("{count} open files are needed; help: raise the hard limit, `ulimit -H -n {count}`");
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum })
        .context("the limit of open files cannot be raised")
}

const GOAL_BYTES: f64 = 13_000.0;
const CONNECTIONS: u32 = 2000;
const CONNECTIONS_BEFORE: u32 = 100;
const ROUNDS: usize = 3;
// Time for a server to finish what it does after the answer, such as giving back its exchange.
const SETTLE: Duration = Duration::from_millis(300);
