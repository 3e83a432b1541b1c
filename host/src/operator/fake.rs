//! An operator for tests, which does as it is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;

use super::{
    App, Build, Check, Deployed, Deployment, Events, Kind, Operator, Progress, Refused, Role,
    Stage, State, Status, Step, Verdict,
};
use crate::moment::Moment;

/// Has the applications `shop`, which serves, and `bad`, which does not.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) events: Events,
    /// What every wish is told.
    pub(crate) refuses: Option<Refused>,
    /// How every crash window ends.
    pub(crate) rolls_back: Option<&'static str>,
    /// What a deploy panics with.
    pub(crate) panics: Option<&'static str>,
    /// What a deploy waits for.
    pub(crate) gate: Option<Mutex<Receiver<()>>>,
    pub(crate) deploys: AtomicUsize,
}

impl Fake {
    /// How many deploys have reached it.
    pub(crate) fn count(&self) -> usize {
        self.deploys.load(Ordering::Relaxed)
    }

    fn granted(&self, progress: &dyn Fn(Progress)) -> Result<Deployed, Refused> {
        if let Some(refused) = &self.refuses {
            return Err(refused.clone());
        }
        let step = Step { name: String::from("probe"), milliseconds: 41 };
        progress(Progress::Begun(step.name.clone()));
        progress(Progress::Done(step.clone()));
        Ok(Deployed {
            app: String::from("shop"),
            old: Some(build(3)),
            new: build(4),
            steps: vec![step],
            in_flight_on_old: 2,
            descriptor_name: None,
        })
    }
}

const MOMENT: &str = "2026-01-31T12:00:00.000Z";

fn build(generation: u64) -> Build {
    let version = format!("1.{generation}.0");
    Build { version, digest: "0123456789abcdef".repeat(4), generation }
}

fn app(name: &str, state: State) -> App {
    App {
        name: name.to_owned(),
        kind: Role::Application,
        mounts: vec![format!("/{name}")],
        current: (state == State::Serving).then(|| build(3)),
        state,
        since: MOMENT.parse().ok(),
        layout: None,
        in_flight: Some(0),
        requests: Some(12),
        panics: None,
        previous: None,
        retained: Vec::new(),
    }
}

impl Operator for Fake {
    fn status(&self) -> Status {
        Status {
            name: String::from("8080"),
            pid: 1,
            version: String::from("0.1.0"),
            started: MOMENT.parse().unwrap_or_else(|_| Moment::now()),
            stage: Stage::Serving,
            listeners: Vec::new(),
            control: PathBuf::from("/x.sock"),
            state: None,
            limits: BTreeMap::new(),
        }
    }

    fn apps(&self) -> Vec<App> {
        let why = String::from("init failed");
        vec![app("shop", State::Serving), app("bad", State::Failed { why })]
    }

    fn readiness(&self) -> Vec<Check> {
        let check = |(name, text): (&str, &str)| {
            let ok = text == "serving";
            Check { name: name.to_owned(), ok, text: text.to_owned() }
        };
        [("app shop", "serving"), ("app bad", "init failed")].map(check).to_vec()
    }

    fn events(&self) -> &Events {
        &self.events
    }

    fn deploy(
        &self,
        _: &str,
        _: &Deployment,
        progress: &dyn Fn(Progress),
    ) -> Result<Deployed, Refused> {
        self.deploys.fetch_add(1, Ordering::Relaxed);
        if let Some(text) = self.panics {
            panic!("{text}");
        }
        if let Some(gate) = &self.gate {
            // An end of the sender opens it too.
            let _ = gate.lock().unwrap().recv();
        }
        let deployed = self.granted(progress);
        self.events.publish(Some("shop"), Kind::Deployed, "after the gate", []);
        deployed
    }

    fn verdict(&self, _: &str, _: u64) -> Verdict {
        match self.rolls_back {
            Some(why) => Verdict::RolledBack { why: why.to_owned() },
            None => Verdict::Stayed,
        }
    }

    fn rollback(&self, _: &str, progress: &dyn Fn(Progress)) -> Result<Deployed, Refused> {
        self.granted(progress)
    }

    fn drain(&self, _: &str) -> Result<App, Refused> {
        Ok(app("shop", State::Draining))
    }
}
