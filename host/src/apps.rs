//! From a config to applications and layers in service, one bad one among good ones included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{BadApps, Config, Origin};
use crate::crate_dir;
use crate::failure::Failure;
use crate::linked::{self, Linked, LinkedError};
use crate::operator::Build;
use crate::plan::{Place, Plan};
use crate::plugin::artifact::Artifact;
use crate::plugin::load::{self, Previous};
use crate::roster::{Part, Roster};
use crate::slot::version::{self, Steps, Version};
use crate::slot::{Host, Slot, Spec, short};
use crate::source::{Seen, Source, path_of};
use crate::state::record::{Start as Begin, Why};
use crate::state::{State, StateError};

/// What was taken into service.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) plan: Plan,
    pub(crate) sources: Vec<Arc<Source>>,
    pub(crate) linked: Vec<Arc<Linked>>,
}

/// A library that was read.
struct Read {
    /// When that began.
    since: SystemTime,
    artifact: Result<Artifact, Failure>,
}

/// Takes every application and every layer into service, or says why not.
pub(crate) fn take_into_service(config: &Config, host: &Host) -> Result<Served, Failure> {
    let mut read: Vec<(PathBuf, Read)> = Vec::new();
    let roster = Roster::of(config, &mut |file| {
        let found = read_library(config, host, file);
        let name = name_of(host, file, &found.artifact);
        read.push((file.to_path_buf(), found));
        name
    })?;
    let mut parts: Vec<(&Part, BadApps, Option<Read>)> = Vec::new();
    for part in &roster.parts {
        // Where nothing else would serve, there is no use in a host.
        let alone = part.mounts.len() == roster.mounts.len();
        let bad = if alone { BadApps::Refuse } else { config.bad_apps };
        let found = match &part.origin {
            Origin::File(file) => {
                let known = read.iter().position(|(known, _)| known == file);
                let found = known.map(|at| read.swap_remove(at).1);
                let found = found.unwrap_or_else(|| read_library(config, host, file));
                Some(found.expect(part, file, bad)?)
            }
            Origin::Linked(_) => None,
        };
        parts.push((part, bad, found));
    }
    tell_renamed(&roster);
    // The name of a file that could not be read is not known.
    if parts.iter().all(|(.., found)| found.as_ref().is_none_or(|found| found.artifact.is_ok())) {
        config.settings.check_names(&roster.names())?;
    }
    let (mut places, mut sources, mut linked) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (part, bad, found) in parts {
        let place = match (&part.origin, found) {
            (Origin::File(file), Some(found)) => {
                let source = put_file(config, host, part, file, found, bad)?;
                let place = source.slot.place();
                sources.push(Arc::new(source));
                place
            }
            (Origin::File(_), None) => continue,
            (Origin::Linked(kind), _) => {
                let started = start_linked(config, host, part, kind)?;
                let place = Place::Serving(Arc::clone(&started.tenure));
                linked.push(started);
                place
            }
        };
        places.insert(part.name.clone(), place);
    }
    let mut plan = Plan::default();
    plan.rearrange(roster.mounts, places)?;
    Ok(Served { plan, sources, linked })
}

/// Says which layers go by other names than their own.
pub(crate) fn tell_renamed(roster: &Roster) {
    for (own, name) in &roster.renamed {
        tracing::info!("the name `{own}` is taken: a layer of that name is `{name}`");
    }
}

/// Starts what is linked into this program.
pub(crate) fn start_linked(
    config: &Config,
    host: &Host,
    part: &Part,
    kind: &str,
) -> Result<Arc<Linked>, LinkedError> {
    let config = config.settings.json(&part.name);
    let started = Linked::start(host, &part.name, linked::find(kind)?, part.kind, &config)?;
    started.stands_around(&part.mounts);
    tracing::info!(app = part.name, kind, "in service, linked into the host");
    Ok(Arc::new(started))
}

/// The library that a user names: the file itself, or what its crate folder builds.
pub(crate) fn library_of(file: &Path, profile: crate_dir::Profile) -> Result<PathBuf, Failure> {
    if file.is_dir() { Ok(crate_dir::build(file, profile)?) } else { Ok(file.to_path_buf()) }
}

fn read_library(config: &Config, host: &Host, file: &Path) -> Read {
    let since = SystemTime::now();
    let artifact = library_of(file, config.profile)
        .and_then(|file| load::take(&file, &host.staging).map_err(Failure::from));
    Read { since, artifact }
}

impl Read {
    /// A layer where an application belongs, or the reverse, is refused before others start.
    fn expect(self, part: &Part, file: &Path, bad: BadApps) -> Result<Self, Failure> {
        let Self { since, artifact: Ok(artifact) } = self else { return Ok(self) };
        match load::expect(artifact, part.kind, file).map_err(Failure::from) {
            Err(failure) if bad == BadApps::Refuse => Err(failure),
            artifact => Ok(Self { since, artifact }),
        }
    }
}

/// What a library is called that nobody has named.
fn name_of(host: &Host, file: &Path, artifact: &Result<Artifact, Failure>) -> String {
    match artifact {
        Ok(artifact) => artifact.facts.descriptor.name.clone(),
        Err(_) => {
            let path = path_of(file);
            let remembered = |state: &State| state.record().app_at(&path).map(str::to_owned);
            let remembered = host.state.as_ref().and_then(remembered);
            remembered.unwrap_or_else(|| file.display().to_string())
        }
    }
}

/// Starts what a library holds; its slot says why where it does not start.
fn put_file(
    config: &Config,
    host: &Host,
    part: &Part,
    file: &Path,
    found: Read,
    bad: BadApps,
) -> Result<Source, Failure> {
    let (name, spec) = (&part.name, part.spec(config));
    let Read { since, artifact } = found;
    if let Ok(artifact) = &artifact {
        spec.policy.fits(artifact)?;
        if let Some(remark) = spec.policy.remark(name, artifact) {
            tracing::warn!(app = name, "{remark}");
        }
    }
    let seen = match &artifact {
        Ok(artifact) => Seen::read(&artifact.source, &artifact.digest),
        Err(_) => Seen::refused(file),
    };
    let started = match start_one(host, part, file, artifact, &spec) {
        Ok(version) => Ok(version),
        Err(failure) if bad == BadApps::Refuse => return Err(failure),
        Err(failure) => {
            tracing::error!(app = name, "not in service: {}", failure.one_line());
            Err(failure.one_line())
        }
    };
    let slot = Arc::new(Slot::new(name.clone(), part.kind, spec, started));
    Ok(Source::new(slot, file.to_path_buf(), since, seen))
}

/// Starts the version that is remembered, or the one that lies at the path.
fn start_one(
    host: &Host,
    part: &Part,
    file: &Path,
    found: Result<Artifact, Failure>,
    spec: &Spec,
) -> Result<Version, Failure> {
    let name = &*part.name;
    let Some(state) = &host.state else {
        return found.and_then(|artifact| start(host, artifact, name, spec));
    };
    let digest = found.as_ref().ok().map(|artifact| artifact.digest.clone());
    let instead =
        |failure: &Failure| state.record().instead(name, digest.as_deref(), &failure.one_line());
    let begin = match (found, state.record().start(name, &path_of(file), digest.as_deref())) {
        (Ok(artifact), Begin::File(why)) => {
            tracing::info!(app = name, digest = short(&artifact.digest), "this starts: {why}");
            match start(host, artifact, name, spec) {
                Ok(version) => return Ok(version),
                Err(failure) => (instead(&failure), Some(failure)),
            }
        }
        (Err(failure), Begin::File(_) | Begin::Nothing(_)) => (instead(&failure), Some(failure)),
        (found, begin) => (begin, found.err()),
    };
    match begin {
        (Begin::Stored { digest, why }, failure) => {
            if let Some(failure) = failure {
                tracing::error!(app = name, "the file is not taken: {}", failure.one_line());
            }
            start(host, stored(host, state, part, &digest, &why)?, name, spec)
        }
        (_, Some(failure)) => Err(failure),
        (Begin::File(why) | Begin::Nothing(why), None) => {
            Err(StateError::NoVersion { app: name.to_owned(), why }.into())
        }
    }
}

/// What a reload starts of an application that it adds: the file, or the version that is
/// remembered in its place. A file that is refused is not replaced by another one then.
pub(crate) fn remembered(
    host: &Host,
    part: &Part,
    file: &Path,
    found: Artifact,
) -> Result<Artifact, Failure> {
    let (Some(state), name) = (&host.state, &*part.name) else { return Ok(found) };
    match state.record().start(name, &path_of(file), Some(&found.digest)) {
        Begin::File(_) => Ok(found),
        Begin::Stored { digest, why } => stored(host, state, part, &digest, &why),
        Begin::Nothing(why) => Err(StateError::NoVersion { app: name.to_owned(), why }.into()),
    }
}

/// Takes a version out of the store.
fn stored(
    host: &Host,
    state: &State,
    part: &Part,
    digest: &str,
    why: &Why,
) -> Result<Artifact, Failure> {
    tracing::info!(app = part.name, digest = short(digest), "this starts, from the state: {why}");
    let artifact = load::take(&state.stored(digest), &host.staging)?;
    Ok(load::expect(artifact, part.kind, Path::new(short(digest)))?)
}

fn start(host: &Host, artifact: Artifact, name: &str, spec: &Spec) -> Result<Version, Failure> {
    let mut steps = Steps::new(&|_| {});
    let version = version::start(host, artifact, name, spec, Previous::None, &mut steps)?;
    let Build { version: number, digest, generation } = &version.build;
    let compiler = &version.artifact.facts.descriptor.compiler;
    tracing::info!(
        app = name,
        generation,
        version = number,
        digest = short(digest),
        compiler,
        "in service, layout {}",
        version.layout
    );
    Ok(version)
}
