//! HUP: reads the config file and every application's file again, and puts what changed into
//! service.
//!
//! A thread of its own does one reload after the other; any number of signals during one is one
//! more. Invariant: a reload happens as a whole or not at all, and it deploys only what was not
//! seen before, so that it never undoes a deploy or a rollback.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use tokio::runtime::{Builder, Runtime};

use crate::apps::{planned_at, remembered, spec_of};
use crate::cli::Serve;
use crate::config::{Config, ConfigError, Mount};
use crate::failure::Failure;
use crate::operator::{Kind, Refused, State};
use crate::plan::{Mount as Planned, Plan};
use crate::platform::signals::Again;
use crate::plugin::load::Previous;
use crate::running::{self, Running};
use crate::slot::alone;
use crate::slot::together::{self, Bytes, Staged};
use crate::slot::version::{self, Steps};
use crate::slot::{Host, Slot, Spec};
use crate::source::{Seen, Source};

/// The signal; from the first moment on it does not end the process.
pub(crate) struct Hup {
    runtime: Runtime,
    signal: Again,
}

/// What a reload begins with.
pub(crate) struct Reload {
    typed: Serve,
    config: Config,
    host: Arc<Host>,
    running: Arc<Running>,
}

/// An application as it is to be.
struct Wanted {
    name: String,
    file: PathBuf,
    mounts: Vec<Mount>,
    /// As it is now.
    source: Option<Arc<Source>>,
}

/// The same, with all that could fail behind it.
struct Ready {
    source: Arc<Source>,
    spec: Spec,
    seen: Option<Seen>,
}

impl Hup {
    pub(crate) fn heed() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signal = {
            let _runtime = runtime.enter();
            Again::heed()?
        };
        Ok(Self { runtime, signal })
    }

    /// Reloads at each signal, until the process ends.
    pub(crate) fn reload(self, mut reload: Reload) -> io::Result<()> {
        let Self { runtime, mut signal } = self;
        let heed = move || {
            while runtime.block_on(signal.next()).is_some() {
                reload.run();
            }
        };
        thread::Builder::new().name(String::from("reload")).spawn(heed).map(drop)
    }
}

impl Reload {
    /// What was typed, and what it meant at start.
    pub(crate) fn new(
        typed: Serve,
        config: Config,
        host: &Arc<Host>,
        running: &Arc<Running>,
    ) -> Self {
        Self { typed, config, host: Arc::clone(host), running: Arc::clone(running) }
    }

    fn run(&mut self) {
        let text = match self.apply() {
            Ok(text) => {
                tracing::info!("read again: {text}");
                text
            }
            Err(failure) => {
                let text = format!("everything stays as it was: {}", failure.one_line());
                tracing::error!("{text}");
                text
            }
        };
        self.host.events.publish(None, Kind::Config, text, []);
    }

    /// Says what has changed.
    fn apply(&mut self) -> Result<String, Failure> {
        let config = Config::resolve(self.typed.clone())?;
        let before = self.running.sources().all();
        let wanted = wanted(&config, &before)?;
        let names: Vec<String> = wanted.iter().map(|app| app.name.clone()).collect();
        config.settings.check_names(&names)?;
        let mounts: Vec<Planned> = wanted
            .iter()
            .flat_map(|app| app.mounts.iter().map(|mount| planned_at(mount, &app.name)))
            .collect();
        let (mut ready, mut staged, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for app in &wanted {
            let spec = spec_of(&config, &app.name, &app.mounts);
            match &app.source {
                Some(source) => {
                    let (kept, version) = self.keep(app, source, spec)?;
                    staged.extend(version);
                    ready.push(kept);
                }
                None => {
                    let source = self.add(app, spec)?;
                    added.push(Arc::clone(&source.source.slot));
                    ready.push(source);
                }
            }
        }
        let places = added.iter().map(|slot| (slot.name.clone(), slot.place())).collect();
        let rearrange = |plan: &mut Plan| {
            // A config has one application at each path.
            let _ = plan.rearrange(mounts, places);
        };
        let deployed = together::put(&self.host, staged, rearrange).map_err(said)?;
        // The bytes are kept before their path is known as seen.
        added.iter().for_each(|slot| slot.started(&self.host));
        let removed = self.settle(ready, &before);
        added.iter().for_each(|slot| running::tell(&self.host.events, &slot.shown()));
        self.tell_what_waits(&config);
        self.config = config;
        let (deployed, added) = (deployed.len(), added.len());
        Ok(format!("{deployed} deployed, {added} added, {removed} removed"))
    }

    /// An application that stays, and its new version if it needs one.
    fn keep<'a>(
        &self,
        app: &Wanted,
        source: &'a Arc<Source>,
        spec: Spec,
    ) -> Result<(Ready, Option<Staged<'a>>), Failure> {
        let slot = &source.slot;
        slot.fits(&spec.policy)?;
        let seen = Seen::at(&app.file, &self.host)?;
        let library = seen.as_ref().and_then(|seen| seen.library.clone());
        let is_new = seen.as_ref().is_some_and(|seen| source.is_new(seen));
        let file = Bytes::File(library.unwrap_or_else(|| app.file.clone()));
        let bytes = if is_new {
            Some(file)
        } else if spec.config == slot.spec().config {
            None
        } else {
            match slot.shown().state {
                State::Serving | State::Deploying | State::Holding => Some(Bytes::Current),
                State::Failed { .. } => Some(file),
                // What it is told is told when it comes back.
                State::Draining | State::Drained | State::Removed => None,
            }
        };
        let staged = bytes.map(|bytes| slot.stage(&self.host, &bytes, spec.clone())).transpose();
        let staged = staged.map_err(said)?;
        let source = if source.file == app.file {
            Arc::clone(source)
        } else {
            let (slot, seen) = (Arc::clone(slot), seen.clone().unwrap_or_default());
            Arc::new(Source::new(slot, app.file.clone(), SystemTime::now(), seen))
        };
        Ok((Ready { source, spec, seen }, staged))
    }

    /// An application that was not there.
    fn add(&self, app: &Wanted, spec: Spec) -> Result<Ready, Failure> {
        let since = SystemTime::now();
        let mut steps = Steps::new(&|_| {});
        let artifact = version::read(&self.host, &app.file, &mut steps)?;
        let seen = Seen::read(&artifact.source, &artifact.digest);
        let artifact = remembered(&self.host, &app.name, &app.file, artifact)?;
        // It may have gone by the reload before, and be on its way out.
        alone::wait(&app.name, &artifact, spec.policy.exclusive_hold).map_err(said)?;
        let (host, previous) = (&self.host, Previous::None);
        let version = version::start(host, artifact, &app.name, &spec, previous, &mut steps)?;
        let slot = Arc::new(Slot::new(app.name.clone(), spec.clone(), Ok(version)));
        let source = Source::new(slot, app.file.clone(), since, seen.clone());
        Ok(Ready { source: Arc::new(source), spec, seen: Some(seen) })
    }

    /// Remembers what is there now, and lets go of what is not; so many have gone.
    fn settle(&self, ready: Vec<Ready>, before: &[Arc<Source>]) -> usize {
        let mut sources = Vec::new();
        for Ready { source, spec, seen } in ready {
            if *source.slot.spec() != spec {
                source.slot.respec(spec);
            }
            if let Some(seen) = seen {
                source.saw_all(seen, &self.host);
            }
            sources.push(source);
        }
        let stays = |gone: &&Arc<Source>| {
            !sources.iter().any(|source| Arc::ptr_eq(&source.slot, &gone.slot))
        };
        let gone: Vec<_> = before.iter().filter(stays).map(Arc::clone).collect();
        self.running.sources().set(sources);
        gone.iter().for_each(|source| self.running.remove(&source.slot));
        gone.len()
    }

    fn tell_what_waits(&self, config: &Config) {
        let of = |config: &Config| {
            (config.listen.clone(), config.control.clone(), Arc::clone(&config.limits))
        };
        if of(config) != of(&self.config) {
            tracing::warn!("what has changed in [server] and [[listen]] needs a new start");
        }
    }
}

/// The applications of a config, each with what it is now.
fn wanted(config: &Config, before: &[Arc<Source>]) -> Result<Vec<Wanted>, ConfigError> {
    config.is_plain()?;
    let mut apps: Vec<Wanted> = Vec::new();
    for mount in &config.mounts {
        let is_it = |source: &&Arc<Source>| match &mount.name {
            Some(name) => source.slot.name == *name,
            // The name is the descriptor's, which was read at start.
            None => source.file == mount.file(),
        };
        let source = before.iter().find(is_it).map(Arc::clone);
        let name = match (&mount.name, &source) {
            (Some(name), _) => name.clone(),
            (None, Some(source)) => source.slot.name.clone(),
            (None, None) => mount.file().display().to_string(),
        };
        match apps.iter_mut().find(|app| app.name == name) {
            Some(app) if app.file == mount.file() => app.mounts.push(mount.clone()),
            Some(app) => {
                let (first, second) = (app.file.display(), mount.file().display());
                return Err(ConfigError::Name {
                    first: first.to_string(),
                    second: second.to_string(),
                    flag: format!("--mount /PATH={name}-2={second}"),
                    name,
                });
            }
            None => {
                let (file, mounts) = (mount.file().to_path_buf(), vec![mount.clone()]);
                apps.push(Wanted { name, file, mounts, source });
            }
        }
    }
    Ok(apps)
}

fn said(refused: Refused) -> Failure {
    Failure::from(refused)
}
