//! What replacing an application costs those whom it serves meanwhile.
//!
//! Two figures: the CPU time that a swap takes from a core, which is counted by the kernel and not
//! moved by load; and what clients at a constant rate see while versions are swapped, beside the
//! same clients without swaps. Peers reload the same answer by their own means.

mod clients;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::clients::Clients;
use crate::cli::Replacing;
use crate::cores::Cores;
use crate::figures::{Goal, median};
use crate::peers::ours::{By, Libraries, Ours};
use crate::peers::{OTHERS, Peer, Told};
use crate::procfs;
use crate::report::{Report, Row, Table};
use crate::subject::{INLINE, Subject};

/// Measures the price of a swap, then what clients see of swaps.
pub(crate) fn run(replacing: &Replacing, report: &mut Report) -> Result<()> {
    let cores = Cores::choose()?;
    let subjects = Subject::all(&replacing.options)?;
    let subject = subjects.iter().find(|subject| subject.name == INLINE);
    let folder = tempfile::tempdir().context("no temporary folder")?;
    cores.load_from_here()?;
    let rounds = replacing.options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "1,100 requests a second on 16 keep-alive and 4 opening clients, {:?} a run, latency from \
         when a request was due; a control run, one with swaps and another control run, {rounds} \
         rounds; the server has one core, and each starts after the one before has ended.",
        clients::LENGTH
    ));
    let mut clients = Clients::new(rounds);
    if let Some(subject) = subject {
        let libraries = Libraries::build(subject, folder.path())?;
        for (name, by, every) in OURS.into_iter().filter(|ours| replacing.wants(ours.0)) {
            let folder = tempfile::tempdir().context("no temporary folder")?;
            let mut ours = Ours::start((subject, &libraries), cores.server, folder.path(), by)?;
            if by == By::Rollback {
                price(&mut ours, report)?;
            }
            clients.ours(name, every, &mut ours)?;
        }
    }
    for kind in OTHERS.iter().filter(|kind| replacing.wants(kind.name)) {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        match kind.start(cores.server, folder.path()) {
            Ok(mut peer) => clients.other(kind, &mut *peer)?,
            Err(why) => clients.absent(kind.name, &why),
        }
    }
    clients.tell(report);
    Ok(())
}

/// CPU time of the cores' threads for a swap, with nobody asking for anything.
fn price(ours: &mut Ours<'_>, report: &mut Report) -> Result<()> {
    let mut halves = [Vec::new(), Vec::new()];
    let id = ours.server().id();
    for block in 0..BLOCKS {
        let before = cores_ns(id)?;
        for _ in 0..SWAPS {
            let told = ours.rollback()?;
            ensure!(told == Told::Taken, "a rollback is refused: {told}");
        }
        let spent = cores_ns(id)? - before;
        halves[block % 2].push(spent / f64::from(SWAPS) / 1_000.0);
    }
    let [even, odd] = halves.each_ref().map(|half| median(half));
    let (us, aa) = (f64::midpoint(even, odd), odd / even);
    let case = format!("CPU of a core for a swap / {CORE_US} us");
    let row = Row::new("swap", case, us / CORE_US, aa).judged_by_margin(Goal::AtMost(1.0));
    report.row(row.with("us", us));
    let mut table = Table::new(
        String::from("CPU time of a core for a swap"),
        &["swaps", "us a swap, even blocks", "odd blocks"],
    );
    let swaps = SWAPS * BLOCKS as u32;
    table.row(vec![swaps.to_string(), format!("{even:.1}"), format!("{odd:.1}")]);
    report.table(table);
    Ok(())
}

/// CPU time of the threads named after cores, in nanoseconds.
fn cores_ns(id: u32) -> Result<f64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let task = task?.path();
        // A thread may end meanwhile; cores do not.
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        if name.starts_with("core ") {
            sum += procfs::run_time_ns(&fs::read_to_string(task.join("schedstat"))?)?;
        }
    }
    Ok(sum as f64)
}

const OURS: [(&str, By, Duration); 2] = [
    ("dsgi, rollback", By::Rollback, Duration::from_millis(10)),
    ("dsgi, deploy", By::Deploy, Duration::from_millis(200)),
];
const CORE_US: f64 = 200.0;
const SWAPS: u32 = 40;
const BLOCKS: usize = 10;
const ROUNDS: usize = 2;
