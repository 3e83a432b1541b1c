//! Where applications came from: for each the file or crate that its user named, and the digest
//! last seen there.
//!
//! `apps` makes them, `watch` and a reload ask them to look. Invariant: a source deploys only what
//! it has not seen before, so that it never undoes what an operator deployed or rolled back.

use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::apps::library_of;
use crate::failure::Failure;
use crate::operator::{Deployment, Kind, Quarantine, Refused};
use crate::plugin::artifact::{ArtifactError, digest_of};
use crate::slot::{Host, Slot};

/// The file or crate folder of one application.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) slot: Arc<Slot>,
    /// As the user named it.
    pub(crate) file: PathBuf,
    /// When it was read or built first.
    pub(crate) since: SystemTime,
    seen: Mutex<Seen>,
    /// One look at a time.
    looking: Mutex<()>,
}

/// What was found there last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The library: the file itself, or what its crate built.
    pub(crate) library: Option<PathBuf>,
    pub(crate) digest: Option<String>,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// There is nothing new.
    Same,
    Deployed,
    /// Its user has been told why.
    Refused,
}

/// Every source of a host; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Arc<Mutex<Vec<Arc<Source>>>>);

impl Source {
    pub(crate) fn new(slot: Arc<Slot>, file: PathBuf, since: SystemTime, seen: Seen) -> Self {
        Self { slot, file, since, seen: Mutex::new(seen), looking: Mutex::new(()) }
    }

    /// What was found there last.
    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Somebody else has read this there.
    fn saw(&self, digest: &str, host: &Host) {
        self.lock().digest = Some(digest.to_owned());
        self.remember(host);
    }

    /// Has the state remember what was seen. Where that serves and could not be kept, it is left
    /// for the next host to see, which would start another version otherwise.
    pub(crate) fn remember(&self, host: &Host) {
        let (app, path) = (&*self.slot.name, path_of(&self.file));
        let Some(digest) = self.seen().digest else { return };
        let serves = self.serves().is_some_and(|serves| serves == digest);
        host.remember(app, |state| {
            state.change(|record| {
                if !serves || record.wants(app, &digest) {
                    record.saw(app, &path, &digest);
                }
            })
        });
    }

    /// Looks at what is there now, and deploys it unless it was seen before. A crate is built.
    pub(crate) fn look(&self, host: &Arc<Host>) -> Looked {
        let _one = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let app = &*self.slot.name;
        let file = self.file.display();
        let library = match self.find(host) {
            Ok(Some(library)) => library,
            Ok(None) => {
                tracing::debug!(app, "`{file}` holds nothing new");
                return Looked::Same;
            }
            Err(failure) => {
                let text = failure.one_line();
                tracing::error!(app, "not deployed: {text}");
                host.events.publish(Some(app), Kind::Refused, text, []);
                return Looked::Refused;
            }
        };
        let deployment = Deployment { file: library, quarantine: Quarantine::Respect };
        let looked = match self.slot.deploy(host, &deployment, &|_| {}) {
            Ok(_) => Looked::Deployed,
            // Nobody has judged it: it is for the next host to see.
            Err(Refused::ShuttingDown) => return Looked::Same,
            Err(Refused::Superseded { .. }) => Looked::Same,
            Err(_) => Looked::Refused,
        };
        self.remember(host);
        looked
    }

    /// The library, if it is one that was not seen before.
    fn find(&self, host: &Host) -> Result<Option<PathBuf>, Failure> {
        let Some(now) = Seen::at(&self.file, host)? else { return Ok(None) };
        if !self.is_new(&now) {
            self.saw_all(now, host);
            return Ok(None);
        }
        let library = now.library.clone();
        // A host that is killed before anything came of it has not seen it.
        *self.lock() = now;
        Ok(library)
    }

    /// Whether something is neither what was seen there last nor what serves.
    pub(crate) fn is_new(&self, now: &Seen) -> bool {
        now.digest != self.seen().digest && now.digest != self.serves()
    }

    fn serves(&self) -> Option<String> {
        self.slot.shown().current.map(|build| build.digest)
    }

    /// This was found there.
    pub(crate) fn saw_all(&self, now: Seen, host: &Host) {
        *self.lock() = now;
        self.remember(host);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a source as the state knows it.
pub(crate) fn path_of(file: &Path) -> String {
    absolute(file).unwrap_or_else(|_| file.to_path_buf()).display().to_string()
}

impl Seen {
    /// What is there now; a crate is built. None when there is nothing, or it is being written:
    /// whoever does that is not done, and there will be more to see.
    pub(crate) fn at(file: &Path, host: &Host) -> Result<Option<Self>, Failure> {
        let library = absolute(library_of(file, host.profile)?)?;
        match digest_of(&library) {
            Ok(digest) => Ok(Some(Self { library: Some(library), digest: Some(digest) })),
            Err(ArtifactError::NotFound { .. } | ArtifactError::Changed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A library that was read.
    pub(crate) fn read(library: &Path, digest: &str) -> Self {
        Self { library: Some(library.to_path_buf()), digest: Some(digest.to_owned()) }
    }

    /// What a file holds that could not be taken: it is not to be tried again as it is.
    pub(crate) fn refused(file: &Path) -> Self {
        Self { library: None, digest: digest_of(file).ok() }
    }
}

impl Sources {
    pub(crate) fn set(&self, sources: Vec<Arc<Source>>) {
        *self.lock() = sources;
    }

    pub(crate) fn all(&self) -> Vec<Arc<Source>> {
        self.lock().clone()
    }

    /// An operator has deployed this from a path, which may be a source's own.
    pub(crate) fn saw(&self, file: &Path, digest: &str, host: &Host) {
        for source in &*self.lock() {
            let own = absolute(&source.file);
            let library = source.seen().library;
            if own.is_ok_and(|own| own == file) || library.is_some_and(|library| library == file) {
                source.saw(digest, host);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Source>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
