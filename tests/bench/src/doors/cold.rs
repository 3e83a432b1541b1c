//! The start of a CGI program: `host cgi` with the hello beside a program in C that does nothing,
//! in turn.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::backend::compiled;
use crate::artifacts::Artifacts;
use crate::client::BODY;
use crate::figures::{median, quantile, ratios};
use crate::report::{Report, Row, Table};

/// What one start took.
#[derive(Clone, Copy, Debug)]
struct Took {
    wall_us: f64,
    cpu_us: f64,
}

/// Measures both in interleaved rounds; this thread and its children share one core.
pub(super) fn run(artifacts: &Artifacts, rounds: usize, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let empty = compiled("empty.c", folder.path(), &[])?;
    let ours = || {
        let mut command = Command::new(&artifacts.host);
        command.arg("cgi").arg(&artifacts.inline);
        command
    };
    let answer = with_variables(ours()).output().context("`host cgi` did not start")?;
    let text = String::from_utf8_lossy(&answer.stdout);
    ensure!(answer.status.success() && text.ends_with(BODY), "`host cgi` says: {text}");
    let bare = || Command::new(&empty);
    let programs: [(&str, &dyn Fn() -> Command); 3] =
        [(OURS, &ours), (EMPTY, &bare), (EMPTY_AGAIN, &bare)];
    let mut took = [const { Vec::new() }; 3];
    for round in 0..=rounds {
        eprintln!("starts, round {round}/{rounds}");
        for step in 0..programs.len() {
            let place = (step + round) % programs.len();
            let (name, command) = programs[place];
            let one = started(command).with_context(|| name)?;
            // The first round reads the files.
            if round > 0 {
                took[place].push(one);
            }
        }
    }
    tabulate(&took, report);
    Ok(())
}

fn tabulate(took: &[Vec<Took>; 3], report: &mut Report) {
    let values = |place: usize, field: fn(&Took) -> f64| -> Vec<f64> {
        took[place].iter().map(field).collect()
    };
    let mut table = Table::new(
        format!("Start of a CGI program, mean of {STARTS} in a round"),
        &["program", "wall us: median (min)", "CPU us: median (min)"],
    );
    for (place, name) in [OURS, EMPTY, EMPTY_AGAIN].into_iter().enumerate() {
        let cell = |us: &[f64]| format!("{:.0} ({:.0})", median(us), quantile(us, 0.0));
        let (wall, cpu) = (values(place, |one| one.wall_us), values(place, |one| one.cpu_us));
        table.row(vec![name.to_owned(), cell(&wall), cell(&cpu)]);
    }
    report.table(table);
    let walls = [0, 1, 2].map(|place| values(place, |one| one.wall_us));
    let cpus = [0, 1, 2].map(|place| values(place, |one| one.cpu_us));
    for (what, [ours, empty, again]) in [("wall", walls), ("CPU", cpus)] {
        let aa = median(&ratios(&again, &empty));
        let ratio = median(&ratios(&ours, &empty));
        let row = Row::new("doors", format!("{OURS} / {EMPTY}, {what}"), ratio, aa)
            .with("us", median(&ours))
            .with("other_us", median(&empty));
        report.row(row);
    }
}

/// Starts a program so many times, each to its end.
fn started(command: &dyn Fn() -> Command) -> Result<Took> {
    let (before, begin) = (children_ticks()?, Instant::now());
    for _ in 0..STARTS {
        let mut command = with_variables(command());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().context("it did not start")?;
        ensure!(status.success(), "it ended with {status}");
    }
    let wall = begin.elapsed().as_secs_f64() * 1e6;
    let cpu = (children_ticks()? - before) as f64 * TICK_US;
    Ok(Took { wall_us: wall / f64::from(STARTS), cpu_us: cpu / f64::from(STARTS) })
}

/// What a front tells a CGI program, and nothing else.
fn with_variables(mut command: Command) -> Command {
    command.env_clear().stdin(Stdio::null()).envs(VARIABLES);
    command
}

/// The CPU time of all children that have ended: the kernel sums it exactly, and tells it in ticks.
fn children_ticks() -> Result<u64> {
    let stat = fs::read_to_string(Path::new("/proc/self/stat")).context("no /proc/self/stat")?;
    ticks(&stat).context("/proc/self/stat is not understood")
}

fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut children = fields.split_ascii_whitespace().skip(13);
    let [user, system] = [children.next()?, children.next()?];
    Some(user.parse::<u64>().ok()? + system.parse::<u64>().ok()?)
}

const OURS: &str = "`host cgi`";
const EMPTY: &str = "empty program in C";
const EMPTY_AGAIN: &str = "empty program in C again";
const STARTS: u32 = 300;
/// A hundred in a second, whatever the kernel counts in.
const TICK_US: f64 = 10_000.0;
const VARIABLES: [(&str, &str); 11] = [
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/"),
    ("SCRIPT_NAME", ""),
    ("PATH_INFO", "/"),
    ("QUERY_STRING", ""),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_NAME", "localhost"),
    ("SERVER_PORT", "80"),
    ("REMOTE_ADDR", "127.0.0.1"),
    ("HTTP_HOST", "localhost"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_ended_children_is_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 0 0 0 0 0 11 12 130 4 20 0 1 0 5";
        assert_eq!(ticks(stat), Some(134));
        assert_eq!(ticks("7 (a) S 1"), None);
    }
}
