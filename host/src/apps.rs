//! From the mounts of a config to applications in service, one bad one among good ones included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{BadApps, Config, ConfigError, Mount};
use crate::crate_dir;
use crate::failure::Failure;
use crate::operator::Build;
use crate::plan::{Mount as Planned, Place, Plan};
use crate::plugin::artifact::Artifact;
use crate::plugin::load::{self, Previous};
use crate::slot::version::{self, Steps, Version};
use crate::slot::{Host, Slot, Spec, short};
use crate::source::{Seen, Source, path_of};
use crate::state::record::{Start as Begin, Why};
use crate::state::{State, StateError};

/// One application with all its mounts.
struct App {
    name: String,
    file: PathBuf,
    mounts: Vec<Mount>,
    /// When its file was read.
    since: SystemTime,
    artifact: Result<Artifact, Failure>,
}

/// Takes every application into service, or says why not.
pub(crate) fn take_into_service(
    config: &Config,
    host: &Host,
) -> Result<(Plan, Vec<Arc<Source>>), Failure> {
    let apps = gather(config, host)?;
    let names: Vec<String> = apps.iter().map(|app| app.name.clone()).collect();
    // The name of a file that could not be read is not known.
    if apps.iter().all(|app| app.artifact.is_ok()) {
        config.settings.check_names(&names)?;
    }
    let alone = apps.len() == 1 || config.bad_apps == BadApps::Refuse;
    let (mut planned, mut places, mut sources) = (Vec::new(), BTreeMap::new(), Vec::new());
    for app in apps {
        let App { name, file, mounts, since, artifact } = app;
        let spec = spec_of(config, &name, &mounts);
        if let Ok(artifact) = &artifact {
            spec.policy.fits(artifact)?;
            if let Some(remark) = spec.policy.remark(&name, artifact) {
                tracing::warn!(app = name, "{remark}");
            }
        }
        let seen = match &artifact {
            Ok(artifact) => Seen::read(&artifact.source, &artifact.digest),
            Err(_) => Seen::refused(&file),
        };
        let started = start_one(host, &name, &file, artifact, &spec);
        let started = match started {
            Ok(version) => Ok(version),
            Err(failure) if alone => return Err(failure),
            Err(failure) => {
                tracing::error!(app = name, "not in service: {}", failure.one_line());
                Err(failure.one_line())
            }
        };
        let place = match &started {
            Ok(version) => Place::Serving(Arc::clone(&version.tenure)),
            Err(_) => Place::Out(Arc::from("the application is not in service")),
        };
        planned.extend(mounts.iter().map(|mount| planned_at(mount, &name)));
        places.insert(name.clone(), place);
        let slot = Arc::new(Slot::new(name, spec, started));
        sources.push(Arc::new(Source::new(slot, file, since, seen)));
    }
    let mut plan = Plan::default();
    plan.rearrange(planned, places)?;
    Ok((plan, sources))
}

/// What a config says of one application.
pub(crate) fn spec_of(config: &Config, name: &str, mounts: &[Mount]) -> Spec {
    Spec {
        mounts: mounts.iter().map(shown).collect(),
        config: config.settings.json(name),
        policy: config.policies.get(name).cloned().unwrap_or_default(),
    }
}

/// A mount of an application as the plan has it.
pub(crate) fn planned_at(mount: &Mount, app: &str) -> Planned {
    let (path, app) = (mount.path.clone(), app.to_owned());
    Planned { host: None, path, layers: Vec::new(), app }
}

/// A mount's path as people write it.
fn shown(mount: &Mount) -> String {
    match &*mount.path {
        "" => String::from("/"),
        path => path.to_owned(),
    }
}

/// The library that a user names: the file itself, or what its crate folder builds.
pub(crate) fn library_of(file: &Path, profile: crate_dir::Profile) -> Result<PathBuf, Failure> {
    if file.is_dir() { Ok(crate_dir::build(file, profile)?) } else { Ok(file.to_path_buf()) }
}

/// Reads and copies every library; mounts of one name and one file become one application.
fn gather(config: &Config, host: &Host) -> Result<Vec<App>, Failure> {
    config.is_plain()?;
    let mut apps: Vec<App> = Vec::new();
    for mount in &config.mounts {
        let known = apps.iter_mut().find(|app| {
            app.file == mount.file() && mount.name.as_ref().is_none_or(|name| *name == app.name)
        });
        if let Some(app) = known {
            app.mounts.push(mount.clone());
            continue;
        }
        let since = SystemTime::now();
        let artifact = library_of(mount.file(), config.profile)
            .and_then(|file| load::take(&file, &host.staging).map_err(Failure::from));
        let name = mount.name.clone().unwrap_or_else(|| match &artifact {
            Ok(artifact) => artifact.facts.descriptor.name.clone(),
            Err(_) => host
                .state
                .as_ref()
                .and_then(|state| state.record().app_at(&path_of(mount.file())).map(str::to_owned))
                .unwrap_or_else(|| mount.file().display().to_string()),
        });
        if let Some(first) = apps.iter().find(|app| app.name == name) {
            return Err(clash(first, mount, &name).into());
        }
        let file = mount.file().to_path_buf();
        apps.push(App { name, file, mounts: vec![mount.clone()], since, artifact });
    }
    Ok(apps)
}

fn clash(first: &App, second: &Mount, name: &str) -> ConfigError {
    let file = second.file().display();
    let path = if second.path.is_empty() { String::new() } else { format!("{}=", second.path) };
    ConfigError::Name {
        name: name.to_owned(),
        first: first.file.display().to_string(),
        second: file.to_string(),
        flag: format!("{} {path}{name}-2={file}", second.flag),
    }
}

/// Starts the version that is remembered, or the one that lies at the path.
fn start_one(
    host: &Host,
    name: &str,
    file: &Path,
    found: Result<Artifact, Failure>,
    spec: &Spec,
) -> Result<Version, Failure> {
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
            start(host, stored(host, state, name, &digest, &why)?, name, spec)
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
    name: &str,
    file: &Path,
    found: Artifact,
) -> Result<Artifact, Failure> {
    let Some(state) = &host.state else { return Ok(found) };
    match state.record().start(name, &path_of(file), Some(&found.digest)) {
        Begin::File(_) => Ok(found),
        Begin::Stored { digest, why } => stored(host, state, name, &digest, &why),
        Begin::Nothing(why) => Err(StateError::NoVersion { app: name.to_owned(), why }.into()),
    }
}

/// Takes a version out of the store.
fn stored(
    host: &Host,
    state: &State,
    app: &str,
    digest: &str,
    why: &Why,
) -> Result<Artifact, Failure> {
    tracing::info!(app, digest = short(digest), "this starts, from the state: {why}");
    Ok(load::take(&state.stored(digest), &host.staging)?)
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
