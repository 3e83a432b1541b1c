//! Several applications changed as one: all of them are started beside what serves, and then there
//! is one change of what stands at the mounts.
//!
//! A reload calls this. Invariant: as long as one of them can fail, nothing has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::deploy::{SWAP, Why};
use super::turn::Turn;
use super::version::{self, Steps, Version};
use super::{Host, Slot, Spec};
use crate::failure::Failure;
use crate::operator::{Deployed, Kind, Quarantine, Refused};
use crate::plugin::artifact::Artifact;
use crate::site::{Place, Plan};

/// Which bytes are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// A library's.
    File(PathBuf),
    /// Those that serve, with another config.
    Current,
}

/// A version that was started, and waits for the others. Nobody else deploys its application.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    slot: &'a Arc<Slot>,
    version: Version,
    spec: Spec,
    _turn: Turn<'a>,
}

impl Slot {
    /// Starts a version beside the one that serves.
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
                version::read(host, file, &mut steps)?
            }
            Bytes::Current => self.current_again(host)?,
        };
        self.allowed(&artifact.digest, Quarantine::Respect)?;
        self.alone(&artifact)?;
        let previous = self.previous();
        let version =
            version::start(host, artifact, &self.name, &spec.config, previous, &mut steps)?;
        let version = self.hand_over(host, version, &mut steps)?;
        Ok(Staged { slot: self, version, spec, _turn: turn })
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
    // Nobody else holds more than one of these.
    let held: Vec<_> = staged
        .iter()
        .map(|staged| {
            let slot: &Arc<Slot> = staged.slot;
            slot.lock()
        })
        .collect();
    let places = staged.iter().map(|staged| {
        (staged.slot.name.as_str(), Place::Serving(Arc::clone(&staged.version.stack)))
    });
    let replace = |plan: &mut Plan| {
        places.for_each(|(app, place)| plan.replace(app, &place));
        change(plan);
    };
    host.switch.change(replace, Instant::now() + SWAP)?;
    let deployed = staged.into_iter().zip(held).map(|(staged, held)| {
        let Staged { slot, version, spec, _turn } = staged;
        slot.respec(spec);
        slot.took(host, held, version, Why::Asked, &mut Steps::new(&|_| {}))
    });
    Ok(deployed.collect())
}
