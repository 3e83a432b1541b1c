//! State on its way from one version of an application to the next.
//!
//! A deploy gives the new version a snapshot of the one that serves. When the last lease on the old
//! one is gone, what it has then is merged into whichever version serves by that time, or is kept
//! for the next one. Each export and each import runs on a thread of its own and has a deadline.
//! Invariant: a version takes state over under a lease, so that its own last state holds it.

use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use super::version::{Steps, Version};
use super::{Host, Leaving, Slot};
use crate::operator::{Kind, Refused};
use crate::plugin::application::Application;
use crate::plugin::application::state::{Handover, State};
use crate::plugin::artifact::Artifact;
use crate::plugin::generation::Generation;
use crate::plugin::retire::Heir;
use crate::tenure::Tenure;

/// State of versions that ended while nothing served, for the next version that does.
#[derive(Debug)]
pub(super) enum Estate {
    Open(Vec<Handed>),
    /// Nothing will serve here any more.
    Closed,
}

/// What a generation has handed over.
#[derive(Clone, Debug)]
pub(super) struct Handed {
    from: u64,
    state: State,
}

/// A version that does not come back from taking state over.
#[derive(Debug)]
pub(super) struct Hung {
    refused: Refused,
    pub(super) artifact: Arc<Artifact>,
    /// What it was to take over.
    pub(super) inherited: Vec<u64>,
}

/// Why an export or an import has no result.
#[derive(Debug, thiserror::Error)]
enum Late {
    #[error("it did not return within {0:?}")]
    Deadline(Duration),
    #[error("no thread for it: {0}")]
    Thread(#[from] io::Error),
}

/// A version that hands state over or takes some over, held for as long.
struct Party {
    tenure: Arc<Tenure>,
    generation: u64,
    _handing: Arc<()>,
}

/// Takes what a version of a slot hands over at its end.
#[derive(Debug)]
struct Heirs {
    slot: Weak<Slot>,
    host: Weak<Host>,
}

impl Slot {
    /// Gives a version that was started what there is of state, before it serves.
    pub(super) fn hand_over(
        &self,
        host: &Host,
        mut version: Version,
        steps: &mut Steps<'_>,
    ) -> Result<Version, Hung> {
        let kept = self.lock().estate.kept();
        version.inherited = kept.iter().map(|handed| handed.from).collect();
        let kept = kept.into_iter().map(|handed| (handed, Handover::Final));
        let snapshot = self.snapshot(host, steps).map(|handed| (handed, Handover::Snapshot));
        let all: Vec<_> = snapshot.into_iter().chain(kept).collect();
        if all.is_empty() {
            return Ok(version);
        }
        let mut notes = Vec::new();
        let taken = steps.run("import", || {
            all.iter().try_for_each(|(handed, when)| {
                let refused = self.import(host, Party::of(&version), handed, *when)?;
                notes.extend(refused);
                Ok(())
            })
        });
        notes.into_iter().for_each(|note| steps.note(note));
        match taken {
            Ok(()) => Ok(version),
            Err(late) => Err(self.give_up(version, &late)),
        }
    }

    /// Takes a version out of service for good: who hears of its end is this slot.
    pub(super) fn bequeath(self: &Arc<Self>, host: &Arc<Host>, version: &Version) {
        let (slot, host) = (Arc::downgrade(self), Arc::downgrade(host));
        version.tenure.bequeath(Arc::new(Heirs { slot, host }));
    }

    /// Merges what came while a version was on its way that serves now.
    pub(super) fn merge_late(self: &Arc<Self>, host: &Arc<Host>, late: Vec<Handed>) {
        if late.is_empty() {
            return;
        }
        let (slot, host) = (Arc::clone(self), Arc::clone(host));
        let merge = move || late.into_iter().for_each(|handed| slot.merge(&host, handed));
        if let Err(error) = thread::Builder::new().name(String::from("handover")).spawn(merge) {
            tracing::error!(app = self.name, "state that was kept is lost: {error}");
        }
    }

    /// What the version that serves has, if it has anything and says so in time.
    fn snapshot(&self, host: &Host, steps: &mut Steps<'_>) -> Option<Handed> {
        let party = Party::of(self.lock().current.as_ref()?);
        if !party.hands_over() {
            return None;
        }
        let (from, most, began) = (party.generation, host.limits.handover_bytes, Instant::now());
        let export = move |app: &Application| app.export_state(Handover::Snapshot, most);
        let why = match party.run("export", host.limits.handover_timeout, export) {
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(state))) => {
                steps.add("export", began);
                return Some(Handed { from, state });
            }
            Ok(Err(error)) => error.to_string(),
            Err(late) => late.to_string(),
        };
        steps.add("export", began);
        let text = format!("generation {from} did not hand its state over: {why}");
        steps.note(text.clone());
        self.told(host, Kind::ExportFailed, text, [Some(("from", from))]);
        None
    }

    /// Has a version take state over; gives the line that its operator should read if it refuses.
    fn import(
        &self,
        host: &Host,
        into: Party,
        handed: &Handed,
        when: Handover,
    ) -> Result<Option<String>, Late> {
        let (from, generation, state) = (handed.from, into.generation, handed.state.clone());
        let import = move |app: &Application| app.import_state(&state, when);
        let imported = into.run("import", host.limits.handover_timeout, import);
        let refused = |why: &dyn std::fmt::Display| {
            let state = &handed.state;
            let text = format!(
                "generation {generation} did not take over the state of generation {from} \
                 ({state}): {why}"
            );
            let numbers = [Some(("from", from)), Some(("into", generation))];
            self.told(host, Kind::ImportRefused, text.clone(), numbers);
            text
        };
        match imported {
            Ok(Ok(())) => Ok(None),
            Ok(Err(error)) => Ok(Some(refused(&error))),
            Err(late) => {
                refused(&late);
                Err(late)
            }
        }
    }

    /// Lets go of a version whose import does not return; it is shown as long as it is there.
    fn give_up(&self, version: Version, late: &Late) -> Hung {
        let (artifact, inherited) = (Arc::clone(&version.artifact), version.inherited.clone());
        let refused = Refused::TimedOut {
            text: format!("`{}` did not take state over: {late}", artifact.source.display()),
            help: Some(String::from("mend its import_state, or raise --handover-timeout")),
        };
        self.lock().leaving.push(Leaving::of(&version, Weak::new()));
        Hung { refused, artifact, inherited }
    }

    /// A version that was taken out of service is at its end.
    fn inherit(&self, host: &Host, generation: &Generation) {
        let from = generation.number();
        if matches!(self.lock().estate, Estate::Closed) {
            return;
        }
        match generation.application().export_state(Handover::Final, host.limits.handover_bytes) {
            Ok(Some(state)) => self.merge(host, Handed { from, state }),
            Ok(None) => {}
            Err(error) => {
                let text = format!("generation {from} did not hand over its last state: {error}");
                self.told(host, Kind::ExportFailed, text, [Some(("from", from))]);
            }
        }
    }

    /// Merges a last state into the version that serves, or keeps it for the next one.
    fn merge(&self, host: &Host, handed: Handed) {
        let (from, bytes) = (handed.from, handed.state.bytes());
        let numbers = |into| [Some(("from", from)), into, Some(("bytes", bytes as u64))];
        let mut held = self.lock();
        let Some(serving) = &held.current else {
            let kept = held.estate.keep(handed, host.limits.handover_bytes);
            drop(held);
            let (kind, text) = match kept {
                Ok(()) => (Kind::HandedOver, "is kept for the next version"),
                Err(Full) => (Kind::ExportFailed, "is lost: too much is kept for the next version"),
            };
            let text = format!("the last state of generation {from} {text}");
            return self.told(host, kind, text, numbers(None));
        };
        let into = Party::of(serving);
        drop(held);
        let generation = into.generation;
        // It is back in service, and has what it has.
        if generation == from {
            return;
        }
        let state = handed.state.clone();
        if let Ok(None) = self.import(host, into, &handed, Handover::Final) {
            let text = format!(
                "the last state of generation {from} ({state}) is in generation {generation}"
            );
            self.told(host, Kind::HandedOver, text, numbers(Some(("into", generation))));
        }
    }

    fn told(
        &self,
        host: &Host,
        kind: Kind,
        text: String,
        numbers: impl IntoIterator<Item = Option<(&'static str, u64)>>,
    ) {
        match kind {
            Kind::HandedOver => tracing::info!(app = self.name, "{text}"),
            _ => tracing::warn!(app = self.name, "{text}"),
        }
        let fields = numbers.into_iter().flatten().map(|(name, number)| (name, number.into()));
        host.events.publish(Some(&self.name), kind, text, fields);
    }
}

impl Default for Estate {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

/// As much is kept as may be.
struct Full;

impl Estate {
    fn kept(&self) -> Vec<Handed> {
        match self {
            Self::Open(kept) => kept.clone(),
            Self::Closed => Vec::new(),
        }
    }

    fn keep(&mut self, handed: Handed, most: usize) -> Result<(), Full> {
        let Self::Open(kept) = self else { return Ok(()) };
        let bytes: usize = kept.iter().map(|handed| handed.state.bytes()).sum();
        if bytes + handed.state.bytes() > most {
            return Err(Full);
        }
        kept.push(handed);
        Ok(())
    }

    /// A version serves: gives up what it was given, and gives what it was not.
    pub(super) fn claim(&mut self, inherited: &[u64]) -> Vec<Handed> {
        let Self::Open(kept) = self else { return Vec::new() };
        let mut late = std::mem::take(kept);
        late.retain(|handed| !inherited.contains(&handed.from));
        late
    }
}

impl Party {
    fn of(version: &Version) -> Self {
        let (tenure, _handing) = (Arc::clone(&version.tenure), Arc::clone(&version.handing));
        Self { tenure, generation: version.build.generation, _handing }
    }

    fn hands_over(&self) -> bool {
        self.tenure.generation().application().hands_over()
    }

    /// Has the application do something on a thread of its own, and waits so long for it.
    fn run<T: Send + 'static>(
        self,
        what: &str,
        limit: Duration,
        work: impl FnOnce(&Application) -> T + Send + 'static,
    ) -> Result<T, Late> {
        let (done, result) = mpsc::channel();
        let work = move || {
            let result = work(self.tenure.generation().application());
            // Who hears of the end finds the version free.
            drop(self);
            // After the deadline nobody hears of it.
            let _ = done.send(result);
        };
        thread::Builder::new().name(what.to_owned()).spawn(work)?;
        result.recv_timeout(limit).map_err(|_| Late::Deadline(limit))
    }
}

impl Heir for Heirs {
    fn inherit(&self, generation: &Generation) {
        if let (Some(slot), Some(host)) = (self.slot.upgrade(), self.host.upgrade()) {
            slot.inherit(&host, generation);
        }
    }
}

impl From<Hung> for Refused {
    fn from(hung: Hung) -> Self {
        hung.refused
    }
}
