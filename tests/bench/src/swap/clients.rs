//! What clients see of a server while its versions are swapped, beside the same without swaps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::client::Version;
use crate::figures::{Goal, median};
use crate::load::{self, Change, Seen};
use crate::peers::{Kind, Peer, Put, Told};
use crate::report::{Report, Row, Table};

/// The rows of all servers.
pub(super) struct Clients {
    rounds: usize,
    rows: Vec<Row>,
    table: Table,
}

/// All rounds of one server.
#[derive(Default)]
struct Runs {
    /// Before and after the swaps: the A/A pair.
    control: [Seen; 2],
    swapped: Seen,
    asked: usize,
    changes: Vec<Change>,
}

/// A version that was asked for.
#[derive(Clone, Copy)]
struct Asked {
    version: Version,
    at: Instant,
}

impl Clients {
    pub(super) fn new(rounds: usize) -> Self {
        let table = Table::new(
            String::from("What clients see"),
            &[
                "server",
                "swaps a second",
                "requests",
                "failed",
                "cut",
                "p50 / p99 / p99.9 / max ms",
                "ms to the first answer of the new / the last of the old",
            ],
        );
        Self { rounds, rows: Vec::new(), table }
    }

    /// Ours is judged: nothing fails, nothing is cut, and waits grow by no more than the goal.
    pub(super) fn ours(&mut self, name: &str, every: Duration, ours: &mut dyn Peer) -> Result<()> {
        let runs = self.measure(name, every, ours)?;
        let lost = (runs.swapped.failed() + runs.swapped.cut) as f64;
        let row = Row::new("swap", format!("{name}: failed and cut"), lost, 1.0);
        self.rows.push(runs.numbers(row.judged(Goal::AtMost(0.0))));
        let (added, noise) = runs.added_ms();
        let case = format!("{name}: p99.9 added by swaps / {ADDED_MS} ms");
        let row = Row::new("swap", case, added / ADDED_MS, 1.0 + noise / ADDED_MS);
        self.rows.push(row.judged_as_difference(Goal::AtMost(1.0)).with("added_ms", added));
        self.tabulate(name, &runs);
        Ok(())
    }

    /// Others are published.
    pub(super) fn other(&mut self, kind: &Kind, peer: &mut dyn Peer) -> Result<()> {
        let runs = self.measure(kind.name, kind.every, peer)?;
        let lost = (runs.swapped.failed() + runs.swapped.cut) as f64;
        let row = Row::new("swap", format!("{}: failed and cut", kind.name), lost, 1.0);
        let (added, noise) = runs.added_ms();
        self.rows.push(runs.numbers(row).with("added_ms", added).with("noise_ms", noise));
        self.tabulate(kind.name, &runs);
        Ok(())
    }

    /// A server that is not here is named.
    pub(super) fn absent(&mut self, name: &str, why: &anyhow::Error) {
        let why = format!("{name}: {}", why.root_cause());
        self.table.row(std::iter::once(why).chain(vec!["-".to_owned(); 6]).collect());
    }

    pub(super) fn tell(self, report: &mut Report) {
        self.rows.into_iter().for_each(|row| report.row(row));
        report.table(self.table);
    }

    fn measure(&self, name: &str, every: Duration, peer: &mut dyn Peer) -> Result<Runs> {
        // Compilers at run time get to know the work first.
        load::run(peer.server().address, WARM_UP)?;
        let mut runs = Runs::default();
        let mut version = Version::A;
        for round in 1..=self.rounds {
            eprintln!("{name}, round {round}/{}", self.rounds);
            runs.control[0].add(load::run(peer.server().address, LENGTH)?);
            version = runs.swap(every, version, peer)?;
            runs.control[1].add(load::run(peer.server().address, LENGTH)?);
        }
        Ok(runs)
    }

    fn tabulate(&mut self, name: &str, runs: &Runs) {
        let length = LENGTH.as_secs_f64() * self.rounds as f64;
        let [before, after] = &runs.control;
        let rows = [("control", before, 0), ("swaps", &runs.swapped, runs.asked)];
        for (what, seen, swaps) in rows.into_iter().chain([("control again", after, 0)]) {
            let ms = |share| format!("{:.2}", seen.quantile(share));
            self.table.row(vec![
                format!("{name}: {what}"),
                format!("{:.1}", swaps as f64 / length),
                seen.requests().to_string(),
                seen.failed().to_string(),
                seen.cut.to_string(),
                format!("{} / {} / {} / {}", ms(0.5), ms(0.99), ms(0.999), ms(1.0)),
                if swaps == 0 { "-".to_owned() } else { runs.change() },
            ]);
        }
    }
}

impl Runs {
    /// Loads a server while its versions are swapped; returns the one in place.
    fn swap(&mut self, every: Duration, before: Version, peer: &mut dyn Peer) -> Result<Version> {
        let address = peer.server().address;
        let over = AtomicBool::new(false);
        let (asked, seen) = thread::scope(|scope| {
            let load = scope.spawn(|| {
                let seen = load::run(address, LENGTH);
                over.store(true, Ordering::Relaxed);
                seen
            });
            let asked = ask_for_versions(every, before, peer, &over);
            over.store(true, Ordering::Relaxed);
            let seen = load.join().ok().context("the load panicked")??;
            Ok::<_, anyhow::Error>((asked?, seen))
        })?;
        for (number, one) in asked.iter().enumerate() {
            let until = asked.get(number + 1).map_or(one.at + LENGTH, |next| next.at);
            self.changes.extend(seen.change(one.version, one.at, until));
        }
        self.swapped.add(seen);
        self.asked += asked.len();
        Ok(asked.last().map_or(before, |last| last.version))
    }

    /// Milliseconds that swaps add to the 99.9th percentile, and that the control runs differ by.
    fn added_ms(&self) -> (f64, f64) {
        let [before, after] = self.control.each_ref().map(|seen| seen.quantile(0.999));
        (self.swapped.quantile(0.999) - f64::midpoint(before, after), after - before)
    }

    fn numbers(&self, row: Row) -> Row {
        let [before, after] = self.control.each_ref().map(|seen| seen.quantile(0.999));
        row.with("failed", self.swapped.failed() as f64)
            .with("cut", self.swapped.cut as f64)
            .with("p999_ms", self.swapped.quantile(0.999))
            .with("control_p999_ms", before)
            .with("control_again_p999_ms", after)
    }

    /// Medians over all changes.
    fn change(&self) -> String {
        let of =
            |part: fn(&Change) -> f64| median(&self.changes.iter().map(part).collect::<Vec<_>>());
        let seen = format!("{:.1} / {:.1}", of(|one| one.first_ms), of(|one| one.last_ms));
        let missing = self.asked - self.changes.len();
        if missing == 0 { seen } else { format!("{seen}; {missing} of {} never seen", self.asked) }
    }
}

fn ask_for_versions(
    every: Duration,
    before: Version,
    peer: &mut dyn Peer,
    over: &AtomicBool,
) -> Result<Vec<Asked>> {
    let mut asked: Vec<Asked> = Vec::new();
    // The first one after a moment of peace, so that it can be told from the beginning.
    let mut due = Instant::now() + Duration::from_millis(300);
    let mut version = before;
    loop {
        while !over.load(Ordering::Relaxed) && Instant::now() < due {
            thread::sleep(due.saturating_duration_since(Instant::now()).min(POLL));
        }
        if over.load(Ordering::Relaxed) {
            return Ok(asked);
        }
        version = version.other();
        let at = Instant::now();
        let told = peer.put(Put::Sound(version))?;
        ensure!(told == Told::Taken, "a sound version is refused: {told}");
        asked.push(Asked { version, at });
        due = (due + every).max(Instant::now());
    }
}

/// Of each run.
pub(super) const LENGTH: Duration = Duration::from_secs(10);
const WARM_UP: Duration = Duration::from_secs(4);
const POLL: Duration = Duration::from_millis(20);
const ADDED_MS: f64 = 1.0;
