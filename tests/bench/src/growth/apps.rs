//! Many applications in one process.
//!
//! Each is an application of its own to the host: tried in a child, opened, started, mounted. How
//! many answer is counted by asking all of them. Then the library of one is replaced in the config,
//! and a HUP has it applied: what it put into service is what the host says that it did.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;

use super::{PATIENCE, POLL, app, mount, status};
use crate::artifacts::Kinds;
use crate::cores::Cores;
use crate::process::Server;
use crate::procfs::{cpu_ns, family, pss_bytes};
use crate::report::{Report, Table};
use crate::subject::Subject;

/// Where they are to run.
pub(super) struct Place<'a> {
    pub(super) host: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) cores: Cores,
}

/// As many applications of each kind as there is room for, up to a thousand.
pub(super) fn measure(place: &Place<'_>, kinds: &Kinds, report: &mut Report) -> Result<()> {
    let mut grown = Table::new(
        "Applications in one process".into(),
        &["kind", "asked for", "in service", "refused, a line each", "PSS of each", "CPU of each"],
    );
    let mut changed = Table::new(
        format!("A reload that changes the library of one of {APPS_CHANGED} applications"),
        &["kind", "versions put into service", "CPU"],
    );
    for (number, (kind, library)) in kinds.0.iter().enumerate() {
        eprintln!("{APPS} applications: {kind}");
        let few = Many::start(place, kind, library, APPS_BEFORE)?;
        few.server.stop()?;
        let all = Many::start(place, kind, library, APPS)?;
        let more = all.in_service.saturating_sub(APPS_BEFORE).max(1) as f64;
        let refused = all.log_lines(OUT_OF_KEYS)?;
        grown.row(vec![
            (*kind).to_owned(),
            APPS.to_string(),
            all.in_service.to_string(),
            refused.len().to_string(),
            format!("{:.0} KB", (all.bytes - few.bytes) / more / 1e3),
            format!("{:.1} ms", (all.cpu_seconds - few.cpu_seconds) / more * 1e3),
        ]);
        if let Some(line) = refused.first() {
            report.note(format!("{kind}: `{line}`"));
        }
        all.server.stop()?;
        eprintln!("{APPS_CHANGED} applications, of which one changes: {kind}");
        let mut some = Many::start(place, kind, library, APPS_CHANGED)?;
        let other = &kinds.0[(number + 1) % kinds.0.len()].1;
        let (versions, cpu_seconds) = some.change_one(other)?;
        let cpu = format!("{:.0} ms", cpu_seconds * 1e3);
        changed.row(vec![(*kind).to_owned(), versions.to_string(), cpu]);
        some.server.stop()?;
    }
    report.table(grown);
    report.table(changed);
    Ok(())
}

/// A host with many applications, what it has used, and how many of them answer.
struct Many {
    server: Server,
    config: PathBuf,
    in_service: usize,
    bytes: f64,
    cpu_seconds: f64,
}

impl Many {
    fn start(place: &Place<'_>, kind: &'static str, library: &Path, apps: usize) -> Result<Self> {
        let config = place.folder.join("apps.toml");
        let mut text = String::new();
        for at in 0..apps {
            let name = format!("app-{at}");
            text.push_str(&app(&name, library));
            text.push_str(&mount(&format!("/{name}"), &name));
        }
        fs::write(&config, text)?;
        let subject = Subject::bare(kind, place.host).with(["--config".into(), (&config).into()]);
        let server = subject.start_within(place.cores.server, place.folder, START)?;
        let mut in_service = 0;
        for at in 0..apps {
            in_service += usize::from(status(server.address, &format!("/app-{at}"))? == 200);
        }
        let members = family(server.id())?;
        let bytes = pss_bytes(&members)? as f64;
        let cpu_seconds = cpu_ns(&members)? as f64 / 1e9;
        Ok(Self { server, config, in_service, bytes, cpu_seconds })
    }

    /// Gives one of them another library: how many versions go into service, and CPU seconds.
    fn change_one(&mut self, library: &Path) -> Result<(usize, f64)> {
        let (named, one) = (format!("[apps.{CHANGED}]\n"), app(CHANGED, library));
        let text = fs::read_to_string(&self.config)?;
        let at = text.find(&named).context("the application is not in the config")?;
        let rest = text[at..].find("[[mount]]").context("it has no mount")?;
        fs::write(&self.config, format!("{}{one}{}", &text[..at], &text[at + rest..]))?;
        let cpu_before = cpu_ns(&family(self.server.id())?)?;
        self.server.signal(Signal::HUP)?;
        let deadline = Instant::now() + PATIENCE;
        while self.log_lines(APPLIED)?.is_empty() {
            ensure!(Instant::now() < deadline, "the reload was not applied");
            ensure!(self.log_lines(NOT_APPLIED)?.is_empty(), "the reload was refused");
            std::thread::sleep(POLL);
        }
        let cpu = cpu_ns(&family(self.server.id())?)?.saturating_sub(cpu_before);
        Ok((self.log_lines(REPLACED)?.len(), cpu as f64 / 1e9))
    }

    fn log_lines(&self, what: &str) -> Result<Vec<String>> {
        let log = self.server.log()?;
        let lines = log.lines().filter(|line| line.contains(what));
        // Without the time in front of it.
        Ok(lines
            .map(|line| line.split_once(' ').map_or(line, |(_, said)| said).trim().into())
            .collect())
    }
}

const APPS: usize = 1_000;
const APPS_BEFORE: usize = 50;
const APPS_CHANGED: usize = 200;
/// The one whose library is replaced.
const CHANGED: &str = "app-100";
const OUT_OF_KEYS: &str = "thread keys of this process are free";
/// What the host says of each version that has come in place of another one, and of a reload.
const REPLACED: &str = " is in service";
const APPLIED: &str = "read again: ";
const NOT_APPLIED: &str = "everything stays as it was";
/// A thousand applications are tried in a thousand children.
const START: Duration = Duration::from_secs(600);
