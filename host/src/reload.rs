//! HUP: reads the config file and every application's file again, and puts what changed into
//! service.
//!
//! A thread of its own does one reload after the other; any number of signals during one is one
//! more. Invariant: a reload happens as a whole or not at all, and it deploys only what was not
//! seen before, so that it never undoes a deploy or a rollback.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use tokio::runtime::{Builder, Runtime};

use crate::apps::{remembered, start_linked, tell_renamed};
use crate::cli::Serve;
use crate::config::{Config, ConfigError, Origin};
use crate::failure::Failure;
use crate::linked::Linked;
use crate::operator::{Kind, Refused, State};
use crate::plan::{Place, Plan};
use crate::platform::signals::{Again, Wish};
use crate::plugin::load::Previous;
use crate::roster::{Part, Roster};
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

/// An application or a layer that comes from a file, as it is to be.
struct Wanted<'a> {
    part: &'a Part,
    file: &'a Path,
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
            Again::heed(Wish::Reload)?
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
        let roster = Roster::of(&config, &mut |file| known_name(file, &before))?;
        config.settings.check_names(&roster.names())?;
        let wanted = wanted(&roster.parts, &before)?;
        let (mut ready, mut staged, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for it in &wanted {
            let spec = it.part.spec(&config);
            match &it.source {
                Some(source) => {
                    let (kept, version) = self.keep(it.file, source, spec)?;
                    staged.extend(version);
                    ready.push(kept);
                }
                None => {
                    let source = self.add(it.part, it.file, spec)?;
                    added.push(Arc::clone(&source.source.slot));
                    ready.push(source);
                }
            }
        }
        let linked = self.linked(&config, &roster.parts)?;
        let started = linked.iter().filter(|one| !self.running.serves(one)).map(|one| {
            let place = Place::Serving(Arc::clone(&one.tenure));
            (one.name.clone(), place)
        });
        let added_places = added.iter().map(|slot| (slot.name.clone(), slot.place()));
        let places: BTreeMap<String, Place> = started.chain(added_places).collect();
        let mounts = roster.mounts.clone();
        let rearrange = |plan: &mut Plan| {
            // A config has one application at each path.
            let _ = plan.rearrange(mounts, places);
        };
        let deployed = together::put(&self.host, staged, rearrange).map_err(said)?;
        // The bytes are kept before their path is known as seen.
        added.iter().for_each(|slot| slot.started(&self.host));
        let removed = self.settle(ready, &before) + self.settle_linked(linked, &roster.parts);
        added.iter().for_each(|slot| running::tell(&self.host.events, &slot.shown()));
        self.tell_what_waits(&config);
        tell_renamed(&roster);
        self.config = config;
        let (deployed, added) = (deployed.len(), added.len());
        Ok(format!("{deployed} deployed, {added} added, {removed} removed"))
    }

    /// What is part of the program, as it is to be.
    fn linked(&self, config: &Config, parts: &[Part]) -> Result<Vec<Arc<Linked>>, Failure> {
        let (before, mut linked) = (self.running.linked(), Vec::new());
        for part in parts {
            let Origin::Linked(kind) = &part.origin else { continue };
            let json = config.settings.json(&part.name);
            linked.push(match before.iter().find(|known| known.is(&part.name, kind, &json)) {
                Some(known) => Arc::clone(known),
                None => start_linked(config, &self.host, part, kind)?,
            });
        }
        Ok(linked)
    }

    /// Notes what is part of the program now; so many have gone.
    fn settle_linked(&self, linked: Vec<Arc<Linked>>, parts: &[Part]) -> usize {
        let before = self.running.linked();
        for one in &linked {
            let part = parts.iter().find(|part| part.name == one.name);
            part.inspect(|part| one.stands_around(&part.mounts));
            if !self.running.serves(one) {
                running::tell(&self.host.events, &one.shown());
            }
        }
        let stays = |gone: &&Arc<Linked>| linked.iter().any(|one| one.name == gone.name);
        let gone = before.iter().filter(|known| !stays(known)).count();
        self.running.set_linked(linked);
        gone
    }

    /// One that stays, and its new version if it needs one.
    fn keep<'a>(
        &self,
        path: &Path,
        source: &'a Arc<Source>,
        spec: Spec,
    ) -> Result<(Ready, Option<Staged<'a>>), Failure> {
        let slot = &source.slot;
        slot.fits(&spec.policy)?;
        let seen = Seen::at(path, &self.host)?;
        let library = seen.as_ref().and_then(|seen| seen.library.clone());
        let is_new = seen.as_ref().is_some_and(|seen| source.is_new(seen));
        let file = Bytes::File(library.unwrap_or_else(|| path.to_path_buf()));
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
        let source = if source.file == path {
            Arc::clone(source)
        } else {
            let (slot, seen) = (Arc::clone(slot), seen.clone().unwrap_or_default());
            Arc::new(Source::new(slot, path.to_path_buf(), SystemTime::now(), seen))
        };
        Ok((Ready { source, spec, seen }, staged))
    }

    /// One that was not there.
    fn add(&self, part: &Part, file: &Path, spec: Spec) -> Result<Ready, Failure> {
        let since = SystemTime::now();
        let (name, mut steps) = (&part.name, Steps::new(&|_| {}));
        let artifact = version::read(&self.host, file, part.kind, &mut steps)?;
        let seen = Seen::read(&artifact.source, &artifact.digest);
        let artifact = remembered(&self.host, part, file, artifact)?;
        // It may have gone by the reload before, and be on its way out.
        alone::wait(name, &artifact, spec.policy.exclusive_hold).map_err(said)?;
        let (host, previous) = (&self.host, Previous::None);
        let version = version::start(host, artifact, name, &spec, previous, &mut steps)?;
        let slot = Arc::new(Slot::new(name.clone(), part.kind, spec.clone(), Ok(version)));
        let source = Source::new(slot, file.to_path_buf(), since, seen.clone());
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

/// What comes from files, each with what it is now.
fn wanted<'a>(parts: &'a [Part], before: &[Arc<Source>]) -> Result<Vec<Wanted<'a>>, Failure> {
    let files = parts.iter().filter_map(|part| match &part.origin {
        Origin::File(file) => Some((part, file)),
        Origin::Linked(_) => None,
    });
    let wanted = files.map(|(part, file)| {
        let source = before.iter().find(|source| source.slot.name == part.name);
        match source {
            Some(source) if source.slot.kind != part.kind => {
                Err(ConfigError::Another { name: part.name.clone() }.into())
            }
            source => Ok(Wanted { part, file, source: source.cloned() }),
        }
    });
    wanted.collect()
}

/// What a file is called that nobody has named: what was read in it at start.
fn known_name(file: &Path, before: &[Arc<Source>]) -> String {
    let known = before.iter().find(|source| source.file == file);
    known.map_or_else(|| file.display().to_string(), |source| source.slot.name.clone())
}

fn said(refused: Refused) -> Failure {
    Failure::from(refused)
}
