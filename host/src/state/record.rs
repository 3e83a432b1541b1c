//! What a host remembers of its applications, as one file, and which version starts by it.
//!
//! Nothing here reads or writes a disk: bytes in, values out. Invariant: which version starts is a
//! function of the record and of what lies at the application's path, so that it can be said why.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Versions of one application that are remembered after the ones in use.
const HISTORY: usize = 20;

/// The form of the file; another one is foreign.
const FORMAT: u32 = 1;

/// Two deaths in a row with the same version keep it out of service.
const DEATHS: u32 = 2;

/// Everything that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    format: u32,
    pub(crate) apps: BTreeMap<String, AppRecord>,
    /// The version swapped last, until its window is over or the host ends in order.
    #[serde(default)]
    pub(crate) on_trial: Option<Trial>,
}

/// What is remembered of one application. Versions are named by the digests of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AppRecord {
    /// What its operator wants to serve.
    pub(crate) desired: Option<String>,
    /// The newest version that outlived its window.
    pub(crate) last_good: Option<String>,
    /// Versions that served, the newest last.
    pub(crate) history: VecDeque<String>,
    /// The digest last seen at each path.
    pub(crate) seen: BTreeMap<String, String>,
    /// Versions that must not serve, and why.
    pub(crate) quarantine: BTreeMap<String, String>,
}

/// A version whose death would be its own fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    pub(crate) app: String,
    pub(crate) digest: String,
    /// Hosts that died with it in a row.
    pub(crate) deaths: u32,
}

/// Which version starts, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// What lies at the path.
    File(Why),
    /// Bytes of the store.
    Stored { digest: String, why: Why },
    /// None can.
    Nothing(Why),
}

/// Why that version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Why {
    #[error("nothing is remembered of it")]
    New,
    #[error("the file is one that was not seen at its path before")]
    Unseen,
    #[error("it is the version that was deployed last")]
    Desired,
    #[error("the version that was deployed last is the file")]
    DesiredIsFile,
    #[error("it is the last good one: {0}")]
    LastGood(String),
    #[error("it is the newest that served before, and no good one is remembered: {0}")]
    ServedBefore(String),
    #[error("{0}, and no good version is remembered")]
    NoGood(String),
    #[error("there is no file at its path and no version in the store")]
    Missing,
}

/// Why a file is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RecordError {
    #[error("it is not a state file, or was cut off")]
    Torn(#[source] serde_json::Error),
    #[error("its format is {0}, and this host writes {FORMAT}")]
    Foreign(u32),
}

impl Default for Record {
    fn default() -> Self {
        Self { format: FORMAT, apps: BTreeMap::new(), on_trial: None }
    }
}

impl Record {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are not a whole record of this format.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(bytes).map_err(RecordError::Torn)?;
        if format != FORMAT {
            return Err(RecordError::Foreign(format));
        }
        serde_json::from_slice(bytes).map_err(RecordError::Torn)
    }

    /// The bytes of its file.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Digests that the store must hold.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &str> {
        self.apps.values().flat_map(|app| {
            app.desired.iter().chain(&app.last_good).chain(&app.history).map(String::as_str)
        })
    }

    /// This was found at a path.
    pub(crate) fn saw(&mut self, app: &str, path: &str, digest: &str) {
        self.app(app).seen.insert(path.to_owned(), digest.to_owned());
    }

    /// Whether this is the version that is to serve.
    pub(crate) fn wants(&self, app: &str, digest: &str) -> bool {
        self.apps.get(app).and_then(|app| app.desired.as_deref()) == Some(digest)
    }

    /// A version is to serve: it was deployed, rolled back to, or is started. Its window begins,
    /// and one that is open ends without making its version good.
    pub(crate) fn swapped(&mut self, app: &str, digest: &str) {
        let same = self.on_trial.as_ref().filter(|it| it.app == app && it.digest == digest);
        let deaths = same.map_or(0, |trial| trial.deaths);
        let (app_name, digest) = (app.to_owned(), digest.to_owned());
        let record = self.app(app);
        record.desired = Some(digest.clone());
        // Whoever deploys it in spite of that has lifted it.
        record.quarantine.remove(&digest);
        if record.history.back() != Some(&digest) {
            record.history.push_back(digest.clone());
        }
        while record.history.len() > HISTORY {
            record.history.pop_front();
        }
        self.on_trial = Some(Trial { app: app_name, digest, deaths });
    }

    /// The same at the start of a host. A version that is blamed for the end of the one before
    /// stays on trial, however many others start.
    pub(crate) fn started(&mut self, app: &str, digest: &str) {
        let blamed = self.on_trial.clone().filter(|trial| trial.deaths > 0 && trial.app != app);
        self.swapped(app, digest);
        if blamed.is_some() {
            self.on_trial = blamed;
        }
    }

    /// The application that was served from a path, for a file that does not say its name.
    pub(crate) fn app_at(&self, path: &str) -> Option<&str> {
        let mut apps = self.apps.iter();
        apps.find(|(_, record)| record.seen.contains_key(path)).map(|(name, _)| name.as_str())
    }

    /// A version that serves outlived its window.
    pub(crate) fn proved(&mut self, app: &str, digest: &str) {
        if !self.wants(app, digest) {
            self.swapped(app, digest);
        }
        if self.on_trial.as_ref().is_some_and(|it| it.app == app && it.digest == digest) {
            self.on_trial = None;
        }
        self.app(app).last_good = Some(digest.to_owned());
    }

    /// A version must not serve again.
    pub(crate) fn quarantine(&mut self, app: &str, digest: &str, why: &str) {
        self.app(app).quarantine.insert(digest.to_owned(), why.to_owned());
    }

    /// The host ends in order: nobody has died.
    pub(crate) fn ended(&mut self) {
        self.on_trial = None;
    }

    /// A host begins. If the one before died within a window, the version swapped last is blamed,
    /// and the second time in a row it is put into quarantine; it is told then.
    pub(crate) fn began(&mut self) -> Option<Trial> {
        let trial = self.on_trial.as_mut()?;
        trial.deaths += 1;
        let trial = trial.clone();
        if trial.deaths < DEATHS {
            return None;
        }
        let why = format!("the host died {} times in a row within its window", trial.deaths);
        self.quarantine(&trial.app, &trial.digest, &why);
        self.on_trial = None;
        Some(trial)
    }

    /// Which version of an application starts, where this digest lies at its path.
    pub(crate) fn start(&self, app: &str, path: &str, found: Option<&str>) -> Start {
        let Some(record) = self.apps.get(app) else {
            return match found {
                Some(_) => Start::File(Why::New),
                None => Start::Nothing(Why::Missing),
            };
        };
        let unseen = found.filter(|found| record.seen.get(path).map(String::as_str) != Some(found));
        let desired = record.desired.as_deref();
        let (digest, why) = match (unseen, desired, found) {
            (Some(unseen), ..) => (unseen, Why::Unseen),
            (None, Some(desired), Some(found)) if desired == found => (desired, Why::DesiredIsFile),
            (None, Some(desired), _) => (desired, Why::Desired),
            (None, None, Some(found)) => (found, Why::New),
            (None, None, None) => {
                return record.instead(None, "there is no file at its path");
            }
        };
        match record.quarantine.get(digest) {
            Some(reason) => {
                record.instead(Some(digest), &format!("`{digest}` is in quarantine: {reason}"))
            }
            None if found == Some(digest) => Start::File(why),
            None => Start::Stored { digest: digest.to_owned(), why },
        }
    }

    /// What starts in place of a version that was refused, where its digest is known.
    pub(crate) fn instead(&self, app: &str, refused: Option<&str>, why: &str) -> Start {
        match self.apps.get(app) {
            Some(record) => record.instead(refused, why),
            None => Start::Nothing(Why::NoGood(why.to_owned())),
        }
    }

    fn app(&mut self, app: &str) -> &mut AppRecord {
        self.apps.entry(app.to_owned()).or_default()
    }
}

impl AppRecord {
    /// What served before this version, and may serve again.
    pub(crate) fn before(&self, digest: &str) -> Option<&str> {
        let mut history = self.history.iter().rev().map(String::as_str);
        history.find(|before| *before != digest && !self.quarantine.contains_key(*before))
    }

    fn instead(&self, refused: Option<&str>, reason: &str) -> Start {
        let fine = |digest: &&String| {
            !self.quarantine.contains_key(*digest) && refused != Some(digest.as_str())
        };
        let reason = reason.to_owned();
        if let Some(digest) = self.last_good.as_ref().filter(fine) {
            return Start::Stored { digest: digest.clone(), why: Why::LastGood(reason) };
        }
        // What served is better than nothing, also when its window was never over.
        match self.before(refused.unwrap_or_default()) {
            Some(digest) => {
                Start::Stored { digest: digest.to_owned(), why: Why::ServedBefore(reason) }
            }
            None => Start::Nothing(Why::NoGood(reason)),
        }
    }
}

#[cfg(test)]
mod tests;
