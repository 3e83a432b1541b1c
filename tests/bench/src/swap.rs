//! What replacing an application costs those whom it serves meanwhile.
//!
//! Two figures: the CPU time that a swap takes from a core, which is counted by the kernel and not
//! moved by load; and what clients at a constant rate see while versions are swapped, beside the
//! same clients without swaps. Peers reload the same answer by their own means.

mod load;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use self::load::Seen;
use crate::cli::Options;
use crate::cores::Cores;
use crate::figures::{Goal, median};
use crate::nginx;
use crate::process::Server;
use crate::procfs;
use crate::report::{Report, Row, Table};
use crate::subject::{INLINE, Subject};
use crate::tools::NGINX;

/// Measures the price of a swap, then what clients see of swaps.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    let cores = Cores::choose()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let subjects = Subject::all(options)?;
    let subject = subjects.iter().find(|subject| subject.name == INLINE);
    let subject = subject.context("the host is what is measured: leave --baseline out")?;
    let socket = folder.path().join("control.sock");
    let ours = subject.clone().with(["--control".into(), socket.clone().into_os_string()]);
    let host = ours.start(cores.server, folder.path())?;
    cores.load_from_here()?;
    let control = Control { socket, app: "hello-inline" };
    let library = ours.library().context("the host loads nothing")?;
    // From now on there is a version to go back to.
    control.deploy(library)?;
    price(&host, &control, report)?;

    let mut peers = vec![Peer { name: "dsgi, rollback", swap: Swap::Rollback, server: None }];
    peers.push(Peer { name: "dsgi, deploy", swap: Swap::Deploy, server: None });
    NGINX.find()?;
    let nginx = nginx::start(cores.server, folder.path())?;
    peers.push(Peer { name: "nginx, HUP", swap: Swap::Signal(Signal::HUP), server: Some(nginx) });
    report.note(format!(
        "1,100 requests a second on 16 keep-alive and 4 opening clients, {LENGTH:?} a run, latency \
         from when a request was due; control runs and runs with swaps in turn, {} rounds; the \
         server has one core. Not here: Apache (its one process of this bench does not come back \
         from a graceful restart under load), mod_wsgi, uWSGI, gunicorn, granian, Tomcat.",
        rounds(options)
    ));
    clients(options, &peers, &host, &control, library, report)
}

/// CPU time of the cores' threads for a swap, with nobody asking for anything.
fn price(host: &Server, control: &Control, report: &mut Report) -> Result<()> {
    let mut halves = [0.0; 2];
    for half in &mut halves {
        let before = cores_ns(host.id())?;
        for _ in 0..SWAPS {
            control.rollback()?;
        }
        let spent = cores_ns(host.id())? - before;
        *half = spent / f64::from(SWAPS) / 1_000.0;
    }
    let (us, aa) = (median(&halves), halves[1] / halves[0]);
    let row =
        Row::new("swap", format!("CPU of a core for a swap / {CORE_US} us"), us / CORE_US, aa);
    report.row(row.judged(Goal::AtMost(1.0)).with("us", us));
    let mut table = Table::new(
        String::from("CPU time of a core for a swap"),
        &["swaps", "us a swap, first half", "second half"],
    );
    let [first, second] = halves.map(|half| format!("{half:.1}"));
    table.row(vec![(2 * SWAPS).to_string(), first, second]);
    report.table(table);
    Ok(())
}

fn clients(
    options: &Options,
    peers: &[Peer],
    host: &Server,
    control: &Control,
    library: &Path,
    report: &mut Report,
) -> Result<()> {
    let mut table = Table::new(
        String::from("What clients see"),
        &["server", "swaps a second", "requests", "failed", "cut", "p50 / p99 / p99.9 / max ms"],
    );
    for peer in peers {
        let server = peer.server.as_ref().unwrap_or(host);
        let (mut calm, mut swapped) = (Seen::default(), Seen::default());
        let mut swaps = 0;
        for round in 1..=rounds(options) {
            eprintln!("{}, round {round}/{}", peer.name, rounds(options));
            calm.add(load::run(server.address, LENGTH)?);
            let (seen, count) = under_swaps(peer, server, control, library)?;
            swapped.add(seen);
            swaps += count;
        }
        let length = LENGTH.as_secs_f64() * rounds(options) as f64;
        for (name, seen, swaps) in [("control", &calm, 0), ("swaps", &swapped, swaps)] {
            let ms = |share| format!("{:.2}", seen.quantile(share));
            table.row(vec![
                format!("{}: {name}", peer.name),
                format!("{:.1}", f64::from(swaps) / length),
                seen.requests().to_string(),
                seen.failed.to_string(),
                seen.cut.to_string(),
                format!("{} / {} / {} / {}", ms(0.5), ms(0.99), ms(0.999), ms(1.0)),
            ]);
        }
        let lost = (swapped.failed + swapped.cut) as f64;
        let row = Row::new("swap", format!("{}: failed and cut", peer.name), lost, 1.0)
            .with("failed", swapped.failed as f64)
            .with("cut", swapped.cut as f64)
            .with("p999_ms", swapped.quantile(0.999))
            .with("control_p999_ms", calm.quantile(0.999));
        report.row(if peer.server.is_none() { row.judged(Goal::AtMost(0.0)) } else { row });
    }
    report.table(table);
    Ok(())
}

/// Loads a server while its versions are swapped; what clients saw, and how many swaps there were.
fn under_swaps(
    peer: &Peer,
    server: &Server,
    control: &Control,
    library: &Path,
) -> Result<(Seen, u32)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let swapping = scope.spawn(|| -> Result<u32> {
            let mut swaps = 0;
            let mut due = Instant::now();
            while !over.load(Ordering::Relaxed) {
                peer.swap.run(server, control, library)?;
                swaps += 1;
                due += peer.swap.pause();
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Ok(swaps)
        });
        let seen = load::run(server.address, LENGTH);
        over.store(true, Ordering::Relaxed);
        let swaps = swapping.join().ok().context("the swaps panicked")??;
        Ok((seen?, swaps))
    })
}

/// A server and how its code is replaced.
#[derive(Debug)]
struct Peer {
    name: &'static str,
    swap: Swap,
    /// None is ours.
    server: Option<Server>,
}

#[derive(Clone, Copy, Debug)]
enum Swap {
    /// The previous version again.
    Rollback,
    /// A file, with everything that is looked at before it is opened.
    Deploy,
    Signal(Signal),
}

impl Swap {
    fn run(self, server: &Server, control: &Control, library: &Path) -> Result<()> {
        match self {
            Self::Rollback => control.rollback(),
            Self::Deploy => control.deploy(library),
            Self::Signal(signal) => {
                let id = Pid::from_raw(i32::try_from(server.id())?).context("no process")?;
                Ok(kill_process(id, signal)?)
            }
        }
    }

    /// From one swap to the next.
    const fn pause(self) -> Duration {
        Duration::from_millis(match self {
            Self::Rollback => 10,
            Self::Deploy => 200,
            Self::Signal(_) => 2_000,
        })
    }
}

/// The host's control socket.
#[derive(Debug)]
struct Control {
    socket: PathBuf,
    app: &'static str,
}

impl Control {
    fn rollback(&self) -> Result<()> {
        self.post("rollback", "")
    }

    fn deploy(&self, library: &Path) -> Result<()> {
        let body = serde_json::json!({ "file": library }).to_string();
        self.post("deployments", &body)
    }

    fn post(&self, wish: &str, body: &str) -> Result<()> {
        let mut stream = UnixStream::connect(&self.socket).context("no control socket")?;
        let app = self.app;
        write!(
            stream,
            "POST /v1/apps/{app}/{wish} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "{wish} was answered `{answer}`");
        Ok(())
    }
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

fn rounds(options: &Options) -> usize {
    options.rounds.map_or(ROUNDS, usize::from)
}

const CORE_US: f64 = 200.0;
const SWAPS: u32 = 200;
const ROUNDS: usize = 2;
const LENGTH: Duration = Duration::from_secs(10);
