//! What clients see of a version that is broken: how many of their requests fail until it is
//! mended, and whether mending it is enough.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::cli::Replacing;
use crate::client::Version;
use crate::cores::Cores;
use crate::figures::Goal;
use crate::load::{self, CLIENTS, Seen};
use crate::peers::ours::{self, By, Libraries, Ours};
use crate::peers::{Fault, OTHERS, Peer, Put, Told};
use crate::process::Fate;
use crate::report::{Report, Row, Table};
use crate::subject::{INLINE, Subject};

/// Breaks every server in every way that is natural to it, each time a new process.
pub(crate) fn run(replacing: &Replacing, report: &mut Report) -> Result<()> {
    let cores = Cores::choose()?;
    let subjects = Subject::all(&replacing.options)?;
    let subject = subjects.iter().find(|subject| subject.name == INLINE);
    let folder = tempfile::tempdir().context("no temporary folder")?;
    cores.load_from_here()?;
    report.note(format!(
        "1,100 requests a second on 16 keep-alive and 4 opening clients for {:?}; after {BEFORE:?} \
         a version is put in place in the way of the server's users, after {BROKEN:?} more a sound \
         one; failed are requests that were due between the two, after one retry where an idle \
         connection was cut; the server has one core. `a sound version` is the control.",
        BEFORE + BROKEN + AFTER
    ));
    let mut table = Table::new(
        String::from("What clients see of a broken version"),
        &["server", "put in place", "told", "requests", "failed", "share", "p99 ms", "once mended"],
    );
    if let Some(subject) = subject
        && replacing.wants("dsgi")
    {
        let libraries = Libraries::build(subject, folder.path())?;
        for fault in cases(ours::FAULTS) {
            let folder = tempfile::tempdir().context("no temporary folder")?;
            let by = By::Deploy;
            let mut ours = Ours::start((subject, &libraries), cores.server, folder.path(), by)?;
            let outcome = outcome("dsgi", &mut ours, fault)?;
            report.row(outcome.judged(fault));
            table.row(outcome.cells("dsgi", fault));
        }
    }
    for kind in OTHERS.iter().filter(|kind| replacing.wants(kind.name)) {
        for fault in cases(kind.faults) {
            let folder = tempfile::tempdir().context("no temporary folder")?;
            match kind.start(cores.server, folder.path()) {
                Ok(mut peer) => {
                    let outcome = outcome(kind.name, &mut *peer, fault)?;
                    report.row(outcome.row(kind.name, fault));
                    table.row(outcome.cells(kind.name, fault));
                }
                Err(why) => {
                    let why = format!("{}: {}", kind.name, why.root_cause());
                    table.row(std::iter::once(why).chain(vec!["-".to_owned(); 7]).collect());
                    break;
                }
            }
        }
    }
    report.table(table);
    Ok(())
}

/// The control, which is no fault, and the faults.
fn cases(faults: &[Fault]) -> impl Iterator<Item = Option<Fault>> {
    std::iter::once(None).chain(faults.iter().copied().map(Some))
}

/// What came of a version.
#[derive(Debug)]
struct Outcome {
    told: Told,
    requests: usize,
    failed: usize,
    p99_ms: f64,
    mended: Mended,
}

/// What came of mending it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mended {
    /// No request failed from so many milliseconds after on.
    Well(f64),
    /// Some failed until the end, and there is a process still.
    Fails,
    Ended,
}

fn outcome(name: &str, peer: &mut dyn Peer, fault: Option<Fault>) -> Result<Outcome> {
    eprintln!("{name}: {}", called(fault));
    let address = peer.server().address;
    // Always another one than what is in place.
    let sound = if fault.is_none() { Version::A } else { Version::B };
    let (seen, told, broken, mended) = thread::scope(|scope| {
        let load = scope.spawn(|| load::run(address, BEFORE + BROKEN + AFTER));
        let begin = Instant::now();
        let mut put = || -> Result<_> {
            thread::sleep(BEFORE);
            let broken = Instant::now();
            let told = peer.put(fault.map_or(Put::Sound(Version::B), Put::Broken))?;
            thread::sleep((begin + BEFORE + BROKEN).saturating_duration_since(Instant::now()));
            let mended = Instant::now();
            let then = peer.put(Put::Sound(sound))?;
            if then != Told::Taken {
                eprintln!("{name} does not take a sound version: {then}");
            }
            Ok((told, broken, mended))
        };
        let put = put();
        let seen = load.join().ok().context("the load panicked")??;
        let (told, broken, mended) = put?;
        Ok::<_, anyhow::Error>((seen, told, broken, mended))
    })?;
    if let Told::Refused(why) = &told {
        eprintln!("{name}: told `{why}`");
    }
    let meanwhile = seen.between(broken, mended);
    Ok(Outcome {
        told,
        requests: meanwhile.requests(),
        failed: meanwhile.failed(),
        p99_ms: meanwhile.quantile(0.99),
        mended: healed(&seen, mended, peer.server().fate()?),
    })
}

fn healed(seen: &Seen, mended: Instant, fate: Fate) -> Mended {
    match (fate, seen.last_failure()) {
        (Fate::Ended, _) => Mended::Ended,
        (Fate::Runs, Some(last)) if last + QUIET > mended + AFTER => Mended::Fails,
        (Fate::Runs, last) => {
            let after = last.map(|last| last.saturating_duration_since(mended));
            Mended::Well(after.unwrap_or_default().as_secs_f64() * 1_000.0)
        }
    }
}

fn called(fault: Option<Fault>) -> String {
    fault.map_or_else(|| String::from("a sound version"), |fault| fault.to_string())
}

impl Outcome {
    /// Of ours nothing fails, but for panics that no trial can see: as many as take a version
    /// back, and one for each client that is asking meanwhile.
    fn judged(&self, fault: Option<Fault>) -> Row {
        match fault {
            // A wild pointer is not contained, and nobody promises that.
            Some(Fault::LateCallsCrash) => self.row("dsgi", fault),
            Some(Fault::LateCalls) => {
                let most = PANICS + CLIENTS;
                let case = format!("dsgi: {}: failed / {most}", called(fault));
                let ratio = self.failed as f64 / f64::from(most);
                let row = Row::new("broken-deploy", case, ratio, 1.0).judged(Goal::AtMost(1.0));
                self.with_numbers(row)
            }
            _ => self.row("dsgi", fault).judged(Goal::AtMost(0.0)),
        }
    }

    fn share(&self) -> f64 {
        self.failed as f64 / self.requests as f64
    }

    fn row(&self, name: &str, fault: Option<Fault>) -> Row {
        let case = format!("{name}: {}: share failed", called(fault));
        self.with_numbers(Row::new("broken-deploy", case, self.share(), 1.0))
    }

    fn with_numbers(&self, row: Row) -> Row {
        row.with("requests", self.requests as f64).with("failed", self.failed as f64)
    }

    fn cells(&self, name: &str, fault: Option<Fault>) -> Vec<String> {
        vec![
            name.to_owned(),
            called(fault),
            match self.told {
                Told::Taken => String::from("-"),
                Told::Refused(_) => String::from("refused"),
                Told::NoAnswer => String::from("no answer"),
            },
            self.requests.to_string(),
            self.failed.to_string(),
            format!("{:.2} %", self.share() * 100.0),
            format!("{:.1}", self.p99_ms),
            match self.mended {
                Mended::Well(0.0) => String::from("well"),
                Mended::Well(after) => format!("well after {after:.0} ms"),
                Mended::Fails => String::from("fails on"),
                Mended::Ended => String::from("gone: no process"),
            },
        ]
    }
}

/// The panics that take a version back.
const PANICS: u32 = 5;
const BEFORE: Duration = Duration::from_secs(1);
// Some let old processes serve for seconds before they show what came of it.
const BROKEN: Duration = Duration::from_secs(10);
const AFTER: Duration = Duration::from_secs(5);
/// Without a failure for so long at the end, it is well.
const QUIET: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(failed: usize) -> Outcome {
        Outcome { told: Told::Taken, requests: 1_000, failed, p99_ms: 0.5, mended: Mended::Fails }
    }

    fn verdict(failed: usize, fault: Option<Fault>) -> serde_json::Value {
        serde_json::to_value(outcome(failed).judged(fault)).unwrap()["verdict"].clone()
    }

    #[test]
    fn one_request_that_fails_is_a_goal_missed() {
        for fault in cases(ours::FAULTS) {
            let wanted = match fault {
                Some(Fault::LateCallsCrash) => ["null", "null"],
                Some(Fault::LateCalls) => ["\"held\"", "\"held\""],
                _ => ["\"held\"", "\"missed\""],
            };
            let found = [0, 1].map(|failed| verdict(failed, fault).to_string());
            assert_eq!(found, wanted, "{}", called(fault));
        }
        assert_eq!(verdict(25, Some(Fault::LateCalls)), "held");
        assert_eq!(verdict(26, Some(Fault::LateCalls)), "missed");
    }

    #[test]
    fn a_share_is_of_the_requests_meanwhile() {
        let cells = outcome(125).cells("nginx", Some(Fault::Syntax));
        let wanted = ["nginx", "syntax error", "-", "1000", "125", "12.50 %", "0.5", "fails on"];
        assert_eq!(cells, wanted);
        let well = Outcome { mended: Mended::Well(0.0), ..outcome(0) };
        assert_eq!(well.cells("nginx", None)[7], "well");
    }
}
