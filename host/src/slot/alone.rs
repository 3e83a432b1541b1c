//! Applications of which only one version may run at a time.

use super::{Held, Slot};
use crate::operator::Refused;
use crate::plugin::artifact::Artifact;
use crate::plugin::inspect::Overlap;

impl Slot {
    /// Refuses a version that must run alone, or that would run beside one that must, as long as
    /// anything of another version is there.
    pub(super) fn alone(&self, artifact: &Artifact) -> Result<(), Refused> {
        let mut held = self.lock();
        let exclusive =
            |artifact: &Artifact| artifact.facts.descriptor.overlap == Overlap::Exclusive;
        let beside = held.current.as_ref().is_some_and(|version| exclusive(&version.artifact));
        if (beside || exclusive(artifact)) && held.anything_left(&self.name) {
            let app = &self.name;
            return Err(Refused::File {
                text: format!("only one version of `{app}` may run at a time, and one is there"),
                help: Some(format!(
                    "host drain {app}, and again once `host ps` shows nothing of it any more"
                )),
            });
        }
        Ok(())
    }
}

impl Held {
    fn anything_left(&mut self, app: &str) -> bool {
        self.current.is_some() || !self.retained(app).is_empty()
    }
}
