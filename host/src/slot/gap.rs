//! The gap between two versions of an application that must not run side by side.
//!
//! A gate stands at the mounts, where requests wait, while the old version ends and the new one
//! starts. Invariant: whatever comes of it, the gate opens, to the new version, to the old one, or
//! to the reason why there is none; and what has not become quiet has not been ended.

use std::sync::{Arc, MutexGuard, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::alone::{LOOK, not_quiet, until};
use super::deploy::{SWAP, Why, leave, note_later};
use super::version::{self, Steps, Version};
use super::{Before, Held, Host, Keep, Slot, Standing};
use crate::failure::Failure;
use crate::gate::Gate;
use crate::operator::{Build, Deployed, Kind, Refused};
use crate::plan::Place;
use crate::plugin::alive;
use crate::plugin::artifact::Artifact;
use crate::plugin::load::Previous;
use crate::shutdown::within;
use crate::switch::{Changed, Closed, Ended, Switch};
use crate::tenure::Tenure;

const DRAINED: &str = "it was taken out of service meanwhile";

/// The time between two versions of an application, in which its requests wait.
#[derive(Debug)]
pub(super) struct Gap<'a> {
    slot: &'a Arc<Slot>,
    closed: Closed,
    hold: Duration,
    until: Instant,
    old: Old,
}

/// What stood there before.
#[derive(Debug)]
enum Old {
    Nothing(Standing),
    /// It was told to drain, and can be resumed.
    Draining(Version, Weak<()>),
    /// It can be started again.
    Ended(Arc<Artifact>, Build),
}

impl<'a> Gap<'a> {
    /// Lets requests wait, and tells the version that serves.
    pub(super) fn begin(
        slot: &'a Arc<Slot>,
        host: &Host,
        hold: Duration,
        why: Why<'_>,
        steps: &Steps<'_>,
    ) -> Result<Self, Refused> {
        let mut held = slot.lock();
        slot.still_serves(&held, why)?;
        let gate = Gate::new(hold, host.limits.pool_queue);
        let (closed, changed) =
            Switch::close(&host.switch, &slot.name, &gate, Instant::now() + SWAP)?;
        note_later(changed, steps);
        let standing = std::mem::replace(&mut held.standing, Standing::Holding(gate));
        // It would be a second version that runs.
        let standby = held.previous.take_if(|before| matches!(before, Before::Standby(_)));
        if let Some(standby) = &standby {
            held.previous = Some(Before::File(Arc::clone(standby.artifact())));
        }
        let old = match held.current.take() {
            None => Old::Nothing(standing),
            Some(version) => {
                let telling = leave(&mut held, &version, hold);
                Old::Draining(version, telling)
            }
        };
        drop(held);
        drop(standby);
        let text = match &old {
            Old::Draining(version, _) => {
                format!("requests wait: version {} ends first", version.build.version)
            }
            Old::Nothing(_) | Old::Ended(..) => String::from("requests wait for what still runs"),
        };
        slot.tell(host, Kind::Holding, text, None);
        Ok(Self { slot, closed, hold, until: Instant::now() + hold, old })
    }

    /// Ends the old version and starts the new one. If one of the two fails, the old one serves.
    pub(super) fn change(
        mut self,
        host: &Arc<Host>,
        artifact: Arc<Artifact>,
        config: &str,
        steps: &mut Steps<'_>,
    ) -> Result<(Self, Version), Refused> {
        if let Err(why) = steps.run("stop", || self.quiet(host).and_then(|()| self.gone())) {
            let refused = not_quiet(&self.slot.name, self.hold, &why);
            return Err(self.back(host, refused));
        }
        let app = &self.slot.name;
        let opened = version::open(host, artifact, app, config, Previous::None, steps);
        // It takes what the old one has handed over at its end.
        let opened = opened
            .map_err(Refused::from)
            .and_then(|version| Ok(self.slot.hand_over(host, version, steps)?));
        match opened {
            Ok(version) => Ok((self, version)),
            Err(refused) => Err(self.back(host, refused)),
        }
    }

    /// Waits until nobody uses the old version and nothing older runs; then the old one ends.
    fn quiet(&mut self, host: &Arc<Host>) -> Result<(), String> {
        let Self { slot, old, .. } = self;
        let number = match old {
            Old::Draining(version, _) => Some(version.build.generation),
            Old::Nothing(_) | Old::Ended(..) => None,
        };
        until(self.until, || {
            alive::found(&slot.name, number).map_or(Ok(()), Err)?;
            match old {
                // Where nobody else has it, nobody can come to have it.
                Old::Draining(version, _) if Arc::strong_count(&version.tenure) == 1 => {
                    version.tenure.panics().give_up();
                    slot.bequeath(host, version);
                    let ended = Old::Ended(Arc::clone(&version.artifact), version.build.clone());
                    *old = ended;
                    Ok(())
                }
                Old::Draining(version, _) => Err(slot.what_holds(&version.build)),
                Old::Nothing(_) | Old::Ended(..) => Ok(()),
            }
        })
    }

    /// Waits until nothing runs. It has as long again: what has been told to end cannot go back.
    fn gone(&self) -> Result<(), String> {
        until(Instant::now() + self.hold, || {
            alive::found(&self.slot.name, None).map_or(Ok(()), Err)
        })
    }

    /// Lets the new version serve.
    pub(super) fn finish(
        self,
        host: &Arc<Host>,
        version: Version,
        why: Why<'_>,
        steps: &mut Steps<'_>,
    ) -> Result<Deployed, Refused> {
        let held = self.slot.lock();
        let place = Place::Serving(Arc::clone(&version.tenure));
        match steps.run("swap", || self.open(&place)) {
            Ok(changed) => note_later(changed, steps),
            Err(Ended) => {
                drain_with_host(&version.tenure, host.limits.drain_timeout);
                return Err(Refused::ShuttingDown);
            }
        }
        Ok(self.took(host, held, version, why, steps))
    }

    /// Remembers that the new version stands at the mounts.
    pub(super) fn took(
        self,
        host: &Arc<Host>,
        mut held: MutexGuard<'_, Held>,
        version: Version,
        why: Why<'_>,
        steps: &mut Steps<'_>,
    ) -> Deployed {
        let old = match self.old {
            Old::Nothing(_) => None,
            Old::Draining(Version { artifact, build, .. }, _) | Old::Ended(artifact, build) => {
                held.previous = match self.slot.keeps(why) {
                    Keep::Nothing => None,
                    Keep::File | Keep::Standby => Some(Before::File(artifact)),
                };
                Some(build)
            }
        };
        if let Some(remark) = self.slot.spec().policy.remark(&self.slot.name, &version.artifact) {
            tracing::warn!(app = self.slot.name, "{remark}");
            steps.note(remark);
        }
        let deployed = self.slot.took(host, held, version, why, steps);
        Deployed { old, ..deployed }
    }

    /// Ends a new version that is not to serve, and goes back to the old one.
    pub(super) fn undo(self, host: &Arc<Host>, version: Version, refused: Refused) -> Refused {
        drop(version);
        // One that does not end keeps the old one from starting, which is told then.
        let _ = self.gone();
        self.back(host, refused)
    }

    /// Goes back to what stood there; the refusal says what that came to.
    fn back(mut self, host: &Arc<Host>, refused: Refused) -> Refused {
        let old = std::mem::replace(&mut self.old, Old::Nothing(Standing::Out));
        let came_to = match old {
            Old::Nothing(standing) => {
                self.stand(standing, None);
                return refused;
            }
            Old::Draining(version, telling) => {
                resume(&version.tenure, telling);
                self.again(host, version, "serves on").unwrap_or_else(|why| why)
            }
            Old::Ended(artifact, build) => self.restart(host, artifact, &build),
        };
        refused.and(&came_to)
    }

    /// Starts the old version once more, and says what came of that.
    fn restart(&self, host: &Arc<Host>, artifact: Arc<Artifact>, build: &Build) -> String {
        if !self.slot.lock().is_holding() {
            self.stand(Standing::Out, Some(artifact));
            return String::from(DRAINED);
        }
        // What the new one has started may still be on its way out.
        let _ = until(self.until, || alive::left(&self.slot.name).map_or(Ok(()), Err));
        let (app, config) = (&self.slot.name, &self.slot.spec().config);
        let steps = &mut Steps::new(&|_| {});
        let opened = artifact.again(&host.staging).map_err(Failure::from).and_then(|again| {
            version::open(host, Arc::new(again), app, config, Previous::None, steps)
        });
        let opened = opened
            .map_err(Refused::from)
            .and_then(|version| Ok(self.slot.hand_over(host, version, steps)?));
        match opened {
            Ok(version) => {
                let (build, bytes) = (version.build.clone(), version.artifact.file.clone());
                let panics = Arc::clone(version.tenure.panics());
                let again = self.again(host, version, "serves again");
                if let Ok(text) = &again {
                    self.slot.tell(host, Kind::RolledBack, text.clone(), Some(&build));
                    self.slot.remember_start(host, &build, &bytes, panics);
                }
                again.unwrap_or_else(|why| why)
            }
            Err(refused) => {
                let why = format!("version {} did not start again: {refused}", build.version);
                self.stand(Standing::Failed(why.clone()), Some(artifact));
                why
            }
        }
    }

    /// Puts the old version back, and says so; or why it does not serve.
    fn again(&self, host: &Arc<Host>, version: Version, how: &str) -> Result<String, String> {
        let mut held = self.slot.lock();
        if !held.is_holding() {
            held.previous = Some(Before::File(version.artifact));
            return Err(String::from(DRAINED));
        }
        let text = format!("version {} {how}", version.build.version);
        if self.open(&Place::Serving(Arc::clone(&version.tenure))).is_err() {
            drain_with_host(&version.tenure, host.limits.drain_timeout);
            return Err(format!("{text} until the host has ended"));
        }
        held.leaving.retain(|leaving| leaving.build.generation != version.build.generation);
        held.standing = Standing::Serving;
        let late = held.estate.claim(&version.inherited);
        held.current = Some(version);
        drop(held);
        self.slot.merge_late(host, late);
        Ok(text)
    }

    /// Nothing serves, and why; this is what a rollback takes.
    fn stand(&self, standing: Standing, previous: Option<Arc<Artifact>>) {
        let mut held = self.slot.lock();
        if let Some(artifact) = previous {
            held.previous = Some(Before::File(artifact));
        }
        if !held.is_holding() {
            return;
        }
        let why = self.slot.out(match &standing {
            Standing::Out => "was taken out of service",
            _ => "is not in service",
        });
        // At the end of the host too: somebody may wait.
        let _ = self.open(&Place::Out(why));
        held.standing = standing;
    }

    fn open(&self, place: &Place) -> Result<Changed, Ended> {
        self.closed.open(&self.slot.name, place, Instant::now() + SWAP)
    }
}

impl Held {
    /// Whether requests wait still, and nobody has taken the application out of service.
    const fn is_holding(&self) -> bool {
        matches!(self.standing, Standing::Holding(_))
    }
}

/// Tells an application that serves what waited, and ends with the host. The gate counts as closed
/// meanwhile, so that the host does not end before the application could.
fn drain_with_host(tenure: &Arc<Tenure>, deadline: Duration) {
    let tenure = Arc::clone(tenure);
    within(Instant::now() + deadline, move || {
        tenure.drain(deadline);
    });
}

/// Tells an application that requests come again, after its drain has returned. One that takes its
/// time keeps nobody waiting.
fn resume(tenure: &Arc<Tenure>, telling: Weak<()>) {
    let tenure = Arc::clone(tenure);
    tenure.moves();
    within(Instant::now() + SWAP, move || {
        while telling.strong_count() > 0 {
            thread::sleep(LOOK);
        }
        tenure.generation().resume();
    });
}
