//! What the tables of a config mean: names lead to what they name, and one thing stands at each
//! place.
//!
//! Every mistake is told at once. Invariant: what is resolved here needs no second look, but for
//! the files that it names.

mod listen;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::place::{Mistake, Sources, Span};
use super::settings::Settings;
use super::shape::{Secrets, meant};
use super::tables::{self, Deploy, Tables, put, put_time};
use super::typed::{is_name, mount_path};
use super::{Around, Layer, Mount, Origin};
use crate::authority::HostPattern;
use crate::limits::Limits;
use crate::linked;
use crate::listener::Listen;
use crate::plugin::inspect::Kind;
use crate::plugin::probe::Wish;
use crate::slot::Policy;

/// The kind that serves a folder.
const STATIC: &str = "static";

/// What is linked into the host, by name.
#[derive(Clone, Debug)]
pub(super) struct Kinds {
    pub(super) layers: Vec<&'static str>,
    pub(super) apps: Vec<&'static str>,
}

impl Kinds {
    pub(super) fn linked() -> Self {
        let (layers, apps): (Vec<&linked::Kind>, Vec<_>) =
            linked::KINDS.iter().partition(|kind| kind.role == Kind::Layer);
        let names = |kinds: Vec<&linked::Kind>| kinds.iter().map(|kind| kind.name).collect();
        Self { layers: names(layers), apps: names(apps) }
    }
}

/// How far a config is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its own texts: what it names may come, or be broken, later.
    Text,
    /// And whether what it names is there.
    Files,
}

/// What a config file means.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) listen: Vec<Listen>,
    pub(super) mounts: Vec<Mount>,
    pub(super) layers: Vec<Layer>,
    pub(super) settings: Settings,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) limits: Limits,
    pub(super) debug_headers: Option<bool>,
    pub(super) control: Option<PathBuf>,
    pub(super) state: Option<PathBuf>,
}

/// What the tables mean, or all that is wrong with them.
pub(super) fn of(
    sources: &Sources,
    tables: &Tables,
    secrets: &Secrets,
    kinds: &Kinds,
    look: Look,
) -> Result<Written, Vec<Mistake>> {
    let mut meaning = Meaning { sources, tables, secrets, kinds, mistakes: Vec::new() };
    let (listen, mounts, layers) = (meaning.listen(), meaning.mounts(), meaning.layers());
    meaning.apps();
    if meaning.mistakes.is_empty() {
        meaning.unused(&mounts, &layers);
    }
    if look == Look::Files {
        meaning.files();
    }
    let (settings, policies) = meaning.by_name(&mounts);
    if !meaning.mistakes.is_empty() {
        return Err(meaning.mistakes);
    }
    let beside = |path: &Spanned<PathBuf>| sources.beside(&path.span(), path.get_ref());
    let server = &tables.server;
    Ok(Written {
        listen,
        mounts,
        layers,
        settings,
        policies,
        limits: server.limits(Limits::default()),
        debug_headers: server.debug_headers,
        control: server.control.as_ref().map(beside),
        state: server.state.as_ref().map(beside),
    })
}

struct Meaning<'a> {
    sources: &'a Sources,
    tables: &'a Tables,
    secrets: &'a Secrets,
    kinds: &'a Kinds,
    mistakes: Vec<Mistake>,
}

impl<'a> Meaning<'a> {
    fn wrong(&mut self, at: Span, what: String) {
        self.mistakes.push(Mistake::new(at, what));
    }

    fn wrong_with(&mut self, at: Span, what: String, help: impl Into<String>) {
        self.mistakes.push(Mistake::new(at, what).help(help));
    }

    /// A text as a message may show it.
    fn said(&self, text: &'a Spanned<String>) -> &'a str {
        let written = || self.sources.written(&text.span()).trim_matches(['"', '\'']);
        if self.secrets.has(&text.span()) { written() } else { text.get_ref() }
    }

    fn mounts(&mut self) -> Vec<Mount> {
        let (mut mounts, mut taken) = (Vec::new(), HashMap::new());
        for mount in &self.tables.mount {
            let host = mount.host.as_ref().and_then(|host| self.host(host));
            let Some(path) = mount_path(mount.path.get_ref()) else {
                let what = format!("`{}` is not a path to mount at", self.said(&mount.path));
                self.wrong_with(mount.path.span(), what, "path = \"/shop\"");
                continue;
            };
            let place = (host.clone(), path.clone());
            if let Some(first) = taken.insert(place, mount.path.span()) {
                let host = mount.host.as_ref().map_or("", |host| self.said(host));
                let path = self.said(&mount.path).trim_end_matches('/');
                let what = format!("a second application is mounted at `{host}{path}/`");
                let mistake = Mistake::new(mount.path.span(), what);
                self.mistakes.push(mistake.beside(first, "the first one"));
            }
            let layers = self.stack(&self.tables.enable, &mount.stack);
            let named = match (&mount.app, &mount.files) {
                (Some(app), None) => self.app(app),
                (None, Some(files)) => self.folder(files, host.as_ref(), &path),
                (Some(_), Some(folder)) => {
                    let what = String::from("a mount has `app` or `static`, not both");
                    self.wrong(folder.span(), what);
                    None
                }
                (None, None) => {
                    let what = String::from("this mount has neither `app` nor `static`");
                    self.wrong(mount.path.span(), what);
                    None
                }
            };
            if let Some((name, origin)) = named {
                let name = Some(name);
                mounts.push(Mount { host, path, name, origin, layers, flag: "--mount" });
            }
        }
        mounts
    }

    fn host(&mut self, text: &'a Spanned<String>) -> Option<HostPattern> {
        let pattern = text.get_ref().parse();
        if pattern.is_err() {
            let help = match text.get_ref() {
                name if matches!(&**name, "" | "*") => "without `host` a mount is for every host",
                name if name.contains("://") || name.contains('/') => {
                    "a host alone: host = \"example.org\", and `path` for the rest"
                }
                name if name.contains(':') => "a host has no port: host = \"example.org\"",
                name if !name.is_ascii() => "a name of other letters is written as xn--...",
                _ => "host = \"example.org\", or \"*.example.org\" for all below it",
            };
            let what = format!("`{}` is not a host to mount for", self.said(text));
            self.wrong_with(text.span(), what, help);
        }
        pattern.ok()
    }

    /// The application of this name.
    fn app(&mut self, name: &'a Spanned<String>) -> Option<(String, Origin)> {
        if let Some(app) = self.tables.apps.get(&**name.get_ref()) {
            let file = self.sources.beside(&app.path.span(), app.path.get_ref());
            return Some((name.get_ref().clone(), Origin::File(file)));
        }
        let what = format!("no application is named `{}`", self.said(name));
        let help = if self.tables.layers.contains_key(&**name.get_ref()) {
            Some(String::from("a layer stands in `stack`, around an application"))
        } else {
            meant(self.said(name), self.tables.apps.keys().map(|app| &**app.get_ref()))
        };
        self.mistakes.push(Mistake::new(name.span(), what).maybe_help(help));
        None
    }

    /// The files of a folder. No application of a config has such a name.
    fn folder(
        &mut self,
        files: &Spanned<PathBuf>,
        host: Option<&HostPattern>,
        path: &str,
    ) -> Option<(String, Origin)> {
        if !self.kinds.apps.contains(&STATIC) {
            self.wrong(files.span(), String::from("nothing in this host serves a folder"));
        }
        let host = host.map(HostPattern::to_string).unwrap_or_default();
        Some((format!("{STATIC}:{host}{path}/"), Origin::Linked(String::from(STATIC))))
    }

    /// Names of layers, each once, and none of those that stand outside.
    fn stack(
        &mut self,
        outside: &'a [Spanned<String>],
        names: &'a [Spanned<String>],
    ) -> Vec<String> {
        let outside = outside.iter().map(|name| (&**name.get_ref(), name.span()));
        let mut known: BTreeMap<&str, Span> = outside.collect();
        for name in names {
            if let Some(first) = known.insert(name.get_ref(), name.span()) {
                let what = format!("`{}` would stand around a mount twice", self.said(name));
                let mistake = Mistake::new(name.span(), what);
                self.mistakes.push(mistake.beside(first, "the first one"));
            }
            self.is_layer(name);
        }
        names.iter().map(|name| name.get_ref().clone()).collect()
    }

    fn is_layer(&mut self, name: &'a Spanned<String>) {
        let (layers, text) = (&self.tables.layers, &**name.get_ref());
        if layers.contains_key(text) || self.kinds.layers.contains(&text) {
            return;
        }
        let what = format!("no layer is named `{}`", self.said(name));
        let help = if self.tables.apps.contains_key(text) {
            Some(String::from("an application stands in `app`, within its layers"))
        } else {
            let names = layers.keys().map(|layer| &**layer.get_ref());
            meant(
                self.said(name),
                names.chain(self.kinds.layers.iter().copied()).collect::<BTreeSet<_>>(),
            )
        };
        self.mistakes.push(Mistake::new(name.span(), what).maybe_help(help));
    }

    /// Every layer that stands somewhere, those around every mount first.
    fn layers(&mut self) -> Vec<Layer> {
        let tables = self.tables;
        self.stack(&[], &tables.enable);
        let every = tables.enable.iter().map(|name| (name.get_ref(), Around::Every));
        let stacks = tables.mount.iter().flat_map(|mount| &mount.stack);
        let named = stacks.map(|name| (name.get_ref(), Around::Named));
        let (mut layers, mut seen) = (Vec::new(), BTreeSet::new());
        for (name, around) in every.chain(named) {
            if seen.insert(&**name) {
                let origin = self.origin(name);
                let flag = "--enable";
                layers.push(Layer { name: Some(name.clone()), origin, around, flag });
            }
        }
        layers
    }

    /// Where the code of a layer is. One that is not there was told where it is named.
    fn origin(&self, name: &str) -> Origin {
        let linked = |kind: &str| Origin::Linked(kind.to_owned());
        match self.tables.layers.get(name) {
            Some(tables::Layer { path: Some(path), .. }) => {
                Origin::File(self.sources.beside(&path.span(), path.get_ref()))
            }
            Some(tables::Layer { kind: Some(kind), .. }) => linked(kind.get_ref()),
            _ => linked(name),
        }
    }

    /// Applications and layers themselves, wherever they stand.
    fn apps(&mut self) {
        let tables = self.tables;
        for name in tables.apps.keys() {
            self.is_named(name, "an application");
        }
        for (name, layer) in &tables.layers {
            self.is_named(name, "a layer");
            if let Some((app, _)) = tables.apps.get_key_value(&**name.get_ref()) {
                let what = format!("`{name}` is an application and a layer");
                self.mistakes.push(Mistake::new(name.span(), what).beside(app.span(), "the other"));
            }
            self.layer(name, layer);
        }
    }

    fn layer(&mut self, name: &Spanned<String>, layer: &'a tables::Layer) {
        let tables::Layer { path, kind, deploy, .. } = layer;
        if let (Some(deploy), None) = (deploy, path) {
            let what = format!("`{name}` is linked into the host: no version replaces it");
            self.wrong(deploy.span(), what);
        }
        let help = format!("possible kinds: {}", self.kinds.layers.join(", "));
        match (path, kind) {
            (Some(_), Some(kind)) => {
                self.wrong(kind.span(), String::from("a layer has `path` or `kind`, not both"));
            }
            (None, Some(kind)) if !self.kinds.layers.contains(&&**kind.get_ref()) => {
                let what = format!("nothing in the host is of the kind `{}`", self.said(kind));
                let help = meant(self.said(kind), self.kinds.layers.iter().copied());
                self.mistakes.push(Mistake::new(kind.span(), what).maybe_help(help));
            }
            (None, None) if !self.kinds.layers.contains(&&**name.get_ref()) => {
                let what = format!("the layer `{name}` has neither `path` nor `kind`");
                self.wrong_with(name.span(), what, help);
            }
            (Some(_), None) | (None, _) => {}
        }
    }

    fn is_named(&mut self, name: &Spanned<String>, what: &str) {
        if !is_name(name.get_ref()) {
            let what = format!("`{name}`: the name of {what} has letters, digits, `-` and `_`");
            self.wrong(name.span(), what);
        }
    }

    /// Whether what is named is there.
    fn files(&mut self) {
        let tables = self.tables;
        let apps = tables.apps.values().map(|app| &app.path);
        let layers = tables.layers.values().filter_map(|layer| layer.path.as_ref());
        apps.chain(layers).for_each(|path| self.is_there(path, Path::exists, "file"));
        let folders = tables.mount.iter().filter_map(|mount| mount.files.as_ref());
        folders.for_each(|path| self.is_there(path, Path::is_dir, "folder"));
    }

    fn is_there(&mut self, path: &Spanned<PathBuf>, is_it: fn(&Path) -> bool, kind: &str) {
        if !is_it(&self.sources.beside(&path.span(), path.get_ref())) {
            let said = self.sources.written(&path.span()).trim_matches(['"', '\'']);
            let what = format!("there is no {kind} `{said}`");
            let help = "a path is meant from the folder of its config";
            self.wrong_with(path.span(), what, help);
        }
    }

    /// What stands nowhere. One of these may have been meant where a name leads nowhere.
    fn unused(&mut self, mounts: &[Mount], layers: &[Layer]) {
        let tables = self.tables;
        let mounted: BTreeSet<_> = mounts.iter().filter_map(|it| it.name.as_deref()).collect();
        let stands: BTreeSet<_> = layers.iter().filter_map(|it| it.name.as_deref()).collect();
        for name in tables.apps.keys().filter(|name| !mounted.contains(&**name.get_ref())) {
            let what = format!("the application `{name}` is mounted nowhere");
            let help = format!("[[mount]] with path = \"/\" and app = \"{name}\"");
            self.wrong_with(name.span(), what, help);
        }
        for name in tables.layers.keys().filter(|name| !stands.contains(&**name.get_ref())) {
            let what = format!("the layer `{name}` stands in no stack");
            let help = format!("enable = [\"{name}\"], or stack = [\"{name}\"] in a mount");
            self.wrong_with(name.span(), what, help);
        }
    }

    /// What is said of applications and layers by their names.
    fn by_name(&self, mounts: &[Mount]) -> (Settings, BTreeMap<String, Policy>) {
        let (mut settings, mut policies) = (BTreeMap::new(), BTreeMap::new());
        for (name, app) in &self.tables.apps {
            policies.insert(name.get_ref().clone(), self.policy(&app.deploy));
            settings.insert(name.get_ref().clone(), app.config.clone());
        }
        for (name, layer) in &self.tables.layers {
            if let Some(deploy) = &layer.deploy {
                policies.insert(name.get_ref().clone(), self.policy(deploy.get_ref()));
            }
            settings.insert(name.get_ref().clone(), layer.config.clone());
        }
        let folders = self.tables.mount.iter().filter_map(|mount| mount.files.as_ref());
        let served = mounts.iter().filter(|mount| matches!(mount.origin, Origin::Linked(_)));
        for (folder, mount) in folders.zip(served) {
            let folder = self.sources.beside(&folder.span(), folder.get_ref());
            let folder = folder.display().to_string();
            let table = toml::Table::from_iter([(String::from("root"), folder.into())]);
            settings.extend(mount.name.clone().map(|name| (name, table)));
        }
        settings.retain(|_, table| !table.is_empty());
        (Settings::from(settings), policies)
    }

    /// How versions are replaced.
    fn policy(&self, deploy: &Deploy) -> Policy {
        let mut policy = Policy::default();
        let Deploy { keep_previous, exclusive_hold, panics, window, probe } = deploy;
        put(&mut policy.keep_previous, keep_previous.map(Into::into));
        put(&mut policy.panics, *panics);
        put_time(&mut policy.window, *window);
        put_time(&mut policy.exclusive_hold, *exclusive_hold);
        policy.probe = probe.as_ref().map(|probe| {
            let (reach, place) = ((*probe.get_ref()).into(), self.sources.place(&probe.span()));
            Wish { reach, place }
        });
        policy
    }
}
