//! `--watch`: deploys what changes in the files and crates that applications came from.
//!
//! One thread looks, once a second and whenever the system reports a change nearby; what it finds
//! changed and settled is handed to a thread of the source, which builds and deploys. Invariant:
//! what has changed is told by looking, never by a report, so a report may be missing or wrong.

mod errand;
mod look;
mod settle;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use self::errand::Errand;
use self::look::Look;
use self::settle::{Settling, Step};
use crate::limits::{WATCH_INTERVAL, WATCH_SETTLE};
use crate::platform::notices::Notices;
use crate::slot::Host;
use crate::source::{Source, Sources};

/// Begins to watch.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn start(host: Arc<Host>, sources: Sources) -> io::Result<()> {
    let (report, reports) = channel();
    let notices = Notices::start(report);
    if let Err(error) = &notices {
        tracing::info!("changes are looked for every {WATCH_INTERVAL:?}: {error}");
    }
    let mut watch =
        Watch { host, sources, notices: notices.ok(), noticed: BTreeSet::new(), known: Vec::new() };
    let run = move || watch.run(&reports);
    thread::Builder::new().name(String::from("watch")).spawn(run).map(drop)
}

struct Watch {
    host: Arc<Host>,
    sources: Sources,
    notices: Option<Notices>,
    /// Folders that reports are asked of.
    noticed: BTreeSet<PathBuf>,
    known: Vec<Watched>,
}

/// A source and how far its changes are understood.
struct Watched {
    source: Arc<Source>,
    settling: Settling,
    errand: Errand,
}

impl Watch {
    /// Until the process ends.
    fn run(&mut self, reports: &Receiver<()>) {
        loop {
            match self.look() {
                // Two looks at one moment would see the same, however much is still to come.
                Step::LookAgain => thread::sleep(WATCH_SETTLE),
                Step::Nothing | Step::Take => match reports.recv_timeout(WATCH_INTERVAL) {
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                    // Nothing will be reported.
                    Err(RecvTimeoutError::Disconnected) => thread::sleep(WATCH_INTERVAL),
                },
            }
            // One look answers all of them.
            while reports.try_recv().is_ok() {}
        }
    }

    /// Looks at everything once.
    fn look(&mut self) -> Step {
        self.meet();
        let mut next = Step::Nothing;
        let mut folders = BTreeSet::new();
        for watched in &mut self.known {
            let look = Look::at(&watched.source.file, watched.source.seen().library.as_deref());
            folders.extend(look.folders.iter().cloned());
            match watched.settling.look(look.files) {
                Step::Nothing => {}
                Step::LookAgain => next = Step::LookAgain,
                Step::Take => {
                    let (source, host) = (Arc::clone(&watched.source), Arc::clone(&self.host));
                    watched.errand.run(move || {
                        source.look(&host);
                    });
                }
            }
        }
        self.notice(folders);
        next
    }

    /// Sources come and go with the config.
    fn meet(&mut self) {
        let sources = self.sources.all();
        self.known.retain(|known| sources.iter().any(|one| Arc::ptr_eq(one, &known.source)));
        for source in sources {
            if !self.known.iter().any(|known| Arc::ptr_eq(&known.source, &source)) {
                let settling = Settling::since(source.file.is_dir().then_some(source.since));
                self.known.push(Watched { source, settling, errand: Errand::default() });
            }
        }
    }

    /// A folder that was replaced has the name of one that is noticed already, so each look asks
    /// again; for the same folder that changes nothing.
    fn notice(&mut self, folders: BTreeSet<PathBuf>) {
        let Some(notices) = &self.notices else { return };
        for folder in &folders {
            if let Err(error) = notices.add(folder)
                && !self.noticed.contains(folder)
            {
                let folder = folder.display();
                tracing::debug!("changes in `{folder}` are not reported: {error}");
            }
        }
        self.noticed = folders;
    }
}
