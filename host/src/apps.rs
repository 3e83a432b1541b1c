//! From the mounts of a config to applications in service, one bad one among good ones included.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{BadApps, Config, ConfigError, Mount};
use crate::crate_dir;
use crate::failure::Failure;
use crate::lease::Stack;
use crate::moment::Moment;
use crate::operator::{self, Build, State};
use crate::plugin::artifact::{Artifact, Staging};
use crate::plugin::generation::Generation;
use crate::plugin::load;
use crate::site::{Place, Plan};

/// One application with all its mounts.
struct App {
    name: String,
    file: PathBuf,
    mounts: Vec<Mount>,
    artifact: Result<Artifact, Failure>,
}

/// A generation and what its operator is told of it.
struct Started {
    generation: Generation,
    build: Build,
    layout: String,
}

/// Takes every application into service, or says why not.
pub(crate) fn take_into_service(
    config: &Config,
    staging: &Staging,
) -> Result<(Plan, Vec<operator::App>), Failure> {
    let apps = gather(config, staging)?;
    let names: Vec<String> = apps.iter().map(|app| app.name.clone()).collect();
    // The name of a file that could not be read is not known.
    if apps.iter().all(|app| app.artifact.is_ok()) {
        config.settings.check_names(&names)?;
    }
    let alone = apps.len() == 1 || config.bad_apps == BadApps::Refuse;
    let (mut plan, mut seen) = (Plan::default(), Vec::new());
    for app in apps {
        let App { name, mounts, artifact, .. } = app;
        let mut shown = shown(&name, &mounts);
        let started = artifact.and_then(|artifact| start(artifact, &name, config));
        let place = match started {
            Ok(Started { generation, build, layout }) => {
                (shown.current, shown.layout) = (Some(build), Some(layout));
                shown.since = Some(Moment::now());
                Place::Serving(Stack::new(vec![Arc::new(generation)], &config.limits)?)
            }
            Err(failure) if alone => return Err(failure),
            Err(failure) => {
                tracing::error!(app = name, "not in service: {}", failure.one_line());
                shown.state = State::Failed { why: failure.one_line() };
                Place::Failed(Arc::from("the application is not in service"))
            }
        };
        seen.push(shown);
        for mount in mounts {
            plan.mount(&mount.path, place.clone())?;
        }
    }
    Ok((plan, seen))
}

/// What an operator sees of an application that is not started yet.
fn shown(name: &str, mounts: &[Mount]) -> operator::App {
    let path = |mount: &Mount| match &*mount.path {
        "" => String::from("/"),
        path => path.to_owned(),
    };
    operator::App {
        name: name.to_owned(),
        mounts: mounts.iter().map(path).collect(),
        state: State::Serving,
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

/// The library that a user names: the file itself, or what its crate folder builds.
pub(crate) fn library_of(file: &Path, profile: crate_dir::Profile) -> Result<PathBuf, Failure> {
    if file.is_dir() { Ok(crate_dir::build(file, profile)?) } else { Ok(file.to_path_buf()) }
}

/// Reads and copies every library; mounts of one name and one file become one application.
fn gather(config: &Config, staging: &Staging) -> Result<Vec<App>, Failure> {
    let mut apps: Vec<App> = Vec::new();
    for mount in &config.mounts {
        let known = apps.iter_mut().find(|app| {
            app.file == mount.file && mount.name.as_ref().is_none_or(|name| *name == app.name)
        });
        if let Some(app) = known {
            app.mounts.push(mount.clone());
            continue;
        }
        let artifact = library_of(&mount.file, config.profile)
            .and_then(|file| load::take(&file, staging).map_err(Failure::from));
        let name = mount.name.clone().unwrap_or_else(|| match &artifact {
            Ok(artifact) => artifact.facts.descriptor.name.clone(),
            Err(_) => mount.file.display().to_string(),
        });
        if let Some(first) = apps.iter().find(|app| app.name == name) {
            return Err(clash(first, mount, &name).into());
        }
        let file = mount.file.clone();
        apps.push(App { name, file, mounts: vec![mount.clone()], artifact });
    }
    Ok(apps)
}

fn clash(first: &App, second: &Mount, name: &str) -> ConfigError {
    let file = second.file.display();
    let path = if second.path.is_empty() { String::new() } else { format!("{}=", second.path) };
    ConfigError::Name {
        name: name.to_owned(),
        first: first.file.display().to_string(),
        second: file.to_string(),
        flag: format!("{} {path}{name}-2={file}", second.flag),
    }
}

fn start(artifact: Artifact, name: &str, config: &Config) -> Result<Started, Failure> {
    let json = config.settings.json(name);
    let layout = load::probe(&artifact, name, &json, &config.limits)?;
    let (version, compiler) =
        (artifact.facts.descriptor.version.clone(), artifact.facts.descriptor.compiler.clone());
    let digest = artifact.digest.clone();
    let generation = load::start(artifact, name, &json, &config.limits)?;
    let number = generation.number();
    tracing::info!(
        app = name,
        generation = number,
        version,
        digest = &digest[..12],
        compiler,
        "in service, layout {layout}"
    );
    let build = Build { version, digest, generation: number };
    Ok(Started { generation, build, layout: layout.to_string() })
}
