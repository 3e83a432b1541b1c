//! The host as its operator sees it: what was taken into service at start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, process};

use crate::control::{Control, Socket};
use crate::limits::Limits;
use crate::moment::Moment;
use crate::operator::{
    App, Check, Deployed, Deployment, Events, Kind, Operator, Progress, Refused, Stage, State,
    Status, Verdict,
};

/// A host, from the moment that it has its sockets.
#[derive(Debug)]
pub(crate) struct Running {
    seen: Mutex<Seen>,
    events: Events,
}

#[derive(Debug)]
struct Seen {
    status: Status,
    apps: Vec<App>,
}

impl Running {
    pub(crate) fn new(name: String, listeners: Vec<String>, limits: &Limits) -> Self {
        let status = Status {
            name,
            pid: process::id(),
            version: String::from(env!("CARGO_PKG_VERSION")),
            started: Moment::now(),
            stage: Stage::Starting,
            listeners,
            control: PathBuf::new(),
            state: None,
            limits: numbers(limits),
        };
        let seen = Mutex::new(Seen { status, apps: Vec::new() });
        Self { seen, events: Events::default() }
    }

    /// Answers its operator on this socket.
    pub(crate) fn controlled_by(self: &Arc<Self>, socket: Socket) -> io::Result<Control> {
        socket.path().clone_into(&mut self.seen().status.control);
        Control::start(socket, Arc::clone(self) as Arc<dyn Operator>)
    }

    /// Its applications were taken into service.
    pub(crate) fn serve(&self, apps: Vec<App>) {
        let mut seen = self.seen();
        seen.status.stage = Stage::Serving;
        seen.apps.clone_from(&apps);
        drop(seen);
        for app in &apps {
            tell(&self.events, app);
        }
        self.events.publish(None, Kind::Started, "the host serves", []);
    }

    /// It was asked to end.
    pub(crate) fn shut_down(&self) {
        self.seen().status.stage = Stage::ShuttingDown;
        self.events.publish(None, Kind::Shutdown, "finishing what is in hand", []);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cannot(&self, what: &str) -> Refused {
        match self.status().stage {
            Stage::ShuttingDown => Refused::ShuttingDown,
            Stage::Starting | Stage::Serving => Refused::Unsupported { what: what.to_owned() },
        }
    }
}

/// The limits that an operator may wonder about.
fn numbers(limits: &Limits) -> BTreeMap<String, u64> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let limits = [
        ("request_timeout_ms", milliseconds(limits.request_timeout)),
        ("drain_timeout_ms", milliseconds(limits.drain_timeout)),
        ("connections", count(limits.connections)),
        ("body_bytes", limits.body_bytes),
        ("pool_threads", count(limits.pool_threads)),
        ("pool_queue", count(limits.pool_queue)),
    ];
    limits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How an application fared at start.
fn tell(events: &Events, app: &App) {
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

impl Operator for Running {
    fn status(&self) -> Status {
        self.seen().status.clone()
    }

    fn apps(&self) -> Vec<App> {
        self.seen().apps.clone()
    }

    fn readiness(&self) -> Vec<Check> {
        let Seen { status, apps } = &*self.seen();
        let (ok, text) = match status.stage {
            Stage::Starting => (false, "starting"),
            Stage::Serving => (true, "serving"),
            Stage::ShuttingDown => (false, "shutting down"),
        };
        let host = Check { name: String::from("host"), ok, text: text.to_owned() };
        let apps = apps.iter().map(|app| {
            let (ok, text) = match &app.state {
                State::Serving | State::Deploying => (true, String::from("serving")),
                State::Draining | State::Drained => (false, String::from("drained")),
                State::Failed { why } => (false, why.clone()),
            };
            Check { name: format!("app {}", app.name), ok, text }
        });
        std::iter::once(host).chain(apps).collect()
    }

    fn events(&self) -> &Events {
        &self.events
    }

    fn deploy(&self, _: &str, _: &Deployment, _: &dyn Fn(Progress)) -> Result<Deployed, Refused> {
        Err(self.cannot("replace an application"))
    }

    fn verdict(&self, _: &str, _: u64) -> Verdict {
        Verdict::Undecided { why: String::from("nothing was deployed") }
    }

    fn rollback(&self, _: &str, _: &dyn Fn(Progress)) -> Result<Deployed, Refused> {
        Err(self.cannot("replace an application"))
    }

    fn drain(&self, _: &str) -> Result<App, Refused> {
        Err(self.cannot("take an application out of service"))
    }
}
