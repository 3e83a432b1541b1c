//! The end of a generation: shut down, dropped, unmapped, and verified; or why not.
//!
//! Whoever gives up the last use of a generation hands it over here, on whatever thread that
//! happens; what is left to do is done by one thread, the janitor, and by threads of the
//! generation's own for what the application does itself, so that one that hangs keeps no other
//! from going. Before it shuts down its heir is shown what it has to hand over. Invariant: a
//! generation comes here once, when no lease on it is left.

use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use super::alive;
use super::artifact::Artifact;
use super::generation::{Code, Generation};
use super::library::Library;
use super::unload::Unloaded;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use crate::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, global, thread};

/// A generation that is out of service and not gone.
#[derive(Clone, Debug)]
pub(crate) struct Retired {
    pub(crate) app: String,
    pub(crate) number: u64,
    pub(crate) version: String,
    pub(crate) digest: String,
    /// When nobody had a lease on it any more.
    pub(crate) since: SystemTime,
    pub(crate) fate: Fate,
}

/// What has become of it so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Something keeps it that may end.
    Waiting(String),
    /// It stays until the process ends.
    Pinned(String),
    /// Nothing of it is mapped any more, which was looked at.
    Gone,
}

/// Who takes what a generation hands over at its end.
pub(crate) trait Heir: Send + Sync + fmt::Debug {
    /// Nothing is at work at this generation any more, and it is not shut down. Called once, on a
    /// thread of the generation's own, which waits for it.
    fn inherit(&self, generation: &Generation);
}

/// Where a generation is on its way.
enum Step {
    /// Its application ends, on a thread of its own, which tells how far it has come.
    Ending(Receiver<Ended>, Doing, Instant),
    /// Its code is to be unmapped.
    Closing(Library, Arc<Artifact>),
    /// Nothing more will happen to it.
    Over,
}

/// What is over.
enum Ended {
    HandOver,
    /// All; with what is left.
    Application(Option<Code>),
}

/// What a generation does in its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    HandingOver,
    ShuttingDown,
}

enum Message {
    Retire(Box<Generation>, Option<Arc<dyn Heir>>, Retired),
    /// Nothing is at work at it, but it is kept.
    Quiet(Arc<Generation>, Arc<dyn Heir>),
    /// It was shown to its heir.
    Shown(Arc<Generation>),
    Discard(Discarded, Retired),
    /// One that will not end is to be told of.
    Pinned(Retired),
    /// To be dropped once every application that came before has ended.
    Tell(Sender<Infallible>),
}

/// A library that was opened for nothing: no application of it was started.
#[derive(Debug)]
pub(crate) struct Discarded {
    pub(crate) app: String,
    pub(crate) number: u64,
    pub(crate) library: Library,
    pub(crate) artifact: Arc<Artifact>,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HandingOver => "the hand-over of its state",
            Self::ShuttingDown => "its shutdown",
        })
    }
}

struct Case {
    retired: Retired,
    past: Past,
    step: Step,
}

/// What a library has done before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Started,
    /// It was refused, which was told: that it goes is no news.
    Refused,
}

global! {
    static JANITOR: OnceLock<Sender<Message>> = OnceLock::new();
    /// The process ends: code stays mapped, for nothing is gained by running its last destructors.
    static OVER: AtomicBool = AtomicBool::new(false);
    static RETAINED: Mutex<Vec<Retired>> = Mutex::new(Vec::new());
}

/// How long a step of its end may take before that is what a generation waits for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one look at one library may take while others wait.
const LOOK: Duration = Duration::from_millis(50);
/// How long one look at all of them may take.
const ROUND: Duration = Duration::from_millis(500);
/// Between two looks at what did not go at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts the janitor once for the process; `tell` hears of each generation that is gone or pinned.
pub(crate) fn start(tell: impl Fn(&Retired) + Send + 'static) -> std::io::Result<()> {
    let (send, receive) = mpsc::channel();
    if JANITOR.set(send).is_err() {
        return Ok(());
    }
    let work = move || work(&receive, &tell);
    thread::Builder::new().name(String::from("janitor")).spawn(work).map(drop)
}

/// Gives up one use of a generation. If it was the last one, the generation ends; an heir is shown
/// what it has to hand over in either case.
pub(crate) fn let_go(generation: Arc<Generation>, heir: Option<Arc<dyn Heir>>) {
    let Some(heir) = heir else {
        if let Some(generation) = Arc::into_inner(generation) {
            retire(generation);
        }
        return;
    };
    match Arc::try_unwrap(generation) {
        Ok(generation) => retire_to(generation, Some(heir)),
        // Whoever shows it lets go of it.
        Err(kept) => match JANITOR.get() {
            Some(janitor) => drop(janitor.send(Message::Quiet(kept, heir))),
            None => let_go(kept, None),
        },
    }
}

/// Hands over a generation that nobody uses any more. Without a janitor its application is dropped
/// and its code stays mapped.
pub(crate) fn retire(generation: Generation) {
    retire_to(generation, None);
}

fn retire_to(generation: Generation, heir: Option<Arc<dyn Heir>>) {
    // Code that is linked in has nothing to unmap.
    if generation.code().is_none() {
        return end_here(generation);
    }
    let Some(janitor) = JANITOR.get() else { return drop(generation) };
    let (app, number) = (generation.name(), generation.number());
    let artifact = generation.code().map(|code| &code.artifact);
    let retired = noted(app, number, artifact, Fate::Waiting("it shuts down".to_owned()));
    // The janitor never ends.
    let _ = janitor.send(Message::Retire(Box::new(generation), heir, retired));
}

/// Ends code that is part of the program: what it does at its end may take its time.
fn end_here(generation: Generation) {
    let end = move || {
        generation.shutdown();
        drop(generation);
    };
    if let Err(error) = thread::Builder::new().name(String::from("retire")).spawn(end) {
        tracing::error!("what is linked into the host has ended without its shutdown: {error}");
    }
}

/// Hands over a library that was opened for nothing. Without a janitor it stays mapped.
pub(crate) fn discard(discarded: Discarded) {
    let Some(janitor) = JANITOR.get() else { return };
    let Discarded { app, number, artifact, .. } = &discarded;
    let why = Fate::Waiting(String::from("it was refused and is to be unmapped"));
    let retired = noted(app, *number, Some(artifact), why);
    let _ = janitor.send(Message::Discard(discarded, retired));
}

/// Notes a library whose `init` does not return: it stays.
pub(crate) fn hangs(app: &str, number: u64, artifact: &Arc<Artifact>) {
    let Some(janitor) = JANITOR.get() else { return };
    let why = Fate::Pinned(String::from("its init has not returned"));
    let _ = janitor.send(Message::Pinned(noted(app, number, Some(artifact), why)));
}

/// One whose `init` has returned after all can be handed over like any other.
pub(crate) fn hangs_no_more(number: u64) {
    lock().retain(|known| known.number != number);
}

/// From now on it is among those that are retained.
fn noted(app: &str, number: u64, artifact: Option<&Arc<Artifact>>, fate: Fate) -> Retired {
    let retired = Retired {
        app: app.to_owned(),
        number,
        version: artifact.map_or_else(String::new, |it| it.facts.descriptor.version.clone()),
        digest: artifact.map_or_else(String::new, |artifact| artifact.digest.clone()),
        since: SystemTime::now(),
        fate,
    };
    lock().push(retired.clone());
    retired
}

/// Waits, at the end of the process, until every application that was handed over has ended. From
/// now on nothing is unmapped any more.
pub(crate) fn ended(until: Instant) {
    OVER.store(true, Ordering::Relaxed);
    let Some(janitor) = JANITOR.get() else { return };
    let (tell, told) = mpsc::channel();
    if janitor.send(Message::Tell(tell)).is_ok() {
        // Nothing is ever sent: the channel closes.
        let _ = told.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// Generations that are out of service, without leases, and not gone.
pub(crate) fn retained() -> Vec<Retired> {
    lock().clone()
}

fn lock() -> MutexGuard<'static, Vec<Retired>> {
    RETAINED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(arriving: &Receiver<Message>, tell: &dyn Fn(&Retired)) {
    let mut cases: Vec<Case> = Vec::new();
    let mut asking: Vec<Sender<Infallible>> = Vec::new();
    let mut showing = 0;
    loop {
        let first = if cases.is_empty() {
            arriving.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            arriving.recv_timeout(PAUSE)
        };
        if matches!(first, Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        for message in first.into_iter().chain(arriving.try_iter()) {
            match message {
                Message::Retire(generation, heir, retired) => {
                    cases.push(Case::open(*generation, heir, retired));
                }
                Message::Quiet(generation, heir) => {
                    showing += 1;
                    show(generation, heir);
                }
                Message::Shown(generation) => {
                    showing -= 1;
                    // If it ends now, that is the next message.
                    let_go(generation, None);
                }
                Message::Discard(Discarded { library, artifact, .. }, retired) => {
                    let step = Step::Closing(library, artifact);
                    cases.push(Case { retired, past: Past::Refused, step });
                }
                Message::Pinned(retired) => tell(&retired),
                Message::Tell(asked) => asking.push(asked),
            }
        }
        // Many that wait are looked at more briefly, so that one that can go waits for few others.
        let look = LOOK.min(ROUND / u32::try_from(cases.len().max(1)).unwrap_or(u32::MAX));
        for case in &mut cases {
            case.go_on(look, tell);
        }
        cases.retain(|case| !matches!(case.step, Step::Over));
        if showing == 0 && !cases.iter().any(|case| matches!(case.step, Step::Ending(..))) {
            asking.clear();
        }
    }
}

/// Shows an heir what a generation has to hand over that is kept; the janitor lets go of it then.
fn show(generation: Arc<Generation>, heir: Arc<dyn Heir>) {
    let shown = Arc::clone(&generation);
    let show = move || {
        heir.inherit(&generation);
        give_back(generation);
    };
    match thread::Builder::new().name(String::from("retire")).spawn(show) {
        Ok(_) => drop(shown),
        Err(error) => {
            tracing::error!("an application was not asked for its last state: {error}");
            give_back(shown);
        }
    }
}

fn give_back(generation: Arc<Generation>) {
    if let Some(janitor) = JANITOR.get() {
        // It never ends.
        let _ = janitor.send(Message::Shown(generation));
    }
}

impl Case {
    fn open(generation: Generation, heir: Option<Arc<dyn Heir>>, retired: Retired) -> Self {
        let (done, ended) = mpsc::channel();
        let end = move || {
            // The receiver is there as long as the case.
            if let Some(heir) = heir {
                heir.inherit(&generation);
            }
            let _ = done.send(Ended::HandOver);
            generation.shutdown();
            let _ = done.send(Ended::Application(generation.into_code()));
        };
        let step = match thread::Builder::new().name(String::from("retire")).spawn(end) {
            Ok(_) => Step::Ending(ended, Doing::HandingOver, Instant::now() + PATIENCE),
            // The generation went with the closure that did not run: its code stays mapped.
            Err(_) => Step::Over,
        };
        Self { retired, past: Past::Started, step }
    }

    fn go_on(&mut self, look: Duration, tell: &dyn Fn(&Retired)) {
        self.step = match std::mem::replace(&mut self.step, Step::Over) {
            Step::Ending(ended, doing, until) => match ended.recv_timeout(look) {
                Ok(Ended::HandOver) => {
                    self.step = Step::Ending(ended, Doing::ShuttingDown, Instant::now() + PATIENCE);
                    return self.go_on(look, tell);
                }
                Ok(Ended::Application(Some(Code { library, artifact, .. }))) => {
                    return self.close(library, artifact, look, tell);
                }
                Ok(Ended::Application(None)) => return self.now(Fate::Gone, tell),
                Err(RecvTimeoutError::Disconnected) => {
                    return self.now(Fate::Pinned(format!("{doing} did not come to an end")), tell);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if Instant::now() > until {
                        self.now(Fate::Waiting(format!("{doing} has not returned")), tell);
                    }
                    Step::Ending(ended, doing, until)
                }
            },
            Step::Closing(library, artifact) => {
                return self.close(library, artifact, look, tell);
            }
            Step::Over => Step::Over,
        };
    }

    /// Looks whether the code can go.
    fn close(
        &mut self,
        library: Library,
        artifact: Arc<Artifact>,
        look: Duration,
        tell: &dyn Fn(&Retired),
    ) {
        if OVER.load(Ordering::Relaxed) {
            Box::leak(Box::new(artifact));
            return;
        }
        match library.close(Instant::now() + look) {
            Unloaded::Gone(left) => {
                tracing::debug!(app = self.retired.app, ?left, "unmapped");
                self.now(Fate::Gone, tell);
            }
            Unloaded::Pinned(pin) => {
                // The file stays with what is mapped from it.
                Box::leak(Box::new(artifact));
                self.now(Fate::Pinned(pin.to_string()), tell);
            }
            Unloaded::NotYet(library, pin) => {
                self.step = Step::Closing(library, artifact);
                self.now(Fate::Waiting(pin.to_string()), tell);
            }
        }
    }

    /// Notes what has become of it, and tells it where it is new.
    fn now(&mut self, fate: Fate, tell: &dyn Fn(&Retired)) {
        if self.retired.fate == fate {
            return;
        }
        self.retired.fate = fate;
        let number = self.retired.number;
        let mut retained = lock();
        match self.retired.fate {
            Fate::Gone => {
                retained.retain(|known| known.number != number);
                alive::forget(number);
                crate::log::forget(number);
            }
            Fate::Waiting(_) | Fate::Pinned(_) => {
                let known = retained.iter_mut().find(|known| known.number == number);
                if let Some(known) = known {
                    known.clone_from(&self.retired);
                }
            }
        }
        drop(retained);
        if self.past == Past::Started || matches!(self.retired.fate, Fate::Pinned(_)) {
            tell(&self.retired);
        }
    }
}
