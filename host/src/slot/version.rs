//! One version of an application, from its file to a tenure that can be put into service.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Host, Spec};
use crate::apps::library_of;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::operator::{Build, Progress, Step};
use crate::plugin::artifact::Artifact;
use crate::plugin::inspect::Kind;
use crate::plugin::load::{self, Previous};
use crate::tenure::Tenure;

/// A version that was started.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) tenure: Arc<Tenure>,
    pub(crate) artifact: Arc<Artifact>,
    pub(crate) build: Build,
    /// How the layout was checked.
    pub(crate) layout: String,
    /// When it was put into service.
    pub(crate) since: Moment,
    /// What it was given before that, by the generations that it is from.
    pub(super) inherited: Vec<u64>,
    /// Cloned by whoever has it hand over state, or take some over.
    pub(super) handing: Arc<()>,
}

/// The steps of a deploy, told as they are done.
pub(crate) struct Steps<'a> {
    pub(super) done: Vec<Step>,
    tell: &'a dyn Fn(Progress),
}

impl<'a> Steps<'a> {
    pub(crate) fn new(tell: &'a dyn Fn(Progress)) -> Self {
        Self { done: Vec::new(), tell }
    }

    /// Does one step.
    pub(super) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> T) -> T {
        (self.tell)(Progress::Begun(name.to_owned()));
        let began = Instant::now();
        let result = step();
        self.finish(name, began);
        result
    }

    fn finish(&mut self, name: &str, began: Instant) {
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let done = Step { name: name.to_owned(), milliseconds };
        (self.tell)(Progress::Done(done.clone()));
        self.done.push(done);
    }

    /// Tells a step that was none until it was done.
    pub(super) fn add(&mut self, name: &str, began: Instant) {
        (self.tell)(Progress::Begun(name.to_owned()));
        self.finish(name, began);
    }

    /// Says something that is no step.
    pub(super) fn note(&self, text: String) {
        (self.tell)(Progress::Note(text));
    }
}

/// Reads and copies a library of a kind; a crate folder is built first.
pub(crate) fn read(
    host: &Host,
    file: &Path,
    kind: Kind,
    steps: &mut Steps<'_>,
) -> Result<Artifact, Failure> {
    let library = if file.is_dir() {
        steps.run("build", || library_of(file, host.profile))?
    } else {
        file.to_path_buf()
    };
    let take = || load::expect(load::take(&library, &host.staging)?, kind, &library);
    Ok(steps.run("read", take)?)
}

/// Tries a version in a child, opens it, and starts its application.
pub(crate) fn start(
    host: &Host,
    artifact: Artifact,
    app: &str,
    spec: &Spec,
    previous: Previous,
    steps: &mut Steps<'_>,
) -> Result<Version, Failure> {
    probe(host, &artifact, app, spec, steps)?;
    open(host, Arc::new(artifact), app, &spec.config, previous, steps)
}

/// Tries a version in a child.
pub(super) fn probe(
    host: &Host,
    artifact: &Artifact,
    app: &str,
    spec: &Spec,
    steps: &mut Steps<'_>,
) -> Result<(), Failure> {
    let (config, wish) = (&spec.config, spec.policy.probe.as_ref());
    steps.run("probe", || load::probe(artifact, app, config, wish, &host.limits))?;
    Ok(())
}

/// Opens a version whose bytes have passed a probe before, and starts its application.
pub(crate) fn open(
    host: &Host,
    artifact: Arc<Artifact>,
    app: &str,
    config: &str,
    previous: Previous,
    steps: &mut Steps<'_>,
) -> Result<Version, Failure> {
    let generation = steps
        .run("start", || load::start(Arc::clone(&artifact), app, config, previous, &host.limits))?;
    if let Some(warning) = artifact.facts.marks.and_then(|marks| marks.signals.warning()) {
        tracing::warn!(app, generation = generation.number(), "{warning}");
    }
    let told = &artifact.facts.descriptor;
    let (version, digest) = (told.version.clone(), artifact.digest.clone());
    let build = Build { version, digest, generation: generation.number() };
    let layout = generation.code().map_or_else(String::new, |code| code.layout.to_string());
    let tenure = Tenure::open(Arc::new(generation), host.debug_headers, &host.limits)?;
    let (inherited, handing) = (Vec::new(), Arc::default());
    Ok(Version { tenure, artifact, build, layout, since: Moment::now(), inherited, handing })
}
