//! Several applications changed as one: all of them are started beside what serves, and then there
//! is one change of what stands at the mounts.
//!
//! A reload calls this. Invariant: as long as one of them can fail, nothing has changed; where a
//! version must end before the next one starts, requests of its application wait meanwhile, and it
//! is started again when any of them fails.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::deploy::{SWAP, Why};
use super::gap::Gap;
use super::turn::Turn;
use super::version::{self, Steps, Version};
use super::{Host, Slot, Spec};
use crate::failure::Failure;
use crate::operator::{Deployed, Kind, Quarantine, Refused};
use crate::plan::{Place, Plan};
use crate::plugin::artifact::Artifact;

/// Which bytes are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// A library's.
    File(PathBuf),
    /// Those that serve, with another config.
    Current,
}

/// A version that waits for the others. Nobody else deploys its application.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    slot: &'a Arc<Slot>,
    ready: Ready,
    spec: Spec,
    turn: Turn<'a>,
}

/// How far it is.
#[derive(Debug)]
enum Ready {
    Started(Version),
    /// It passed its probe, and must not run beside the one that serves.
    Probed(Arc<Artifact>),
}

/// A version that was started.
struct Started<'a> {
    slot: &'a Arc<Slot>,
    version: Version,
    /// Where requests wait for it.
    gap: Option<Gap<'a>>,
    spec: Spec,
    _turn: Turn<'a>,
}

impl Slot {
    /// Starts a version beside the one that serves, if it may run there.
    pub(crate) fn stage<'a>(
        self: &'a Arc<Self>,
        host: &Host,
        bytes: &Bytes,
        spec: Spec,
    ) -> Result<Staged<'a>, Refused> {
        let overtaken = |_| Refused::Superseded { app: self.name.clone() };
        let turn = self.turns.take(|| {}).map_err(overtaken)?;
        let mut steps = Steps::new(&|_| {});
        let artifact = match bytes {
            Bytes::File(file) => {
                let text = format!("`{}` is on its way", file.display());
                self.tell(host, Kind::DeployStarted, text, None);
                version::read(host, file, self.kind, &mut steps)?
            }
            Bytes::Current => self.current_again(host)?,
        };
        self.allowed(&artifact.digest, Quarantine::Respect)?;
        let (app, previous) = (&self.name, self.previous());
        let ready = if self.excludes(&artifact) {
            version::probe(host, &artifact, app, &spec, &mut steps)?;
            Ready::Probed(Arc::new(artifact))
        } else {
            let version = version::start(host, artifact, app, &spec, previous, &mut steps)?;
            Ready::Started(self.hand_over(host, version, &mut steps)?)
        };
        Ok(Staged { slot: self, ready, spec, turn })
    }

    fn current_again(&self, host: &Host) -> Result<Artifact, Refused> {
        let artifact = self.lock().current.as_ref().map(|version| Arc::clone(&version.artifact));
        let artifact = artifact.ok_or_else(|| Refused::NoPrevious { app: self.name.clone() })?;
        Ok(artifact.again(&host.staging).map_err(Failure::from)?)
    }
}

/// Puts all of them into service at once; `change` does what else there is to do to the plan.
pub(crate) fn put(
    host: &Arc<Host>,
    staged: Vec<Staged<'_>>,
    change: impl FnOnce(&mut Plan),
) -> Result<Vec<Deployed>, Refused> {
    let steps = &mut Steps::new(&|_| {});
    let started = start_all(host, staged, steps)?;
    // Nobody else holds more than one of these.
    let held: Vec<_> = started
        .iter()
        .map(|started| {
            let slot: &Arc<Slot> = started.slot;
            slot.lock()
        })
        .collect();
    let places = started
        .iter()
        .map(|one| (one.slot.name.as_str(), Place::Serving(Arc::clone(&one.version.tenure))));
    let replace = |plan: &mut Plan| {
        places.for_each(|(app, place)| plan.replace(app, &place));
        change(plan);
    };
    if let Err(ended) = host.switch.change(replace, Instant::now() + SWAP) {
        drop(held);
        for Started { version, gap, .. } in started {
            // What waits is served to the end of the host.
            let _ = gap.map(|gap| gap.finish(host, version, Why::Asked, steps));
        }
        return Err(ended.into());
    }
    let deployed = started.into_iter().zip(held).map(|(started, held)| {
        let Started { slot, version, gap, spec, _turn } = started;
        slot.respec(spec);
        let steps = &mut Steps::new(&|_| {});
        match gap {
            Some(gap) => gap.took(host, held, version, Why::Asked, steps),
            None => slot.took(host, held, version, Why::Asked, steps),
        }
    });
    Ok(deployed.collect())
}

/// Ends what must end first, and starts what was not started yet.
fn start_all<'a>(
    host: &Arc<Host>,
    staged: Vec<Staged<'a>>,
    steps: &mut Steps<'_>,
) -> Result<Vec<Started<'a>>, Refused> {
    let mut started: Vec<Started<'a>> = Vec::new();
    for Staged { slot, ready, spec, turn: _turn } in staged {
        let changed = match ready {
            Ready::Started(version) => Ok((None, version)),
            Ready::Probed(artifact) => {
                let gap = Gap::begin(slot, host, spec.policy.exclusive_hold, Why::Asked, steps);
                let changed = gap.and_then(|gap| gap.change(host, artifact, &spec.config, steps));
                changed.map(|(gap, version)| (Some(gap), version))
            }
        };
        match changed {
            Ok((gap, version)) => started.push(Started { slot, version, gap, spec, _turn }),
            Err(refused) => {
                let undo = |refused, Started { version, gap, .. }| match gap {
                    Some(gap) => gap.undo(host, version, refused),
                    None => refused,
                };
                return Err(started.into_iter().fold(refused, undo));
            }
        }
    }
    Ok(started)
}
