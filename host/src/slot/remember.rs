//! What the host's state is told of a slot, where one is kept.

use std::path::Path;
use std::sync::Arc;

use super::{Before, Host, Keep, Slot, short};
use crate::failure::Failure;
use crate::operator::Build;
use crate::panics::Panics;
use crate::plugin::load;
use crate::state::{State, StateError};

/// Whether the state has taken something, where one is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    Yes,
    No(String),
}

impl Host {
    /// Has the state remember something. A disk that does not take it is told, and stops nothing.
    pub(crate) fn remember(
        &self,
        app: &str,
        change: impl FnOnce(&State) -> Result<(), StateError>,
    ) -> Remembered {
        match self.state.as_ref().map(change) {
            Some(Err(error)) => {
                let text = Failure::from(error).one_line();
                tracing::error!(app, "what happened is not remembered: {text}");
                Remembered::No(text)
            }
            None | Some(Ok(())) => Remembered::Yes,
        }
    }
}

impl Slot {
    /// A start counts as a swap: the version is watched for a while.
    pub(crate) fn started(self: &Arc<Self>, host: &Arc<Host>) {
        if host.state.is_none() {
            return;
        }
        let current = self.lock().current.as_ref().map(|version| {
            let panics = Arc::clone(version.tenure.panics());
            (version.build.clone(), version.artifact.file.clone(), panics)
        });
        if let Some(state) = &host.state
            && let Some(record) = state.record().apps.get(&self.name)
        {
            let serves = current.as_ref().map_or("", |(build, ..)| &build.digest);
            let before = record.before(serves).and_then(|before| self.recall(host, state, before));
            let mut held = self.lock();
            held.quarantine.extend(record.quarantine.clone());
            held.previous = before;
        }
        if let Some((build, bytes, panics)) = current {
            self.remember_start(host, &build, &bytes, panics);
        }
    }

    /// What a rollback takes, and a version that does not outlive its window.
    fn recall(&self, host: &Host, state: &State, digest: &str) -> Option<Before> {
        if self.spec().policy.keep_previous == Keep::Nothing {
            return None;
        }
        let taken = load::take(&state.stored(digest), &host.staging);
        match taken.and_then(|artifact| load::expect(artifact, self.kind, Path::new(digest))) {
            Ok(artifact) => Some(Before::File(Arc::new(artifact))),
            Err(error) => {
                let (app, digest) = (&self.name, short(digest));
                tracing::warn!(app, digest, "there is no way back to it: {error}");
                None
            }
        }
    }

    /// A version serves again that served before; unless it was found wanting, it is watched anew.
    pub(super) fn remember_start(
        self: &Arc<Self>,
        host: &Arc<Host>,
        build: &Build,
        bytes: &Path,
        panics: Arc<Panics>,
    ) {
        if self.lock().quarantine.contains_key(&build.digest) {
            return;
        }
        host.remember(&self.name, |state| state.started(&self.name, &build.digest, bytes));
        self.open_window(host, build, panics);
    }

    pub(super) fn remember_swap(&self, host: &Host, build: &Build, bytes: &Path) -> Remembered {
        host.remember(&self.name, |state| state.swapped(&self.name, &build.digest, bytes))
    }

    /// A version that was replaced meanwhile proves nothing any more.
    pub(super) fn remember_good(&self, host: &Host, build: &Build) {
        let held = self.lock();
        let serves = held.current.as_ref().filter(|it| it.build.generation == build.generation);
        let Some(artifact) = serves.map(|version| Arc::clone(&version.artifact)) else { return };
        drop(held);
        let bytes = &artifact.file;
        host.remember(&self.name, |state| state.proved(&self.name, &build.digest, bytes));
    }

    pub(super) fn remember_bad(&self, host: &Host, build: &Build, why: &str) {
        host.remember(&self.name, |state| {
            state.change(|record| record.quarantine(&self.name, &build.digest, why))
        });
    }
}
