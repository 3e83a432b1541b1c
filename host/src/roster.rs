//! Who is to serve, by name: the applications and layers that a config speaks of, and the mounts
//! that are made of their names.
//!
//! Applications and layers share one space of names, so that every verb and setting finds its own.
//! Invariant: a name that somebody gave stands for one part, or the config is refused; one that
//! nobody gave and that is taken gets a number.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::config::{Around, Config, ConfigError, Layer, Mount, Origin};
use crate::plan::Mount as Planned;
use crate::plugin::inspect::Kind;
use crate::slot::Spec;

/// All parts, and the mounts.
#[derive(Debug)]
pub(crate) struct Roster {
    /// Applications in the order of their mounts, then layers, outermost first.
    pub(crate) parts: Vec<Part>,
    pub(crate) mounts: Vec<Planned>,
    /// Names that were taken, each with the one that was given instead.
    pub(crate) renamed: Vec<(String, String)>,
}

/// An application or a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    /// Where it answers or what it stands around, as people write it.
    pub(crate) mounts: Vec<String>,
}

/// Names as they are given away.
#[derive(Default)]
struct Names {
    parts: Vec<Part>,
    taken: HashMap<String, usize>,
}

impl Roster {
    /// `name_of` says what a file is called that nobody has named.
    pub(crate) fn of(
        config: &Config,
        name_of: &mut dyn FnMut(&Path) -> String,
    ) -> Result<Self, ConfigError> {
        let mut names = Names::default();
        let mut apps = Vec::with_capacity(config.mounts.len());
        for mount in &config.mounts {
            apps.push(names.application(mount, name_of)?);
        }
        // Names that were given come first: who goes by another one has none of its own.
        let (own, free): (Vec<_>, Vec<_>) =
            config.layers.iter().enumerate().partition(|(_, layer)| has_name(layer));
        let (mut layers, mut renamed) = (BTreeMap::new(), Vec::new());
        for (place, layer) in own {
            layers.insert(place, names.named_layer(layer)?);
        }
        for (place, layer) in free {
            layers.insert(place, names.free_layer(layer, name_of, &mut renamed));
        }
        let every: Vec<String> = layers
            .iter()
            .filter(|(place, _)| config.layers[**place].around == Around::Every)
            .map(|(_, name)| name.clone())
            .collect();
        let mounts: Vec<Planned> = config
            .mounts
            .iter()
            .zip(apps)
            .map(|(mount, app)| {
                let layers = every.iter().chain(&mount.layers).cloned().collect();
                Planned { host: mount.host.clone(), path: mount.path.clone(), layers, app }
            })
            .collect();
        let parts = names.in_order(layers.into_values(), &mounts);
        Ok(Self { parts, mounts, renamed })
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.parts.iter().map(|part| part.name.clone()).collect()
    }
}

/// Whether somebody called a layer so; the name of a kind is only what it is called by default.
fn has_name(layer: &Layer) -> bool {
    match (&layer.name, &layer.origin) {
        (None, _) => false,
        (Some(name), Origin::Linked(kind)) => name != kind || layer.around == Around::Named,
        (Some(_), Origin::File(_)) => true,
    }
}

impl Names {
    /// The name of the application of a mount; mounts of one name and one origin are one.
    fn application(
        &mut self,
        mount: &Mount,
        name_of: &mut dyn FnMut(&Path) -> String,
    ) -> Result<String, ConfigError> {
        let origin = &mount.origin;
        let known = match &mount.name {
            Some(name) => self.taken.get(name).map(|at| &self.parts[*at]),
            None => self.parts.iter().find(|part| part.origin == *origin),
        };
        if let Some(known) = known.filter(|known| known.origin == *origin) {
            return Ok(known.name.clone());
        }
        let name = mount.name.clone().unwrap_or_else(|| called(origin, name_of));
        let path = if mount.path.is_empty() { String::new() } else { format!("{}=", mount.path) };
        let flag = || format!("{} {path}{name}-2={origin}", mount.flag);
        self.unless_taken(&name, origin, flag)?;
        self.add(&name, Kind::Application, origin);
        Ok(name)
    }

    fn named_layer(&mut self, layer: &Layer) -> Result<String, ConfigError> {
        let name = layer.name.clone().unwrap_or_default();
        let flag = || format!("{} {name}-2={}", layer.flag, layer.origin);
        self.unless_taken(&name, &layer.origin, flag)?;
        self.add(&name, Kind::Layer, &layer.origin);
        Ok(name)
    }

    fn free_layer(
        &mut self,
        layer: &Layer,
        name_of: &mut dyn FnMut(&Path) -> String,
        renamed: &mut Vec<(String, String)>,
    ) -> String {
        let own = layer.name.clone().unwrap_or_else(|| called(&layer.origin, name_of));
        let numbered = (2..).map(|number| format!("{own}-{number}"));
        let mut names = std::iter::once(own.clone()).chain(numbered);
        let name = names.find(|name| !self.taken.contains_key(name)).unwrap_or_default();
        if name != own {
            renamed.push((own, name.clone()));
        }
        self.add(&name, Kind::Layer, &layer.origin);
        name
    }

    fn unless_taken(
        &self,
        name: &str,
        origin: &Origin,
        flag: impl FnOnce() -> String,
    ) -> Result<(), ConfigError> {
        let Some(at) = self.taken.get(name) else { return Ok(()) };
        let first = self.parts[*at].origin.to_string();
        let (name, second) = (name.to_owned(), origin.to_string());
        Err(ConfigError::Name { name, first, second, flag: flag() })
    }

    fn add(&mut self, name: &str, kind: Kind, origin: &Origin) {
        self.taken.insert(name.to_owned(), self.parts.len());
        let (name, origin, mounts) = (name.to_owned(), origin.clone(), Vec::new());
        self.parts.push(Part { name, kind, origin, mounts });
    }

    /// Applications, then these layers, each with its mounts.
    fn in_order(self, layers: impl Iterator<Item = String>, mounts: &[Planned]) -> Vec<Part> {
        let Self { parts, taken } = self;
        let mut of: HashMap<&str, Vec<String>> = HashMap::new();
        for mount in mounts {
            for name in mount.layers.iter().chain([&mount.app]) {
                of.entry(name).or_default().push(mount.to_string());
            }
        }
        let applications = parts.iter().filter(|part| part.kind == Kind::Application);
        let layers = layers.filter_map(|name| parts.get(*taken.get(&name)?)).collect::<Vec<_>>();
        let all = applications.chain(layers).map(|part| {
            let mounts = of.remove(&*part.name).unwrap_or_default();
            Part { mounts, ..part.clone() }
        });
        all.collect()
    }
}

fn called(origin: &Origin, name_of: &mut dyn FnMut(&Path) -> String) -> String {
    match origin {
        Origin::File(file) => name_of(file),
        Origin::Linked(kind) => kind.clone(),
    }
}

impl Part {
    /// What a config says of it.
    pub(crate) fn spec(&self, config: &Config) -> Spec {
        Spec {
            mounts: self.mounts.clone(),
            config: config.settings.json(&self.name),
            policy: config.policies.get(&self.name).cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Serve;

    fn config(typed: &[(&str, &str)]) -> Config {
        let of = |flag: &str| -> Vec<String> {
            let texts = typed.iter().filter(|(known, _)| *known == flag);
            texts.map(|(_, text)| (*text).to_owned()).collect()
        };
        let (load, mount, enable) = (of("--load"), of("--mount"), of("--enable"));
        let typed = Serve { load, mount, enable, ..Serve::default() };
        Config::resolve(typed).expect("a config")
    }

    /// A file is called like its stem.
    fn roster(typed: &[(&str, &str)]) -> Result<Roster, ConfigError> {
        let stem = |file: &Path| file.file_stem().unwrap_or_default().display().to_string();
        Roster::of(&config(typed), &mut { stem })
    }

    #[test]
    fn layers_stand_around_every_mount_in_their_order() {
        let roster = roster(&[
            ("--mount", "/a=./shop.so"),
            ("--mount", "/b=blog=./shop.so"),
            ("--mount", "/c=./shop.so"),
            ("--enable", "./log.so"),
            ("--enable", "gate=./login.so"),
        ])
        .unwrap();
        let parts: Vec<(&str, Kind, String)> = roster
            .parts
            .iter()
            .map(|part| (&*part.name, part.kind, part.mounts.join(",")))
            .collect();
        let all = || String::from("/a,/b,/c");
        assert_eq!(
            parts,
            [
                ("shop", Kind::Application, String::from("/a,/c")),
                ("blog", Kind::Application, String::from("/b")),
                ("log", Kind::Layer, all()),
                ("gate", Kind::Layer, all()),
            ]
        );
        let rows: Vec<(String, String)> =
            roster.mounts.iter().map(|it| (it.layers.join(" "), it.app.clone())).collect();
        let row = |app: &str| (String::from("log gate"), app.to_owned());
        assert_eq!(rows, [row("shop"), row("blog"), row("shop")]);
        assert!(roster.renamed.is_empty());
    }

    #[test]
    fn a_name_that_nobody_gave_makes_room() {
        let found = roster(&[
            ("--load", "./log.so"),
            ("--enable", "./a/log.so"),
            ("--enable", "log-2=./b.so"),
            ("--enable", "./c/log.so"),
        ])
        .unwrap();
        assert_eq!(found.names(), ["log", "log-3", "log-2", "log-4"]);
        let pair = |own: &str, name: &str| (own.to_owned(), name.to_owned());
        assert_eq!(found.renamed, [pair("log", "log-3"), pair("log", "log-4")]);
        for twice in ["shop=./b.so", "log=./b.so"] {
            let typed =
                [("--load", "shop=./s.so"), ("--enable", "log=./a.so"), ("--enable", twice)];
            let error = roster(&typed).unwrap_err();
            let help = error.help().unwrap();
            assert!(error.to_string().contains("`./b.so`"), "{error}");
            assert!(help.contains("--enable") && help.contains("-2=./b.so"), "{help}");
        }
    }
}
