//! The named place of an application or a layer: what serves there, what served before, and what
//! comes next.
//!
//! `turn` lets one deploy in at a time, `version` makes a file a started version, `deploy` puts it
//! into service and takes the other out, `handover` carries state from one to the next, `window`
//! watches for a while. Where two versions must not run side by side, which `alone` knows, there is
//! a `gap` between them. Invariant: what serves is changed under the lock of its slot, so a slot
//! and the host's mounts never disagree.

pub(crate) mod alone;
mod deploy;
mod gap;
mod handover;
mod remember;
pub(crate) mod together;
mod turn;
pub(crate) mod version;
mod window;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use self::handover::Estate;
use self::turn::{Busy, Turns};
use self::version::Version;
use crate::crate_dir::Profile;
use crate::gate::Gate;
use crate::limits::{EXCLUSIVE_HOLD, Limits};
use crate::moment::Moment;
use crate::operator::{self, Build, Events, Hold, Kept, Refused, Retained, State, Verdict};
use crate::plan::Place;
use crate::plugin::artifact::{Artifact, Staging};
use crate::plugin::inspect::Kind;
use crate::plugin::load;
use crate::plugin::probe::{TooDeep, Wish};
use crate::plugin::retire::{self, Fate};
use crate::state::State as StateFolder;
use crate::switch::Switch;
use crate::tenure::{DebugHeaders, Tenure};

/// What all slots of a host share.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) switch: Arc<Switch>,
    pub(crate) staging: Staging,
    pub(crate) limits: Arc<Limits>,
    pub(crate) profile: Profile,
    pub(crate) debug_headers: DebugHeaders,
    pub(crate) events: Events,
    /// What is kept for the next host, if that was asked for.
    pub(crate) state: Option<StateFolder>,
}

/// The place of one application, or of one layer.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    spec: Mutex<Arc<Spec>>,
    turns: Turns,
    held: Mutex<Held>,
    /// What came of windows; none while one is open.
    verdicts: Mutex<BTreeMap<u64, Option<Verdict>>>,
    judged: Condvar,
}

/// What its user says of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// Where it answers, or what it stands around: paths, the root as `/`.
    pub(crate) mounts: Vec<String>,
    /// Its config, as JSON.
    pub(crate) config: String,
    pub(crate) policy: Policy,
}

/// How versions of an application are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// How the previous version is kept.
    pub(crate) keep_previous: Keep,
    /// So many panics within the window take the previous version back.
    pub(crate) panics: u64,
    pub(crate) window: Duration,
    /// How long requests wait where one version must end before the next one starts.
    pub(crate) exclusive_hold: Duration,
    /// How far a probe goes; as far as the library lets it, if nothing is said.
    pub(crate) probe: Option<Wish>,
}

/// What is kept of the previous version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    File,
    Standby,
    Nothing,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            keep_previous: Keep::File,
            panics: 5,
            window: Duration::from_secs(10),
            exclusive_hold: EXCLUSIVE_HOLD,
            probe: None,
        }
    }
}

impl Policy {
    /// What it says and cannot be done with this library, which is no reason to refuse it.
    pub(crate) fn remark(&self, app: &str, artifact: &Artifact) -> Option<String> {
        let standby = self.keep_previous == Keep::Standby && alone::is_alone(artifact);
        standby.then(|| {
            format!(
                "a standby would be a second version of `{app}` that runs, of which only one \
                 may: the version before is kept as a file"
            )
        })
    }

    /// Whether what it says can be done with this library.
    pub(crate) fn fits(&self, artifact: &Artifact) -> Result<(), TooDeep> {
        load::depth(artifact, self.probe.as_ref()).map(drop)
    }
}

#[derive(Debug)]
struct Held {
    standing: Standing,
    current: Option<Version>,
    previous: Option<Before>,
    leaving: Vec<Leaving>,
    estate: Estate,
    /// Digests that must not be taken into service again, and why.
    quarantine: BTreeMap<String, String>,
}

/// What stands at the mounts.
#[derive(Clone, Debug)]
enum Standing {
    Serving,
    /// Requests wait: one version ends before another one starts.
    Holding(Arc<Gate>),
    /// It was taken out of service.
    Out,
    /// Nothing could be put there.
    Failed(String),
}

/// The previous version.
#[derive(Debug)]
enum Before {
    File(Arc<Artifact>),
    Standby(Version),
}

/// A version that is out of service, and may have work in hand.
#[derive(Debug)]
struct Leaving {
    tenure: Weak<Tenure>,
    /// Alive until others have noted its end.
    present: Weak<()>,
    /// Alive until it was told.
    telling: Weak<()>,
    /// Alive as long as state goes into it or out of it.
    handing: Weak<()>,
    build: Build,
    since: Moment,
}

impl Slot {
    /// One that serves, or says why not.
    pub(crate) fn new(
        name: String,
        kind: Kind,
        spec: Spec,
        started: Result<Version, String>,
    ) -> Self {
        let (standing, current) = match started {
            Ok(version) => (Standing::Serving, Some(version)),
            Err(why) => (Standing::Failed(why), None),
        };
        let held = Held {
            standing,
            current,
            previous: None,
            leaving: Vec::new(),
            estate: Estate::default(),
            quarantine: BTreeMap::new(),
        };
        let (turns, held) = (Turns::default(), Mutex::new(held));
        let (verdicts, judged) = (Mutex::default(), Condvar::new());
        let spec = Mutex::new(Arc::new(spec));
        Self { name, kind, spec, turns, held, verdicts, judged }
    }

    /// What is to stand at its mounts.
    pub(crate) fn place(&self) -> Place {
        match &self.lock().current {
            Some(version) => Place::Serving(Arc::clone(&version.tenure)),
            None => Place::Out(self.out("is not in service")),
        }
    }

    /// What is said at its mounts while it does not serve. A layer that does not serve lets nobody
    /// by: it may be what asks for a password.
    pub(super) fn out(&self, how: &str) -> Arc<str> {
        match self.kind {
            Kind::Application => format!("the application {how}").into(),
            Kind::Layer => format!("the layer `{}` {how}", self.name).into(),
        }
    }

    /// What its user says of it.
    pub(crate) fn spec(&self) -> Arc<Spec> {
        Arc::clone(&self.spec.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its user says something else, which holds from the next version on.
    pub(crate) fn respec(&self, spec: Spec) {
        *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(spec);
    }

    /// Whether what its user is to say of it can be done with the version that serves.
    pub(crate) fn fits(&self, policy: &Policy) -> Result<(), TooDeep> {
        self.lock().current.as_ref().map_or(Ok(()), |version| policy.fits(&version.artifact))
    }

    /// The application as its operator sees it.
    pub(crate) fn shown(&self) -> operator::App {
        let mut held = self.lock();
        let retained = held.retained(&self.name);
        let current = held.current.as_ref();
        let work = current.map(|version| version.tenure.work());
        operator::App {
            name: self.name.clone(),
            kind: role(self.kind),
            mounts: self.spec().mounts.clone(),
            state: held.state(self.turns.busy()),
            current: current.map(|version| version.build.clone()),
            since: current.map(|version| version.since),
            layout: current.map(|version| version.layout.clone()),
            in_flight: work.map(|work| work.in_flight).or_else(|| held.waiting()),
            requests: work.map(|work| work.requests),
            panics: work.map(|work| work.panics),
            previous: held.previous.as_ref().map(Before::shown),
            retained,
        }
    }

    /// What holds a version that is leaving.
    fn what_holds(&self, build: &Build) -> String {
        let held = self.lock();
        let leaving = held.leaving.iter().find(|it| it.build.generation == build.generation);
        leaving.map_or_else(|| String::from("it has not ended"), Leaving::reason)
    }

    /// What is out of service and has work in hand.
    pub(crate) fn leaving(&self) -> Vec<Retained> {
        self.lock().leaving()
    }

    /// Gives up all that it holds, at the end of the host.
    pub(crate) fn clear(&self) {
        let mut held = self.lock();
        held.estate = Estate::Closed;
        let given_up = (held.current.take(), held.previous.take());
        drop(held);
        if let Some(version) = &given_up.0 {
            version.tenure.panics().give_up();
        }
        drop(given_up);
    }

    /// What came of the window of a generation; waits until it is over.
    pub(crate) fn verdict(&self, generation: u64) -> Verdict {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match verdicts.get(&generation) {
                Some(Some(verdict)) => return verdict.clone(),
                Some(None) => {
                    verdicts = self.judged.wait(verdicts).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    return Verdict::Undecided {
                        why: format!("generation {generation} has no window"),
                    };
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn state(&self, busy: Busy) -> State {
        match (&self.standing, busy) {
            (Standing::Serving, Busy::Deploying) => State::Deploying,
            (Standing::Serving, Busy::Idle) => State::Serving,
            (Standing::Holding(_), _) => State::Holding,
            (Standing::Failed(why), _) => State::Failed { why: why.clone() },
            (Standing::Out, _) => {
                let at_work = |leaving: &Leaving| leaving.tenure.strong_count() > 0;
                if self.leaving.iter().any(at_work) { State::Draining } else { State::Drained }
            }
        }
    }

    /// Requests that wait.
    fn waiting(&self) -> Option<u64> {
        match &self.standing {
            Standing::Holding(gate) => u64::try_from(gate.held()).ok(),
            Standing::Serving | Standing::Out | Standing::Failed(_) => None,
        }
    }

    /// Generations that are out of service and not gone.
    fn retained(&mut self, app: &str) -> Vec<Retained> {
        let mut retained = self.leaving();
        // Seen there first: one that goes from there to here is in one of both.
        let known: Vec<_> = retained.iter().map(|it| it.build.generation).collect();
        let ended = ended().filter(|(of, it)| of == app && !known.contains(&it.build.generation));
        retained.extend(ended.map(|(_, retained)| retained));
        retained
    }

    /// Those that have work in hand.
    fn leaving(&mut self) -> Vec<Retained> {
        self.leaving.retain(|leaving| leaving.present.strong_count() > 0);
        let leaving = self.leaving.iter().map(|leaving| {
            let (build, since) = (leaving.build.clone(), leaving.since);
            Retained { build, state: Hold::Draining, reason: leaving.reason(), since }
        });
        leaving.collect()
    }
}

impl Leaving {
    fn of(version: &Version, telling: Weak<()>) -> Self {
        let (tenure, present) = (Arc::downgrade(&version.tenure), version.tenure.present());
        let (handing, build) = (Arc::downgrade(&version.handing), version.build.clone());
        Self { tenure, present, telling, handing, build, since: Moment::now() }
    }

    /// What holds it.
    fn reason(&self) -> String {
        let tenure = self.tenure.upgrade();
        let requests = tenure.as_ref().map_or(0, |tenure| tenure.work().in_flight);
        let at_work = |tenure: &Arc<Tenure>| tenure.quiet(Instant::now()).is_err();
        match requests {
            1 => String::from("1 request in hand"),
            2.. => format!("{requests} requests in hand"),
            0 if self.telling.strong_count() > 0 => String::from("its drain has not returned"),
            // Its client was answered by the host, or has left.
            0 if tenure.as_ref().is_some_and(at_work) => {
                String::from("a call of it has not returned")
            }
            0 if self.handing.strong_count() > 0 => {
                String::from("a hand-over of its state has not returned")
            }
            // Its bytes may still be on their way, or it keeps what it was lent.
            0 => String::from(
                "an exchange, a block or a waker of a request that has ended is still held",
            ),
        }
    }
}

/// Generations of every application that nobody works in any more and that are not gone.
pub(crate) fn ended() -> impl Iterator<Item = (String, Retained)> {
    retire::retained().into_iter().filter_map(|retired| {
        let (state, reason) = match retired.fate {
            Fate::Waiting(why) => (Hold::Draining, why),
            Fate::Pinned(why) => (Hold::Pinned, why),
            Fate::Gone => return None,
        };
        let (version, digest) = (retired.version, retired.digest);
        let build = Build { version, digest, generation: retired.number };
        Some((retired.app, Retained { build, state, reason, since: Moment::of(retired.since) }))
    })
}

impl Before {
    fn artifact(&self) -> &Arc<Artifact> {
        match self {
            Self::File(artifact) => artifact,
            Self::Standby(version) => &version.artifact,
        }
    }

    fn shown(&self) -> operator::Previous {
        let kept = match self {
            Self::File(_) => Kept::File,
            Self::Standby(_) => Kept::Standby,
        };
        let artifact = self.artifact();
        let version = artifact.facts.descriptor.version.clone();
        operator::Previous { version, digest: artifact.digest.clone(), kept }
    }
}

/// A kind as its operator sees it.
pub(crate) const fn role(kind: Kind) -> operator::Role {
    match kind {
        Kind::Application => operator::Role::Application,
        Kind::Layer => operator::Role::Layer,
    }
}

/// The part of a digest that people read.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// That the host ends is all that keeps a switch from changing.
impl From<crate::switch::Ended> for Refused {
    fn from(_: crate::switch::Ended) -> Self {
        Self::ShuttingDown
    }
}
