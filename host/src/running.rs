//! The host as its operator sees it: its slots by name, and what it says of itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, process};

use crate::control::{Control, Socket};
use crate::limits::Limits;
use crate::linked::Linked;
use crate::moment::Moment;
use crate::operator::{
    App, Check, Deployed, Deployment, Events, Kind, Operator, Progress, Refused, Role, Stage,
    State, Status, Verdict,
};
use crate::slot::{Host, Slot, ended};
use crate::source::{Source, Sources};

/// A host, from the moment that it has its sockets.
#[derive(Debug)]
pub(crate) struct Running {
    status: Mutex<Status>,
    sources: Sources,
    linked: Mutex<Vec<Arc<Linked>>>,
    /// What a reload has taken away, as long as work of theirs is in hand.
    removed: Mutex<Vec<Arc<Slot>>>,
    host: Arc<Host>,
}

impl Running {
    pub(crate) fn new(name: String, listeners: Vec<String>, host: Arc<Host>) -> Self {
        let status = Status {
            name,
            pid: process::id(),
            version: String::from(env!("CARGO_PKG_VERSION")),
            started: Moment::now(),
            stage: Stage::Starting,
            listeners,
            control: PathBuf::new(),
            state: host.state.as_ref().map(|state| state.folder().to_path_buf()),
            limits: numbers(&host.limits),
        };
        let (status, removed) = (Mutex::new(status), Mutex::default());
        let (sources, linked) = (Sources::default(), Mutex::default());
        Self { status, sources, linked, removed, host }
    }

    /// Answers its operator on this socket.
    pub(crate) fn controlled_by(self: &Arc<Self>, socket: Socket) -> io::Result<Control> {
        socket.path().clone_into(&mut self.own().control);
        Control::start(socket, Arc::clone(self) as Arc<dyn Operator>)
    }

    /// Its applications and layers were taken into service.
    pub(crate) fn serve(&self, sources: Vec<Arc<Source>>, linked: Vec<Arc<Linked>>) {
        self.sources.set(sources);
        self.set_linked(linked);
        self.own().stage = Stage::Serving;
        for app in &self.apps() {
            tell(&self.host.events, app);
        }
        self.host.events.publish(None, Kind::Started, "the host serves", []);
    }

    /// It was asked to end.
    pub(crate) fn shut_down(&self) {
        self.own().stage = Stage::ShuttingDown;
        self.host.events.publish(None, Kind::Shutdown, "finishing what is in hand", []);
    }

    /// Gives up what its slots hold, so that applications can end.
    pub(crate) fn clear(&self) {
        self.slots().iter().for_each(|slot| slot.clear());
        self.set_linked(Vec::new());
    }

    /// What of it is part of the program.
    pub(crate) fn linked(&self) -> Vec<Arc<Linked>> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this very one does.
    pub(crate) fn serves(&self, one: &Arc<Linked>) -> bool {
        self.linked().iter().any(|known| Arc::ptr_eq(known, one))
    }

    /// Others are, from now on.
    pub(crate) fn set_linked(&self, linked: Vec<Arc<Linked>>) {
        // Not in the lock: the last of one may go here.
        let before = std::mem::replace(
            &mut *self.linked.lock().unwrap_or_else(PoisonError::into_inner),
            linked,
        );
        drop(before);
    }

    /// Where its applications came from.
    pub(crate) const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// An application that nothing leads to any more; what is in hand is finished.
    pub(crate) fn remove(&self, slot: &Arc<Slot>) {
        let _ = slot.drain(&self.host);
        slot.clear();
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(slot));
    }

    /// What is left of applications that are not served, beside these.
    fn left_over(&self, apps: &mut Vec<App>) {
        let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
        removed.retain(|slot| !slot.leaving().is_empty());
        let in_hand =
            removed.iter().flat_map(|slot| slot.leaving().into_iter().map(|it| (&*slot.name, it)));
        for (app, left) in in_hand {
            app_of(apps, app).retained.push(left);
        }
        for (app, left) in ended() {
            let known = &mut app_of(apps, &app).retained;
            if !known.iter().any(|known| known.build.generation == left.build.generation) {
                known.push(left);
            }
        }
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.sources.all().iter().map(|source| Arc::clone(&source.slot)).collect()
    }

    fn slot(&self, app: &str) -> Result<Arc<Slot>, Refused> {
        if self.own().stage == Stage::ShuttingDown {
            return Err(Refused::ShuttingDown);
        }
        let (slots, linked) = (self.slots(), self.linked());
        if let Some(slot) = slots.iter().find(|slot| slot.name == app) {
            return Ok(Arc::clone(slot));
        }
        let app = app.to_owned();
        if linked.iter().any(|linked| linked.name == app) {
            return Err(Refused::Linked { app });
        }
        let names = slots.iter().map(|slot| &slot.name);
        let names = names.chain(linked.iter().map(|linked| &linked.name));
        Err(Refused::UnknownApp { app, apps: names.cloned().collect() })
    }

    fn own(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limits that an operator may wonder about.
fn numbers(limits: &Limits) -> BTreeMap<String, u64> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let limits = [
        ("request_timeout_ms", milliseconds(limits.request_timeout)),
        ("drain_timeout_ms", milliseconds(limits.drain_timeout)),
        ("handover_timeout_ms", milliseconds(limits.handover_timeout)),
        ("handover_bytes", count(limits.handover_bytes)),
        ("connections", count(limits.connections)),
        ("body_bytes", limits.body_bytes),
        ("pool_threads", count(limits.pool_threads)),
        ("pool_queue", count(limits.pool_queue)),
    ];
    limits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How an application fared at start.
pub(crate) fn tell(events: &Events, app: &App) {
    let name = Some(&*app.name);
    match (&app.state, &app.current) {
        (State::Failed { why }, _) => events.publish(name, Kind::Refused, why, []),
        (_, Some(build)) => {
            let text = format!("version {} is in service", build.version);
            let fields = [
                ("version", build.version.clone().into()),
                ("digest", build.digest.clone().into()),
                ("generation", build.generation.into()),
            ];
            events.publish(name, Kind::Deployed, text, fields);
        }
        (_, None) => {}
    }
}

/// The application of this name, or one that was removed.
fn app_of<'a>(apps: &'a mut Vec<App>, name: &str) -> &'a mut App {
    let at = apps.iter().position(|app| app.name == name).unwrap_or_else(|| {
        apps.push(App::removed(name));
        apps.len() - 1
    });
    &mut apps[at]
}

impl Operator for Running {
    fn status(&self) -> Status {
        self.own().clone()
    }

    fn apps(&self) -> Vec<App> {
        let slots = self.slots();
        let shown = slots.iter().map(|slot| slot.shown());
        let mut apps: Vec<App> =
            shown.chain(self.linked().iter().map(|linked| linked.shown())).collect();
        self.left_over(&mut apps);
        apps
    }

    fn readiness(&self) -> Vec<Check> {
        let stage = self.own().stage;
        let (ok, text) = match stage {
            Stage::Starting => (false, "starting"),
            Stage::Serving => (true, "serving"),
            Stage::ShuttingDown => (false, "shutting down"),
        };
        let host = Check { name: String::from("host"), ok, text: text.to_owned() };
        let apps = self.apps();
        let retained: usize = apps.iter().map(|app| app.retained.len()).max().unwrap_or(0);
        let text = format!("at most {retained} generations of an application are out of service");
        let ok = retained <= self.host.limits.retained;
        let retained = Check { name: String::from("retained"), ok, text };
        let apps = apps.iter().filter(|app| app.state != State::Removed).map(|app| {
            let (ok, text) = match &app.state {
                State::Serving | State::Deploying => (true, String::from("serving")),
                // For less time than a balancer needs to look elsewhere.
                State::Holding => (true, String::from("its requests wait for the next version")),
                State::Draining | State::Drained => (false, String::from("drained")),
                State::Failed { why } => (false, why.clone()),
                State::Removed => (true, String::from("removed")),
            };
            let kind = match app.kind {
                Role::Application => "app",
                Role::Layer => "layer",
            };
            Check { name: format!("{kind} {}", app.name), ok, text }
        });
        std::iter::once(host).chain(apps).chain([retained]).collect()
    }

    fn events(&self) -> &Events {
        &self.host.events
    }

    fn deploy(
        &self,
        app: &str,
        deployment: &Deployment,
        progress: &dyn Fn(Progress),
    ) -> Result<Deployed, Refused> {
        let deployed = self.slot(app)?.deploy(&self.host, deployment, progress)?;
        self.sources.saw(&deployment.file, &deployed.new.digest, &self.host);
        Ok(deployed)
    }

    fn verdict(&self, app: &str, generation: u64) -> Verdict {
        match self.slot(app) {
            Ok(slot) => slot.verdict(generation),
            Err(refused) => Verdict::Undecided { why: refused.to_string() },
        }
    }

    fn rollback(&self, app: &str, progress: &dyn Fn(Progress)) -> Result<Deployed, Refused> {
        self.slot(app)?.roll_back(&self.host, progress)
    }

    fn drain(&self, app: &str) -> Result<App, Refused> {
        self.slot(app)?.drain(&self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crate_dir::Profile;
    use crate::plan::Plan;
    use crate::plugin::artifact::Staging;
    use crate::switch::Switch;
    use crate::tenure::DebugHeaders;

    #[test]
    fn it_is_ready_while_it_serves() {
        let host = Arc::new(Host {
            switch: Arc::new(Switch::new(Plan::default())),
            staging: Staging::open().unwrap(),
            limits: Arc::default(),
            profile: Profile::Release,
            debug_headers: DebugHeaders::Hidden,
            events: Events::default(),
            state: None,
        });
        let running = Running::new(String::from("x"), Vec::new(), host);
        let ready = || running.readiness().iter().all(|check| check.ok);
        assert!(!ready(), "while it starts");
        running.serve(Vec::new(), Vec::new());
        assert!(ready());
        assert!(matches!(running.drain("x"), Err(Refused::UnknownApp { .. })));
        running.shut_down();
        assert!(!ready());
        assert_eq!(running.drain("x"), Err(Refused::ShuttingDown));
    }
}
