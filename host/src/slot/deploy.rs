//! Puts a version into service, and takes the one before out of it.

use std::sync::{Arc, MutexGuard, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::handover::Hung;
use super::remember::Remembered;
use super::version::{self, Steps, Version};
use super::{Before, Held, Host, Keep, Leaving, Slot, Standing, short};
use crate::clock;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::operator::{
    App, Build, Deployed, Deployment, Kind, Progress, Quarantine, Refused, Verdict,
};
use crate::plan::Place;
use crate::plugin::load::Previous;
use crate::switch::Changed;
use crate::tenure::Tenure;

/// How long a swap waits for cores before it says that one of them is held.
/// `host ps` waits for that too.
pub(super) const SWAP: Duration = Duration::from_secs(2);

impl Slot {
    /// Takes another version into service; returns once it is live.
    pub(crate) fn deploy(
        self: &Arc<Self>,
        host: &Arc<Host>,
        deployment: &Deployment,
        progress: &dyn Fn(Progress),
    ) -> Result<Deployed, Refused> {
        let mut steps = Steps::new(progress);
        let file = deployment.file.display();
        self.tell(host, Kind::DeployStarted, format!("`{file}` is on its way"), None);
        let deployed = self.take_turn(&mut steps, |steps| {
            let artifact = version::read(host, &deployment.file, self.kind, steps)?;
            self.allowed(&artifact.digest, deployment.quarantine)?;
            let named = artifact.facts.descriptor.name.clone();
            let previous = self.previous();
            version::probe(host, &artifact, &self.name, &self.spec(), steps)?;
            let probed = format!("`{}` passed its probe", short(&artifact.digest));
            self.tell(host, Kind::Probed, probed, None);
            let artifact = Arc::new(artifact);
            let deployed = if self.excludes(&artifact) {
                self.replace(host, artifact, Why::Asked, steps)?
            } else {
                let config = &self.spec().config;
                let version = version::open(host, artifact, &self.name, config, previous, steps)?;
                let version = self.hand_over(host, version, steps)?;
                self.put(host, version, Why::Asked, steps)?
            };
            Ok(Deployed { descriptor_name: (named != self.name).then_some(named), ..deployed })
        });
        deployed.inspect_err(|refused| self.not_deployed(host, refused))
    }

    /// Takes the previous version into service again; returns once it is live.
    pub(crate) fn roll_back(
        self: &Arc<Self>,
        host: &Arc<Host>,
        progress: &dyn Fn(Progress),
    ) -> Result<Deployed, Refused> {
        let mut steps = Steps::new(progress);
        let deployed =
            self.take_turn(&mut steps, |steps| self.go_back(host, Why::RolledBack, steps));
        deployed.inspect_err(|refused| self.not_deployed(host, refused))
    }

    /// Takes the application out of service; what is in hand goes on.
    pub(crate) fn drain(self: &Arc<Self>, host: &Arc<Host>) -> Result<App, Refused> {
        let mut held = self.lock();
        let why = self.out("was taken out of service");
        host.switch.put(&self.name, &Place::Out(why), Instant::now() + SWAP)?;
        if matches!(held.standing, Standing::Serving | Standing::Holding(_)) {
            held.standing = Standing::Out;
            if let Some(version) = held.current.take() {
                version.tenure.panics().give_up();
                // `rollback` brings it back, whatever the policy for a version that is replaced.
                held.previous = Some(Before::File(Arc::clone(&version.artifact)));
                self.bequeath(host, &version);
                leave(&mut held, &version, host.limits.drain_timeout);
            }
        }
        drop(held);
        self.tell(host, Kind::Draining, "it was taken out of service".to_owned(), None);
        Ok(self.shown())
    }

    /// Takes back a version that spent its panics, if it still serves.
    pub(super) fn take_back(
        self: &Arc<Self>,
        host: &Arc<Host>,
        build: &Build,
        why: &str,
    ) -> Verdict {
        let mut steps = Steps::new(&|_| {});
        self.lock().quarantine.insert(build.digest.clone(), why.to_owned());
        let digest = short(&build.digest).to_owned();
        self.tell(host, Kind::Quarantined, format!("`{digest}` is in quarantine: {why}"), None);
        // A deploy that is at work ends this version too, or finds that it cannot.
        let _turn = self.runs_alone().then(|| self.turns.take_last());
        match self.go_back(host, Why::Lost(build, why), &mut steps) {
            Ok(_) => {
                // Where there is nothing to go back to, it is better than nothing at a start.
                self.remember_bad(host, build, why);
                Verdict::RolledBack { why: why.to_owned() }
            }
            Err(refused) => {
                let why = format!("{why}, and the version before was not put back: {refused}");
                tracing::error!(app = self.name, "{why}");
                Verdict::Undecided { why }
            }
        }
    }

    fn take_turn<T>(
        &self,
        steps: &mut Steps<'_>,
        work: impl FnOnce(&mut Steps<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let note = || steps.note(format!("another deploy of `{}` is at work", self.name));
        let overtaken = |_| Refused::Superseded { app: self.name.clone() };
        let _turn = self.turns.take(note).map_err(overtaken)?;
        work(steps)
    }

    pub(super) fn allowed(&self, digest: &str, quarantine: Quarantine) -> Result<(), Refused> {
        let mut held = self.lock();
        match (held.quarantine.get(digest), quarantine) {
            (Some(why), Quarantine::Respect) => Err(self.quarantined(digest, why)),
            (Some(_), Quarantine::Lift) => {
                held.quarantine.remove(digest);
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }

    fn quarantined(&self, digest: &str, why: &str) -> Refused {
        let (app, digest, why) = (self.name.clone(), short(digest).to_owned(), why.to_owned());
        Refused::Quarantined { app, digest, why }
    }

    pub(super) fn previous(&self) -> Previous {
        match self.lock().standing {
            Standing::Serving => Previous::Running,
            Standing::Holding(_) | Standing::Out | Standing::Failed(_) => Previous::None,
        }
    }

    /// Puts the previous version into service. It passed its probe when it was new. One that hangs
    /// when it is to take state over is started once more, from nothing: the way back must be open
    /// whatever the state is.
    fn go_back(
        self: &Arc<Self>,
        host: &Arc<Host>,
        why: Why<'_>,
        steps: &mut Steps<'_>,
    ) -> Result<Deployed, Refused> {
        let held = self.lock();
        self.still_serves(&held, why)?;
        let artifact = held.previous.as_ref().map(|before| Arc::clone(before.artifact()));
        if let Some(artifact) = &artifact
            && let Some(found) = held.quarantine.get(&artifact.digest)
        {
            return Err(self.quarantined(&artifact.digest, found));
        }
        drop(held);
        match artifact.filter(|artifact| self.excludes(artifact)) {
            Some(artifact) => {
                let again = artifact.again(&host.staging).map_err(Failure::from)?;
                self.replace(host, Arc::new(again), why, steps)
            }
            None => {
                let version = self.before(host, steps)?;
                let version = match self.hand_over(host, version, steps) {
                    Ok(version) => version,
                    Err(Hung { artifact, inherited, .. }) => {
                        self.lock().previous.get_or_insert(Before::File(artifact));
                        Version { inherited, ..self.before(host, steps)? }
                    }
                };
                self.put(host, version, why, steps)
            }
        }
    }

    /// The previous version, started again.
    fn before(&self, host: &Host, steps: &mut Steps<'_>) -> Result<Version, Refused> {
        let mut held = self.lock();
        let previous = held.previous.take();
        drop(held);
        let artifact = match previous {
            None => return Err(Refused::NoPrevious { app: self.name.clone() }),
            Some(Before::Standby(version)) => {
                let tenure = match version.tenure.again() {
                    Ok(tenure) => tenure,
                    Err(error) => {
                        self.lock().previous.get_or_insert(Before::Standby(version));
                        return Err(Failure::from(error).into());
                    }
                };
                tenure.generation().resume();
                return Ok(Version { tenure, ..version });
            }
            Some(Before::File(artifact)) => artifact,
        };
        let opened = artifact.again(&host.staging).map_err(Failure::from).and_then(|again| {
            let (again, previous) = (Arc::new(again), self.previous());
            version::open(host, again, &self.name, &self.spec().config, previous, steps)
        });
        if opened.is_err() {
            // It is still what a rollback takes.
            self.lock().previous.get_or_insert(Before::File(artifact));
        }
        Ok(opened?)
    }

    /// Puts a started version into service.
    fn put(
        self: &Arc<Self>,
        host: &Arc<Host>,
        version: Version,
        why: Why<'_>,
        steps: &mut Steps<'_>,
    ) -> Result<Deployed, Refused> {
        let held = self.lock();
        self.still_serves(&held, why)?;
        // It may have come there while this one was on its way.
        if let (Why::Asked | Why::RolledBack, Some(found)) =
            (why, held.quarantine.get(&version.build.digest))
        {
            return Err(self.quarantined(&version.build.digest, found));
        }
        let place = Place::Serving(Arc::clone(&version.tenure));
        let until = Instant::now() + SWAP;
        note_later(steps.run("swap", || host.switch.put(&self.name, &place, until))?, steps);
        Ok(self.took(host, held, version, why, steps))
    }

    /// Remembers what stands at the mounts now, and what it has replaced.
    pub(super) fn took(
        self: &Arc<Self>,
        host: &Arc<Host>,
        mut held: MutexGuard<'_, Held>,
        version: Version,
        why: Why<'_>,
        steps: &mut Steps<'_>,
    ) -> Deployed {
        let new = version.build.clone();
        let panics = Arc::clone(version.tenure.panics());
        let bytes = version.artifact.file.clone();
        let inherited = version.inherited.clone();
        let version = Version { since: Moment::now(), ..version };
        held.standing = Standing::Serving;
        let old = held.current.replace(version);
        // Before the old one may go and the window be over: nobody hears of an end before the
        // beginning.
        self.tell(host, why.kind(), why.text(&new), Some(&new));
        let mut in_flight_on_old = 0;
        let old = old.map(|old| {
            in_flight_on_old = old.tenure.work().in_flight;
            let build = old.build.clone();
            self.replaced(host, &mut held, old, why);
            build
        });
        let retained = held.retained(&self.name).len();
        let late = held.estate.claim(&inherited);
        drop(held);
        self.merge_late(host, late);
        if retained > host.limits.retained {
            let text = format!(
                "{retained} generations of `{}` are out of service and still mapped",
                self.name
            );
            tracing::warn!(app = self.name, "{text}: `host ps` says why; a new process frees them");
            steps.note(text);
        }
        if let Remembered::No(text) = self.remember_swap(host, &new, &bytes) {
            steps.note(format!("it is live, and a start of the host would not know it: {text}"));
        }
        self.open_window(host, &new, panics);
        let (app, steps) = (self.name.clone(), std::mem::take(&mut steps.done));
        Deployed { app, old, new, steps, in_flight_on_old, descriptor_name: None }
    }

    /// Takes a version out of service whose place is taken, and keeps of it what is to be kept.
    fn replaced(self: &Arc<Self>, host: &Arc<Host>, held: &mut Held, old: Version, why: Why<'_>) {
        old.tenure.panics().give_up();
        self.bequeath(host, &old);
        match self.keeps(why) {
            Keep::Standby => {
                tell_drain(&old.tenure, host.limits.drain_timeout);
                let tenure = old.tenure.at_rest();
                held.previous = Some(Before::Standby(Version { tenure, ..old }));
                return;
            }
            Keep::File => held.previous = Some(Before::File(Arc::clone(&old.artifact))),
            Keep::Nothing => held.previous = None,
        }
        leave(held, &old, host.limits.drain_timeout);
    }

    /// How a version is kept that is replaced.
    pub(super) fn keeps(&self, why: Why<'_>) -> Keep {
        match why {
            // Nobody wants to go back to it.
            Why::Lost(..) => Keep::Nothing,
            Why::Asked | Why::RolledBack => self.spec().policy.keep_previous,
        }
    }

    /// One that was found wanting is replaced only while it serves.
    pub(super) fn still_serves(&self, held: &Held, why: Why<'_>) -> Result<(), Refused> {
        let serving = held.current.as_ref().map(|version| version.build.generation);
        match why {
            Why::Lost(build, _) if serving != Some(build.generation) => {
                Err(Refused::Superseded { app: self.name.clone() })
            }
            Why::Asked | Why::RolledBack | Why::Lost(..) => Ok(()),
        }
    }

    fn not_deployed(&self, host: &Host, refused: &Refused) {
        if let Refused::Superseded { .. } = refused {
            self.tell(host, Kind::Superseded, refused.to_string(), None);
        } else {
            tracing::error!(app = self.name, "not deployed: {refused}");
            self.tell(host, Kind::Refused, refused.to_string(), None);
        }
    }

    pub(super) fn tell(&self, host: &Host, kind: Kind, text: String, build: Option<&Build>) {
        if let Some(build) = build {
            let (version, digest) = (&build.version, short(&build.digest));
            tracing::info!(
                app = self.name,
                generation = build.generation,
                version,
                digest,
                "{text}"
            );
        }
        let fields = build.into_iter().flat_map(|build| {
            [
                ("version", build.version.clone().into()),
                ("digest", build.digest.clone().into()),
                ("generation", build.generation.into()),
            ]
        });
        host.events.publish(Some(&self.name), kind, text, fields);
    }
}

/// Why a version is put into service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why<'a> {
    Asked,
    RolledBack,
    /// The one that serves, if it still does, was found wanting, and why.
    Lost(&'a Build, &'a str),
}

impl Why<'_> {
    const fn kind(self) -> Kind {
        match self {
            Self::Asked => Kind::Deployed,
            Self::RolledBack | Self::Lost(..) => Kind::RolledBack,
        }
    }

    fn text(self, new: &Build) -> String {
        let version = &new.version;
        match self {
            Self::Asked => format!("version {version} is in service"),
            Self::RolledBack => format!("version {version} serves again"),
            Self::Lost(_, why) => format!("version {version} serves again: {why}"),
        }
    }
}

/// Takes a version out of service: its application is told, and it goes with its last lease.
pub(super) fn leave(held: &mut Held, version: &Version, deadline: Duration) -> Weak<()> {
    let telling = tell_drain(&version.tenure, deadline);
    held.leaving.push(Leaving::of(version, Weak::clone(&telling)));
    telling
}

/// Says that a core takes the new mounts later.
pub(super) fn note_later(changed: Changed, steps: &Steps<'_>) {
    if changed == Changed::Later {
        steps.note(String::from("an application holds a core, which swaps when it is free"));
    }
}

/// Tells an application that no new requests will come, on a thread of its own: it may take its
/// time.
fn tell_drain(tenure: &Arc<Tenure>, deadline: Duration) -> Weak<()> {
    say_farewell(tenure, deadline);
    let (tenure, told) = (Arc::clone(tenure), Arc::new(()));
    let telling = Arc::downgrade(&told);
    let tell = move || {
        tenure.drain(deadline);
        drop(told);
    };
    if let Err(error) = thread::Builder::new().name(String::from("drain")).spawn(tell) {
        tracing::warn!("an application was not told to drain: {error}");
    }
    telling
}

/// Lets what has no end of its own end with the drain timeout, unless the tenure is back by then.
fn say_farewell(tenure: &Arc<Tenure>, deadline: Duration) {
    let (moved, tenure) = (tenure.moves(), Arc::downgrade(tenure));
    clock::later(deadline, move || {
        let Some(tenure) = tenure.upgrade() else { return };
        let (app, told) = (tenure.name(), tenure.farewell(moved));
        if told > 0 {
            let generation = tenure.generation().number();
            tracing::info!(
                app,
                generation,
                "{told} connections and streams end with their version"
            );
        }
    });
}
