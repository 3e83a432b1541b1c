//! Applications of which only one version may run at a time: which these are, and how long what
//! runs is waited for.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::deploy::Why;
use super::gap::Gap;
use super::version::Steps;
use super::{Before, Host, Slot};
use crate::operator::{Deployed, Refused};
use crate::plugin::alive;
use crate::plugin::artifact::Artifact;
use crate::plugin::inspect::Overlap;

/// How often is looked whether a version has ended.
pub(super) const LOOK: Duration = Duration::from_millis(1);

impl Slot {
    /// Whether this must not start while what runs of the application runs.
    pub(super) fn excludes(&self, artifact: &Artifact) -> bool {
        alive::excludes(&self.name, artifact.facts.descriptor.overlap)
    }

    /// Whether the version that serves or the one before must be alone.
    pub(super) fn runs_alone(&self) -> bool {
        let held = self.lock();
        let current = held.current.as_ref().map(|version| &version.artifact);
        let mut artifacts = current.into_iter().chain(held.previous.as_ref().map(Before::artifact));
        artifacts.any(|artifact| is_alone(artifact))
    }

    /// Ends what runs, and takes another version into service.
    pub(super) fn replace(
        self: &Arc<Self>,
        host: &Arc<Host>,
        artifact: Arc<Artifact>,
        why: Why<'_>,
        steps: &mut Steps<'_>,
    ) -> Result<Deployed, Refused> {
        let spec = self.spec();
        let gap = Gap::begin(self, host, spec.policy.exclusive_hold, why, steps)?;
        let (gap, version) = gap.change(host, artifact, &spec.config, steps)?;
        gap.finish(host, version, why, steps)
    }
}

/// Waits until an application that is new here may start, where it has run before.
pub(crate) fn wait(app: &str, artifact: &Artifact, hold: Duration) -> Result<(), Refused> {
    let overlap = artifact.facts.descriptor.overlap;
    until(Instant::now() + hold, || {
        let found = alive::excludes(app, overlap).then(|| alive::found(app, None));
        found.flatten().map_or(Ok(()), Err)
    })
    .map_err(|why| not_quiet(app, hold, &why))
}

/// Whether it must be the only version that runs.
pub(super) fn is_alone(artifact: &Artifact) -> bool {
    artifact.facts.descriptor.overlap == Overlap::Exclusive
}

/// What runs did not end in time, and why.
pub(super) fn not_quiet(app: &str, hold: Duration, why: &str) -> Refused {
    Refused::TimedOut {
        text: format!(
            "only one version of `{app}` may run at a time, and within {hold:?} the one before \
             did not end: {why}"
        ),
        help: Some(format!("give it longer: exclusive_hold in [apps.{app}.deploy]")),
    }
}

/// Looks again and again until something is fine, or the time is over.
pub(super) fn until(
    end: Instant,
    mut look: impl FnMut() -> Result<(), String>,
) -> Result<(), String> {
    loop {
        match look() {
            Err(_) if Instant::now() < end => thread::sleep(LOOK),
            outcome => return outcome,
        }
    }
}
