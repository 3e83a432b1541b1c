//! CPU time of a body: files of 10 MiB and of 64 KiB, beside nginx that sends the same ones.
//!
//! nginx is asked twice: with `sendfile on`, where the kernel hands the pages of the file to the
//! socket, as it does for us, and with `sendfile off`, where they pass through the server. All
//! files are in memory. The client reads and drops what it gets, on a core of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::artifacts;
use crate::axum;
use crate::cli::Options;
use crate::cores::Cores;
use crate::figures::{Goal, median, quantile, ratios};
use crate::nginx;
use crate::process::{START_DEADLINE, Server, pinned};
use crate::procfs::{cpu_ns, family};
use crate::report::{Report, Row, Table};
use crate::tools::NGINX;

/// Asks every server for every file, round by round.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    NGINX.find()?;
    let cores = Cores::choose()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let files = folder.path().join("files");
    fs::create_dir(&files).context("no folder for the files")?;
    for file in FILES {
        fs::write(files.join(file.name), vec![b'x'; file.bytes]).context("no file")?;
    }
    let servers = start(options, cores, folder.path(), &files)?;
    cores.load_from_here()?;
    let rounds = options.rounds.map_or(ROUNDS, usize::from);
    report.note(format!(
        "One keep-alive connection; {rounds} interleaved rounds of 200 MiB in files of 10 MiB and \
         20 MiB in files of 64 KiB after one round of warm-up; the server has one core."
    ));
    for file in FILES {
        let samples = interleaved(file.name, &servers, rounds, |server| measure(server, &file))?;
        tabulate(&file, &servers, &samples, report);
    }
    drop(servers);
    axum::run_streams(options, cores, report)
}

/// A file, and how often it is asked for in a round.
struct Asked {
    name: &'static str,
    bytes: usize,
    times: u32,
}

pub(crate) type Named = (&'static str, Server);

/// What is measured of each server, in rounds that begin with another one each time; the first one
/// warms caches up and does not count.
pub(crate) fn interleaved(
    what: &str,
    servers: &[Named],
    rounds: usize,
    measure: impl Fn(&Server) -> Result<f64>,
) -> Result<Vec<Vec<f64>>> {
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 0..=rounds {
        eprintln!("{what}: round {round}/{rounds}");
        for step in 0..servers.len() {
            let place = (step + round) % servers.len();
            let measured = measure(&servers[place].1)?;
            if round > 0 {
                samples[place].push(measured);
            }
        }
    }
    Ok(samples)
}

fn start(options: &Options, cores: Cores, folder: &Path, files: &Path) -> Result<Vec<Named>> {
    let mut servers = Vec::new();
    let sendfile = |name: &'static str, setting: &str| -> Result<Named> {
        let place = format!("{setting}; root {}", files.display());
        let own = folder.join(name.replace([' ', ','], "-"));
        fs::create_dir(&own).context("no folder for nginx")?;
        Ok((name, nginx::start_serving(cores.server, &own, &place)?))
    };
    servers.push(sendfile(OFF, "sendfile off")?);
    servers.push(sendfile(OFF_AGAIN, "sendfile off")?);
    servers.push(sendfile(ON, "sendfile on")?);
    if !options.baseline {
        let (host, library) = artifacts::static_files()?;
        let mut command = pinned(cores.server, &host)?;
        command.args(["--listen", "127.0.0.1:0", "--load"]).arg(library);
        command.arg("--set").arg(format!("static.root={}", files.display()));
        let server = Server::announcing(command, &folder.join("host.log"), START_DEADLINE);
        servers.push((HOST, server.context("`host`")?));
    }
    Ok(servers)
}

/// CPU time of a file, in microseconds.
fn measure(server: &Server, file: &Asked) -> Result<f64> {
    let family = family(server.id())?;
    let mut client = Client::open(server.address)?;
    let before = cpu_ns(&family)?;
    for _ in 0..file.times {
        client.get(file)?;
    }
    let cpu = cpu_ns(&family)?.saturating_sub(before);
    Ok(cpu as f64 / 1000.0 / f64::from(file.times))
}

struct Client {
    stream: TcpStream,
    room: Vec<u8>,
}

impl Client {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("no connection")?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, room: vec![0; 256 * 1024] })
    }

    /// Reads one answer, which must be the whole file.
    fn get(&mut self, file: &Asked) -> Result<()> {
        write!(self.stream, "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", file.name)?;
        let mut head = Vec::new();
        let end = loop {
            let read = self.stream.read(&mut self.room)?;
            ensure!(read > 0, "the connection ended");
            head.extend_from_slice(&self.room[..read]);
            match head.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None if head.len() > 64 * 1024 => bail!("a head without end"),
                None => {}
            }
        };
        let text = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
        let length = format!("content-length: {}\r\n", file.bytes);
        ensure!(text.starts_with("http/1.1 200 ") && text.contains(&length), "{text}");
        let mut left = file.bytes.checked_sub(head.len() - end).context("too many bytes")?;
        while left > 0 {
            let read = self.stream.read(&mut self.room)?;
            ensure!(read > 0, "the connection ended {left} bytes short");
            left = left.checked_sub(read).context("too many bytes")?;
        }
        Ok(())
    }
}

fn tabulate(file: &Asked, servers: &[Named], samples: &[Vec<f64>], report: &mut Report) {
    let of = |name: &str| {
        let at = servers.iter().position(|(known, _)| *known == name);
        at.map_or(&[][..], |at| &samples[at])
    };
    let aa = median(&ratios(of(OFF_AGAIN), of(OFF)));
    let title = format!("CPU time of a file of {}", file.name);
    let head = ["server", "CPU us: median (min)", "ratio to sendfile off [p10..p90]"];
    let mut table = Table::new(title, &head);
    for (name, _) in servers {
        let (us, over) = (of(name), ratios(of(name), of(OFF)));
        let (low, high) = (quantile(&over, 0.1), quantile(&over, 0.9));
        table.row(vec![
            (*name).to_owned(),
            format!("{:.1} ({:.1})", median(us), quantile(us, 0.0)),
            format!("{:.3} [{low:.2}..{high:.2}]", median(&over)),
        ]);
    }
    report.table(table);
    for other in [OFF, ON] {
        let case = format!("{HOST} / {other}, CPU, {}", file.name);
        let row = Row::new("bodies", case, median(&ratios(of(HOST), of(other))), aa)
            .with("cpu_us", median(of(HOST)))
            .with("other_cpu_us", median(of(other)));
        report.row(row.judged(Goal::AtMost(1.0)));
    }
}

const HOST: &str = "plugin `static`";
const OFF: &str = "nginx, sendfile off";
const OFF_AGAIN: &str = "nginx, sendfile off, again";
const ON: &str = "nginx, sendfile on";
const FILES: [Asked; 2] = [
    Asked { name: "10-MiB", bytes: 10 * 1024 * 1024, times: 20 },
    Asked { name: "64-KiB", bytes: 64 * 1024, times: 320 },
];
const ROUNDS: usize = 20;
const DEADLINE: Duration = Duration::from_secs(20);
