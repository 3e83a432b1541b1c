//! What a host keeps on disk so that after its end the right version starts: the bytes of versions
//! by digest, and a record of what was wanted, what was good and what was seen.
//!
//! Invariant: bytes are on the disk before the record names them, and the record is replaced as a
//! whole, so that a host that is killed at any moment leaves a state that can be started from.

pub(crate) mod record;

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::record::{Record, RecordError, Why};
use crate::platform::files::sync_folder;
use crate::platform::rights::{PRIVATE, new_file, new_folder};

/// The state of one host.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    record: Mutex<Record>,
    // Locked as long as it is open.
    _lock: File,
}

/// A record that could not be read, and where it lies now.
#[derive(Debug)]
pub(crate) struct SetAside {
    pub(crate) file: PathBuf,
    pub(crate) why: RecordError,
}

/// Why there is no state, or why it was not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StateError {
    /// Two hosts would undo each other's work.
    #[error("another host keeps its state in `{}`", .0.display())]
    Taken(PathBuf),
    /// What is remembered leaves nothing to start.
    #[error("no version of `{app}` can start: {why}")]
    NoVersion { app: String, why: Why },
    /// The system says no.
    #[error("cannot keep the state in `{}`", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
}

impl StateError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Taken(_) => Some(String::from("give each host a folder of its own: --state DIR")),
            Self::Folder { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some(String::from("make room, or name another folder: --state DIR"))
            }
            Self::NoVersion { .. } => {
                Some(String::from("mend it and build it again: another file is not in quarantine"))
            }
            Self::Folder { .. } => None,
        }
    }
}

impl State {
    /// Opens the state, or begins one. A record that is torn or foreign is set aside.
    ///
    /// # Errors
    /// Another host has it, or the folder cannot be had.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Option<SetAside>), StateError> {
        let failed = |source| StateError::Folder { folder: folder.to_path_buf(), source };
        let make = |folder: &Path| new_folder().recursive(true).create(folder);
        make(folder).and_then(|()| make(&folder.join("store"))).map_err(failed)?;
        let mut options = new_file(PRIVATE);
        options.create(true).truncate(false);
        let lock = options.open(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::Taken(folder.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        remove_unfinished(folder);
        let (record, aside) = read(folder).map_err(failed)?;
        let (folder, record) = (folder.to_path_buf(), Mutex::new(record));
        Ok((Self { folder, record, _lock: lock }, aside))
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is remembered.
    pub(crate) fn record(&self) -> Record {
        self.lock().clone()
    }

    /// Where the bytes of a version lie that the record names.
    pub(crate) fn stored(&self, digest: &str) -> PathBuf {
        self.library(digest)
    }

    /// A version serves, whose bytes lie in this file.
    ///
    /// # Errors
    /// When the disk does not take it; what was remembered before is remembered still.
    pub(crate) fn swapped(&self, app: &str, digest: &str, bytes: &Path) -> Result<(), StateError> {
        self.keep(digest, bytes, |record| record.swapped(app, digest))
    }

    /// The same at the start of a host.
    ///
    /// # Errors
    /// As [`State::swapped`].
    pub(crate) fn started(&self, app: &str, digest: &str, bytes: &Path) -> Result<(), StateError> {
        self.keep(digest, bytes, |record| record.started(app, digest))
    }

    /// A version that serves has outlived its window. What the disk did not take when it was put
    /// into service is kept now.
    ///
    /// # Errors
    /// As [`State::swapped`].
    pub(crate) fn proved(&self, app: &str, digest: &str, bytes: &Path) -> Result<(), StateError> {
        self.keep(digest, bytes, |record| record.proved(app, digest))
    }

    /// Changes what is remembered, and gives up bytes that nobody will start again.
    ///
    /// # Errors
    /// When the disk does not take it; what was remembered before is remembered still.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, StateError> {
        self.change_locked(&mut self.lock(), change)
    }

    /// In one lock, or bytes that the record does not name yet could be given up.
    fn keep(
        &self,
        digest: &str,
        bytes: &Path,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), StateError> {
        let mut record = self.lock();
        let file = self.library(digest);
        if !file.is_file() {
            let write = || replace(&file, File::open(bytes)?);
            write().map_err(|source| self.failed(source))?;
        }
        self.change_locked(&mut record, change)
    }

    fn change_locked<T>(
        &self,
        record: &mut Record,
        change: impl FnOnce(&mut Record) -> T,
    ) -> Result<T, StateError> {
        let mut next = record.clone();
        let result = change(&mut next);
        if next != *record {
            replace(&file(&self.folder), &*next.write()).map_err(|source| self.failed(source))?;
            *record = next;
            self.sweep(record);
        }
        Ok(result)
    }

    fn sweep(&self, record: &Record) {
        let Ok(entries) = fs::read_dir(self.folder.join("store")) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".so"));
            if digest.is_some_and(|digest| !record.kept().any(|kept| kept == digest)) {
                // What cannot be removed now is removed after the next change.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn library(&self, digest: &str) -> PathBuf {
        self.folder.join("store").join(format!("{digest}.so"))
    }

    fn failed(&self, source: io::Error) -> StateError {
        StateError::Folder { folder: self.folder.clone(), source }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}

fn read(folder: &Path) -> io::Result<(Record, Option<SetAside>)> {
    let file = file(folder);
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(error),
    };
    match Record::read(&bytes) {
        Ok(record) => Ok((record, None)),
        Err(why) => {
            let free = (1..).map(|number| folder.join(format!("state.json.bad-{number}")));
            let mut free = free.filter(|aside| !aside.exists());
            let aside = free.next().unwrap_or_else(|| folder.join("state.json.bad"));
            fs::rename(&file, &aside)?;
            Ok((Record::default(), Some(SetAside { file: aside, why })))
        }
    }
}

/// Removes what hosts have left that were killed while they wrote.
fn remove_unfinished(folder: &Path) {
    let folders = [folder.to_path_buf(), folder.join("store")];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            // What cannot be removed takes its room, and nothing else.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// How names begin of files that are not whole yet.
const UNFINISHED: &str = ".unfinished-";

/// Writes a file beside, and has the system put it in place once it is on the disk.
fn replace(file: &Path, mut bytes: impl Read) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    // Not by its own `write`, whose errors have no number.
    io::copy(&mut bytes, beside.as_file_mut())?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn kept(state: &State, digest: &str) {
        let mut bytes = tempfile::NamedTempFile::new().unwrap();
        bytes.write_all(digest.as_bytes()).unwrap();
        state.swapped("shop", digest, bytes.path()).unwrap();
    }

    #[test]
    fn what_was_kept_is_there_for_the_next_host() {
        let folder = tempfile::tempdir().unwrap();
        let (state, aside) = State::open(folder.path()).unwrap();
        assert!(aside.is_none());
        kept(&state, "one");
        let record = state.record();
        drop(state);
        let (state, _) = State::open(folder.path()).unwrap();
        assert_eq!(state.record(), record);
        assert_eq!(fs::read(state.stored("one")).unwrap(), b"one");
        assert!(!state.stored("two").exists());
    }

    #[test]
    fn a_second_host_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (_state, _) = State::open(folder.path()).unwrap();
        let refused = State::open(folder.path()).unwrap_err();
        assert!(matches!(refused, StateError::Taken(_)), "{refused}");
        assert!(refused.help().is_some());
    }

    #[test]
    fn a_torn_record_is_set_aside_and_the_next_one_begins() {
        let folder = tempfile::tempdir().unwrap();
        for round in 1..3 {
            fs::write(file(folder.path()), "{\"format\": 1, \"apps\"").unwrap();
            let (state, aside) = State::open(folder.path()).unwrap();
            let aside = aside.unwrap();
            assert!(matches!(aside.why, RecordError::Torn(_)));
            assert!(aside.file.ends_with(format!("state.json.bad-{round}")), "{aside:?}");
            assert_eq!(state.record(), Record::default());
            kept(&state, "one");
        }
    }

    #[test]
    fn bytes_that_nobody_will_start_are_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = State::open(folder.path()).unwrap();
        for version in 0..30 {
            kept(&state, &version.to_string());
        }
        let stored = (0..30).filter(|version| state.stored(&version.to_string()).exists());
        assert_eq!(stored.collect::<Vec<_>>(), (10..30).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_left_unfinished_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = State::open(folder.path()).unwrap();
        kept(&state, "one");
        drop(state);
        let left = ["", "store"].map(|place| folder.path().join(place).join(".unfinished-x"));
        left.iter().for_each(|file| fs::write(file, "half").unwrap());
        let (state, _) = State::open(folder.path()).unwrap();
        assert!(left.iter().all(|file| !file.exists()));
        assert_eq!(fs::read(state.stored("one")).unwrap(), b"one");
    }

    /// The bytes that a record names are there, also when there was no room for them at first.
    #[test]
    fn a_version_that_was_not_kept_is_kept_once_it_has_proved_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = State::open(folder.path()).unwrap();
        kept(&state, "one");
        let bytes = folder.path().join("bytes");
        assert!(state.swapped("shop", "two", &bytes).is_err(), "there are no bytes yet");
        fs::write(&bytes, "two").unwrap();
        state.proved("shop", "two", &bytes).unwrap();
        let record = &state.record().apps["shop"];
        assert_eq!(
            (record.desired.as_deref(), record.last_good.as_deref()),
            (Some("two"), Some("two"))
        );
        assert_eq!(fs::read(state.stored("two")).unwrap(), b"two");
    }

    #[test]
    fn a_disk_that_is_full_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _) = State::open(folder.path()).unwrap();
        kept(&state, "one");
        let record = state.record();
        // Whatever the reason: here there is no folder to write to.
        fs::rename(folder.path().join("store"), folder.path().join("gone")).unwrap();
        assert!(state.swapped("shop", "two", &file(folder.path())).is_err());
        assert_eq!(state.record(), record);
    }
}
