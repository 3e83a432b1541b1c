//! What many mounts and many applications cost in one process.
//!
//! Mounts: a request under ten thousand of them beside one under a single one, the CPU time of
//! applying them, and of a reload that adds one. Applications: the memory of each, for three kinds
//! of library, up to a thousand or to what the process has room for, and what a reload does to them
//! that changes one.

mod apps;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use crate::artifacts::{Artifacts, Kinds};
use crate::cli::Options;
use crate::client;
use crate::cores::Cores;
use crate::figures::{Goal, median, ratios};
use crate::instructions::per_request;
use crate::procfs::{cpu_ns, family};
use crate::report::{Report, Row};
use crate::subject::Subject;
use crate::tools::VALGRIND;

/// Measures mounts, then applications.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    VALGRIND.find()?;
    let cores = Cores::choose()?;
    let Artifacts { host, inline, .. } = Artifacts::build()?;
    let kinds = Kinds::build(&inline)?;
    cores.load_from_here()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    let mounts = Mounts { host: &host, app: &inline, folder: folder.path(), cores };
    mounts.requests(rounds, report)?;
    mounts.applied(rounds, report)?;
    apps::measure(&apps::Place { host: &host, folder: folder.path(), cores }, &kinds, report)
}

/// Hosts that differ by how many mounts one application has.
struct Mounts<'a> {
    host: &'a Path,
    app: &'a Path,
    folder: &'a Path,
    cores: Cores,
}

impl Mounts<'_> {
    /// User instructions of a request at one of many mounts.
    fn requests(&self, rounds: usize, report: &mut Report) -> Result<()> {
        let request = client::request_at(&format!("/m{ASKED}"), client::TWELVE_HEADERS);
        let mut counts: HashMap<&str, Vec<f64>> = HashMap::new();
        for round in 1..=rounds {
            for (name, mounts) in [(ONE, 1), (ONE_AGAIN, 1), (MANY, MOUNTS)] {
                eprintln!("requests, round {round}/{rounds}: {name}");
                let count = per_request(&self.subject(name, mounts)?, self.cores, &request)?;
                counts.entry(name).or_default().push(count);
            }
        }
        let ratio = |name| median(&ratios(&counts[name], &counts[ONE]));
        let row = Row::new("growth", format!("{MANY} / {ONE}"), ratio(MANY), ratio(ONE_AGAIN))
            .judged(Goal::AtMost(GOAL_REQUEST))
            .with("instructions", median(&counts[MANY]))
            .with("one_instructions", median(&counts[ONE]));
        report.row(row);
        Ok(())
    }

    /// CPU time until all mounts are in service, and of a reload that adds one.
    fn applied(&self, rounds: usize, report: &mut Report) -> Result<()> {
        let (mut started, mut again, mut reloaded) = (Vec::new(), Vec::new(), Vec::new());
        for round in 1..=rounds {
            eprintln!("mounts, round {round}/{rounds}");
            let (one, _) = self.start_and_reload(ONE, 1)?;
            let (other, _) = self.start_and_reload(ONE_AGAIN, 1)?;
            let (many, reload) = self.start_and_reload(MANY, MOUNTS)?;
            started.push(many - one);
            again.push(1.0 + (other - one));
            reloaded.push(reload);
        }
        let aa = median(&again);
        for (case, seconds) in [("applied", &started), ("reloaded with one more", &reloaded)] {
            let case = format!("CPU seconds of {MANY}, {case} / 1 s");
            let row = Row::new("growth", case, median(seconds), aa);
            report.row(row.judged_as_difference(Goal::AtMost(GOAL_APPLY)));
        }
        Ok(())
    }

    /// CPU seconds of a start, and of a reload that adds a mount.
    fn start_and_reload(&self, name: &'static str, mounts: usize) -> Result<(f64, f64)> {
        let mut server = self.subject(name, mounts)?.start(self.cores.server, self.folder)?;
        let started = cpu_ns(&family(server.id())?)?;
        let config = self.config(name);
        let more = format!("{}{}", fs::read_to_string(&config)?, mount("/one-more", "app"));
        fs::write(&config, more)?;
        server.signal(Signal::HUP)?;
        let deadline = Instant::now() + PATIENCE;
        while status(server.address, "/one-more")? != 200 {
            ensure!(Instant::now() < deadline, "the reload was not applied");
            std::thread::sleep(POLL);
        }
        let reloaded = cpu_ns(&family(server.id())?)?;
        server.stop()?;
        Ok((started as f64 / 1e9, (reloaded - started) as f64 / 1e9))
    }

    fn subject(&self, name: &'static str, mounts: usize) -> Result<Subject> {
        let mut text = app("app", self.app);
        if mounts == 1 {
            text.push_str(&mount(&format!("/m{ASKED}"), "app"));
        } else {
            (0..mounts).for_each(|at| text.push_str(&mount(&format!("/m{at}"), "app")));
        }
        let config = self.config(name);
        fs::write(&config, text)?;
        Ok(Subject::bare(name, self.host).with(["--config".into(), config.into()]))
    }

    fn config(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.toml", name.replace([' ', ','], "-")))
    }
}

fn app(name: &str, library: &Path) -> String {
    format!("[apps.{name}]\npath = \"{}\"\n", library.display())
}

fn mount(path: &str, app: &str) -> String {
    format!("[[mount]]\npath = \"{path}\"\napp = \"{app}\"\n")
}

/// The status of one answer, on a connection of its own.
fn status(address: SocketAddr, path: &str) -> Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.with_context(|| format!("`{path}` was answered by `{}`", line.trim_end()))
}

const ONE: &str = "1 mount";
const ONE_AGAIN: &str = "1 mount again";
const MANY: &str = "10,000 mounts";
const MOUNTS: usize = 10_000;
/// The mount that is asked, in the middle of the many.
const ASKED: usize = 5_000;
const GOAL_REQUEST: f64 = 1.05;
const GOAL_APPLY: f64 = 1.0;
const ROUNDS: usize = 3;
/// Long, because a busy machine may take its time: what is judged is CPU time.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(5);
