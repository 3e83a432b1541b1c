//! What an operator can ask of a running host: the seam between the control socket, which only
//! carries questions and answers, and whatever does the work.
//!
//! The types are plain and are what crosses the socket, as JSON; host and client share them.
//! Invariant: nothing here holds a pointer into a library.

mod events;
#[cfg(test)]
pub(crate) mod fake;
mod refused;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use self::events::{Event, Events, Followed, Follower, Kind};
pub(crate) use self::refused::{Problem, Refused};
use crate::moment::Moment;

/// The running host as its operator sees it.
///
/// `status`, `apps` and `readiness` are asked on the control thread: they answer from memory and
/// wait for nothing but a lock. The others may take their time, each is called on a thread of its
/// own; a client that leaves does not stop them.
pub(crate) trait Operator: Send + Sync + 'static {
    /// The host itself.
    fn status(&self) -> Status;

    /// Every application in the order of the command line, then every layer, outermost first.
    fn apps(&self) -> Vec<App>;

    /// What must be in order before a balancer may send requests here.
    fn readiness(&self) -> Vec<Check>;

    /// Everything that happens to applications.
    fn events(&self) -> &Events;

    /// Takes another version of an application into service. Returns once it is live.
    fn deploy(
        &self,
        app: &str,
        deployment: &Deployment,
        progress: &dyn Fn(Progress),
    ) -> Result<Deployed, Refused>;

    /// Waits until the crash window of this generation is over, however it ends.
    fn verdict(&self, app: &str, generation: u64) -> Verdict;

    /// Takes the previous version into service again. Returns once it is live.
    fn rollback(&self, app: &str, progress: &dyn Fn(Progress)) -> Result<Deployed, Refused>;

    /// Takes an application out of service; what is in hand goes on. Returns at once.
    fn drain(&self, app: &str) -> Result<App, Refused>;
}

/// A host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// What `--name` takes.
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// The host's release.
    pub(crate) version: String,
    pub(crate) started: Moment,
    pub(crate) stage: Stage,
    /// As printed when it began to listen, `http://127.0.0.1:8080`.
    pub(crate) listeners: Vec<String>,
    /// The control socket.
    pub(crate) control: PathBuf,
    /// The folder of its state, when it keeps one.
    pub(crate) state: Option<PathBuf>,
    /// Limits by name; those in time end in `_ms`.
    pub(crate) limits: BTreeMap<String, u64>,
}

/// Where a host is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Its applications are on their way.
    Starting,
    Serving,
    /// It was asked to end and finishes what is in hand.
    ShuttingDown,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// It answers requests.
    #[default]
    Application,
    /// It stands around applications.
    Layer,
}

/// An application, or a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct App {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Role,
    /// Where it answers, or what it stands around: paths, the root as `/`.
    pub(crate) mounts: Vec<String>,
    #[serde(flatten)]
    pub(crate) state: State,
    /// What answers; none when no version of it could be taken into service.
    pub(crate) current: Option<Build>,
    /// When `current` was swapped in.
    pub(crate) since: Option<Moment>,
    /// How the boundary's layout was checked: `proved` or `declared`; `linked` for code of the host
    /// itself.
    pub(crate) layout: Option<String>,
    /// Requests at work, or those that wait while it is holding; none where they are not counted.
    pub(crate) in_flight: Option<u64>,
    /// Requests that `current` was given.
    pub(crate) requests: Option<u64>,
    /// Panics of `current`.
    pub(crate) panics: Option<u64>,
    /// What a rollback takes.
    pub(crate) previous: Option<Previous>,
    /// Generations that are out of service and still mapped.
    pub(crate) retained: Vec<Retained>,
}

impl App {
    /// One that is not served any more.
    pub(crate) fn removed(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: Role::default(),
            mounts: Vec::new(),
            state: State::Removed,
            current: None,
            since: None,
            layout: None,
            in_flight: None,
            requests: None,
            panics: None,
            previous: None,
            retained: Vec::new(),
        }
    }
}

/// What an application is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum State {
    Serving,
    /// It serves, and another version is on its way.
    Deploying,
    /// Its requests wait: one version ends before another one starts.
    Holding,
    /// Out of service, with work in hand.
    Draining,
    /// Out of service, with nothing at work.
    Drained,
    /// No version of it could be taken into service.
    Failed {
        why: String,
    },
    /// The config names it no more; it is shown until nothing of it is mapped.
    Removed,
}

/// One version of an application, as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Build {
    /// As its descriptor says.
    pub(crate) version: String,
    /// SHA-256 of the file, in hex; empty for code of the host itself.
    pub(crate) digest: String,
    pub(crate) generation: u64,
}

/// The version that a rollback takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    pub(crate) version: String,
    pub(crate) digest: String,
    pub(crate) kept: Kept,
}

/// How the previous version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    /// As a file, to be loaded again.
    File,
    /// Loaded and drained.
    Standby,
}

/// A generation that is out of service and still mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retained {
    #[serde(flatten)]
    pub(crate) build: Build,
    pub(crate) state: Hold,
    /// What holds it.
    pub(crate) reason: String,
    pub(crate) since: Moment,
}

/// Whether a generation will go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Hold {
    /// It goes when its last user does.
    Draining,
    /// It stays for good.
    Pinned,
}

/// One condition of readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) ok: bool,
    pub(crate) text: String,
}

/// What is to be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// A library, or a crate folder where the host builds them; absolute.
    pub(crate) file: PathBuf,
    pub(crate) quarantine: Quarantine,
}

/// What a quarantine of the file's digest means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quarantine {
    /// The file is refused.
    Respect,
    /// It is lifted: `--force`.
    Lift,
}

/// How far a deploy has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// A step has begun.
    Begun(String),
    /// A step is done.
    Done(Step),
    /// Something that its operator should know, such as a deploy that is waited for.
    Note(String),
}

/// A step of a deploy, in one word: `build`, `read`, `probe`, `stop`, `start`, `export`, `import`,
/// `swap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) milliseconds: u64,
}

/// A deploy that is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) app: String,
    /// What served before; none when nothing did.
    pub(crate) old: Option<Build>,
    pub(crate) new: Build,
    pub(crate) steps: Vec<Step>,
    /// Requests that the old version still had in hand after the swap.
    pub(crate) in_flight_on_old: u64,
    /// The name in the library's descriptor, when it is not the application's.
    pub(crate) descriptor_name: Option<String>,
}

/// What came of a deploy by the end of its crash window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It serves.
    Stayed,
    /// The previous version serves again.
    RolledBack { why: String },
    /// Something else ended the window: another deploy, a drain, the end of the host.
    Undecided { why: String },
}
