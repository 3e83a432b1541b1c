//! Applications and layers for one request: each library is inspected, and opened where it lies.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::script::{ScriptError, library_of};
use super::{Asked, one_request};
use crate::cli::Serve;
use crate::config::{Config, Origin};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::linked;
use crate::plan::{Place, Plan};
use crate::plugin::artifact::Artifact;
use crate::plugin::load::{self, LoadError, Previous};
use crate::roster::{Part, Roster};
use crate::tenure::Tenure;

/// What was started.
pub(super) struct InPlace {
    pub(super) plan: Plan,
    pub(super) tenures: Vec<Arc<Tenure>>,
    pub(super) limits: Arc<Limits>,
}

/// What was read on the way to names.
type Read = BTreeMap<PathBuf, Result<Artifact, LoadError>>;

/// Starts what a server asks for. A file is mounted where the server has put it.
pub(super) fn start(asked: &Asked, mount: impl FnOnce() -> String) -> Result<InPlace, Failure> {
    let config = config(asked, mount)?;
    let limits = Arc::new(one_request(Limits::clone(&config.limits)));
    let mut read = Read::new();
    let roster = Roster::of(&config, &mut |file| {
        let artifact = load::in_place(file);
        let name = match &artifact {
            Ok(artifact) => artifact.facts.descriptor.name.clone(),
            Err(_) => file.display().to_string(),
        };
        read.insert(file.to_path_buf(), artifact);
        name
    })?;
    if read.values().all(Result::is_ok) {
        config.settings.check_names(&roster.names())?;
    }
    let (mut places, mut tenures) = (BTreeMap::new(), Vec::new());
    for part in &roster.parts {
        let tenure = start_one(part, &config, &limits, &mut read)?;
        places.insert(part.name.clone(), Place::Serving(Arc::clone(&tenure)));
        tenures.push(tenure);
    }
    let mut plan = Plan::default();
    plan.rearrange(roster.mounts, places)?;
    Ok(InPlace { plan, tenures, limits })
}

fn config(asked: &Asked, mount: impl FnOnce() -> String) -> Result<Config, Failure> {
    match asked {
        Asked::Nothing => Err(ScriptError::Nothing.into()),
        Asked::Config(file) => {
            Ok(Config::resolve(Serve { config: Some(file.clone()), ..Serve::default() })?)
        }
        Asked::File(file) => {
            let load = vec![library_of(file)?.display().to_string()];
            let mut config = Config::resolve(Serve { load, ..Serve::default() })?;
            let mount = mount();
            config.mounts.iter_mut().for_each(|one| one.path.clone_from(&mount));
            Ok(config)
        }
    }
}

fn start_one(
    part: &Part,
    config: &Config,
    limits: &Arc<Limits>,
    read: &mut Read,
) -> Result<Arc<Tenure>, Failure> {
    let (name, json) = (&*part.name, config.settings.json(&part.name));
    match &part.origin {
        Origin::File(file) => {
            let artifact = read.remove(file).unwrap_or_else(|| load::in_place(file))?;
            let artifact = Arc::new(load::expect(artifact, part.kind, file)?);
            let generation = load::start(artifact, name, &json, Previous::None, limits)?;
            Ok(Tenure::open(Arc::new(generation), config.debug_headers, limits)?)
        }
        Origin::Linked(kind) => {
            let kind = linked::find(kind)?;
            Ok(linked::open(name, kind, part.kind, &json, config.debug_headers, limits)?)
        }
    }
}
