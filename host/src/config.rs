//! What to serve, resolved and checked before anything is opened.

mod file;
mod layer;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::file::{ConfigFile, FileError};
pub(crate) use self::layer::{Around, Layer};
use crate::authority::HostPattern;
use crate::cli::Serve;
use crate::control::is_name as is_host_name;
use crate::crate_dir::Profile;
use crate::limits::Limits;
use crate::linked::LinkedError;
use crate::slot::Policy;
use crate::tenure::DebugHeaders;

/// Everything that the command line and the config file say, in the host's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) listen: Vec<String>,
    pub(crate) mounts: Vec<Mount>,
    /// Every layer that stands in a stack, once; those around every mount outermost first.
    pub(crate) layers: Vec<Layer>,
    pub(crate) settings: Settings,
    /// How versions of an application are replaced, where it is not as usual.
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) profile: Profile,
    pub(crate) debug_headers: DebugHeaders,
    pub(crate) bad_apps: BadApps,
    pub(crate) changes: Changes,
    /// What the user calls this host; otherwise it is its first port.
    pub(crate) name: Option<String>,
    /// Where the user wants the control socket.
    pub(crate) control: Option<PathBuf>,
    /// Where versions are kept for the next start.
    pub(crate) state: Option<PathBuf>,
}

/// One application at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Hosts it is for; any, if none is said.
    pub(crate) host: Option<HostPattern>,
    /// Path without a trailing slash; empty for the root.
    pub(crate) path: String,
    /// Name the user gave; otherwise it is the descriptor's.
    pub(crate) name: Option<String>,
    pub(crate) origin: Origin,
    /// Names of the layers around it and no other mount, outermost first. They stand inside those
    /// that are around every mount.
    pub(crate) layers: Vec<String>,
    /// The flag it came from, for messages.
    pub(crate) flag: &'static str,
}

/// Where the code of an application or a layer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "the config file says it with its next change")]
pub(crate) enum Origin {
    /// A library, or the folder of a crate.
    File(PathBuf),
    /// It is linked into the host under this name.
    Linked(String),
}

/// What to do about an application that cannot be taken into service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadApps {
    /// Its mount answers 503, the others serve.
    Answer503,
    /// Do not start.
    Refuse,
}

/// What to do when an application's file or crate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changes {
    /// Deploy it: `--watch`.
    Deploy,
    /// Nothing, until somebody asks.
    Leave,
}

/// Config of applications by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings(BTreeMap<String, toml::Table>);

/// Why a command line cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    #[error("nothing to serve: neither `--load` nor `--mount` was given")]
    Nothing,
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`--mount {0}` is not of the form /PATH=FILE")]
    Mount(String),
    #[error("`--set {0}` is not of the form APP.KEY=VALUE")]
    Set(String),
    #[error("`--set {text}`: `{key}` is a value already and has no keys of its own")]
    Key { text: String, key: String },
    #[error("`--name {0}`: a name has letters, digits, `-`, `_` and `.`, and begins with no dot")]
    HostName(String),
    #[error("`--listen {address}`: this host does not speak `{protocol}`")]
    Protocol { address: String, protocol: String },
    #[error("two applications are mounted at `{path}`: {first} and {second}")]
    Twice { path: String, first: String, second: String },
    #[error("`--set {app}...`: no application is named `{app}`")]
    NoApp { app: String, apps: Vec<String> },
    #[error("`{name}` is an application and a layer, before and after")]
    Another { name: String },
    #[error("`--enable {0}` names no layer")]
    Enable(String),
    #[error(transparent)]
    Linked(#[from] LinkedError),
    #[error("two applications or layers are named `{name}`: `{first}` and `{second}`")]
    Name { name: String, first: String, second: String, flag: String },
}

impl ConfigError {
    /// What the user can do.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Nothing => Some(String::from("host --load app.so, or host --load ./my-crate")),
            Self::File(error) => error.help(),
            Self::Mount(_) => Some(String::from("--mount /shop=./shop.so")),
            Self::Set(_) => Some(String::from("--set shop.currency=EUR")),
            Self::HostName(_) => Some(String::from("--name shop")),
            Self::Protocol { .. } => Some(String::from("--listen 127.0.0.1:8080")),
            Self::Twice { second, .. } => {
                Some(format!("give {second} a path of its own: --mount /PATH=FILE"))
            }
            Self::NoApp { apps, .. } => Some(format!("the applications are: {}", apps.join(", "))),
            Self::Name { flag, .. } => Some(format!("give one another name: {flag}")),
            Self::Enable(_) => Some(String::from("--enable ./log.so")),
            Self::Another { .. } => Some(String::from("give what is new another name")),
            Self::Linked(error) => error.help(),
            Self::Key { .. } => None,
        }
    }
}

impl Config {
    /// What a file means, with nothing typed beside it.
    pub(crate) fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::resolve(Serve { config: Some(file.to_path_buf()), ..Serve::default() })
    }

    /// Resolves what was typed, and what stands in the file that was named.
    pub(crate) fn resolve(typed: Serve) -> Result<Self, ConfigError> {
        let file = typed.config.as_deref().map(ConfigFile::read).transpose()?;
        let written = file.as_ref().map(Written::of).transpose()?.unwrap_or_default();
        let mut mounts: Vec<Mount> =
            typed.load.iter().map(|text| Mount::at(String::new(), text, "--load")).collect();
        for text in &typed.mount {
            mounts.push(Mount::parse(text)?);
        }
        one_at_each_path(&mounts)?;
        let typed_at = |path: &String| mounts.iter().any(|mount| mount.path == *path);
        let left = written.mounts.into_iter().filter(|mount| !typed_at(&mount.path));
        let mut left: Vec<Mount> = left.collect();
        mounts.append(&mut left);
        if mounts.is_empty() {
            return Err(ConfigError::Nothing);
        }
        let mut settings = written.settings;
        // Of an application that the command line has put out of its places.
        let stays =
            |app: &String| mounts.iter().any(|it| it.name.as_ref().is_none_or(|it| it == app));
        settings.0.retain(|app, _| stays(app));
        for text in &typed.set {
            settings.set(text)?;
        }
        let listen: Result<Vec<String>, ConfigError> =
            typed.listen.iter().map(|text| address(text)).collect();
        let mut listen = listen?;
        if listen.is_empty() {
            listen = written.listen;
        }
        if listen.is_empty() {
            listen.push(String::from("127.0.0.1:8080"));
        }
        let limits = with_times(written.limits, &typed);
        let profile = if typed.debug { Profile::Debug } else { Profile::Release };
        let shown = typed.debug_headers || written.debug_headers == Some(true);
        let debug_headers = if shown { DebugHeaders::Shown } else { DebugHeaders::Hidden };
        let bad_apps = if typed.strict { BadApps::Refuse } else { BadApps::Answer503 };
        let changes = if typed.watch { Changes::Deploy } else { Changes::Leave };
        if let Some(name) = typed.name.as_deref().filter(|name| !is_host_name(name)) {
            return Err(ConfigError::HostName(name.to_owned()));
        }
        let (name, control) = (typed.name, typed.control.or(written.control));
        let state = typed.state.or(written.state);
        let (limits, policies) = (Arc::new(limits), written.policies);
        let layers: Result<Vec<Layer>, ConfigError> =
            typed.enable.iter().map(|text| Layer::parse(text)).collect();
        let layers = layers?;
        Ok(Self {
            listen,
            mounts,
            layers,
            settings,
            policies,
            limits,
            profile,
            debug_headers,
            bad_apps,
            changes,
            name,
            control,
            state,
        })
    }
}

/// What a config file means.
#[derive(Debug, Default)]
struct Written {
    listen: Vec<String>,
    mounts: Vec<Mount>,
    settings: Settings,
    policies: BTreeMap<String, Policy>,
    limits: Limits,
    debug_headers: Option<bool>,
    control: Option<PathBuf>,
    state: Option<PathBuf>,
}

/// The limits that were typed in place of those that were written.
fn with_times(limits: Limits, typed: &Serve) -> Limits {
    Limits {
        request_timeout: typed.request_timeout.unwrap_or(limits.request_timeout),
        drain_timeout: typed.drain_timeout.unwrap_or(limits.drain_timeout),
        probe_timeout: typed.probe_timeout.unwrap_or(limits.probe_timeout),
        init_timeout: typed.init_timeout.unwrap_or(limits.init_timeout),
        handover_timeout: typed.handover_timeout.unwrap_or(limits.handover_timeout),
        ..limits
    }
}

impl Written {
    fn of(file: &ConfigFile) -> Result<Self, ConfigError> {
        let tables = &file.tables;
        let listen = listen_of(file)?;
        let mut settings = BTreeMap::new();
        let mut policies = BTreeMap::new();
        for (name, app) in &tables.apps {
            let (span, name) = (name.span(), name.get_ref().clone());
            if !is_name(&name) {
                let what =
                    format!("`{name}`: an application's name has letters, digits, `-` and `_`");
                return Err(file.wrong(span, what, None).into());
            }
            if !tables.mount.iter().any(|mount| *mount.app.get_ref() == name) {
                let what = format!("the application `{name}` is mounted nowhere");
                let help = format!("[[mount]] with path = \"/\" and app = \"{name}\"");
                return Err(file.wrong(span, what, Some(help)).into());
            }
            policies.insert(name.clone(), app.policy(file));
            if !app.config.is_empty() {
                settings.insert(name, app.config.clone());
            }
        }
        let mounts = mounts_of(file)?;
        let control = tables.server.control.as_deref().map(|socket| file.beside(socket));
        let state = tables.server.state.as_deref().map(|folder| file.beside(folder));
        let limits = tables.server.limits(Limits::default());
        let settings = Settings(settings);
        let debug_headers = tables.server.debug_headers;
        Ok(Self { listen, mounts, settings, policies, limits, debug_headers, control, state })
    }
}

fn listen_of(file: &ConfigFile) -> Result<Vec<String>, ConfigError> {
    let tables = &file.tables;
    let mut listen = Vec::new();
    let texts = tables.server.listen.iter().map(|text| (text, None));
    for (bind, protocol) in
        texts.chain(tables.listen.iter().map(|one| (&one.bind, one.protocol.as_ref())))
    {
        if let Some(protocol) = protocol.filter(|protocol| protocol.get_ref() != "http") {
            let what = format!("this host does not speak `{}`", protocol.get_ref());
            return Err(file.wrong(protocol.span(), what, None).into());
        }
        let fine = address(bind.get_ref());
        listen
            .push(fine.map_err(|error| file.wrong(bind.span(), error.to_string(), error.help()))?);
    }
    Ok(listen)
}

fn mounts_of(file: &ConfigFile) -> Result<Vec<Mount>, ConfigError> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in &file.tables.mount {
        let (text, name) = (mount.path.get_ref(), mount.app.get_ref());
        let Some(path) = mount_path(text) else {
            let help = Some(String::from("path = \"/shop\""));
            let what = format!("`{text}` is not a path to mount at");
            return Err(file.wrong(mount.path.span(), what, help).into());
        };
        let app = file.tables.apps.iter().find(|(known, _)| known.get_ref() == name);
        let Some((_, app)) = app else {
            let names: Vec<&str> =
                file.tables.apps.keys().map(|name| name.get_ref().as_str()).collect();
            let what = format!("no application is named `{name}`");
            return Err(file.wrong(mount.app.span(), what, file::meant(name, &names)).into());
        };
        if mounts.iter().any(|known| known.path == path) {
            let what = format!("a second application is mounted at `{path}/`");
            return Err(file.wrong(mount.path.span(), what, None).into());
        }
        let (name, origin) = (Some(name.clone()), Origin::File(file.beside(&app.path)));
        let (host, layers) = (None, Vec::new());
        mounts.push(Mount { host, path, name, origin, layers, flag: "--mount" });
    }
    Ok(mounts)
}

/// A path of a mount, decoded and without a trailing slash.
fn mount_path(path: &str) -> Option<String> {
    if crate::path::check(path).is_err() || path.contains("//") {
        return None;
    }
    let bare = path.trim_end_matches('/');
    let decoded = crate::path::decode(bare);
    // An encoded slash would be part of a segment, where a mount has none.
    let slashes = decoded.iter().filter(|byte| **byte == b'/').count();
    let decoded = String::from_utf8(decoded.into_owned()).ok()?;
    (slashes == bare.matches('/').count()).then_some(decoded)
}

impl Mount {
    /// `/PATH=[NAME=]FILE`.
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Mount(text.to_owned());
        let (path, file) = text.split_once('=').ok_or_else(wrong)?;
        match mount_path(path) {
            Some(path) if !file.is_empty() => Ok(Self::at(path, file, "--mount")),
            _ => Err(wrong()),
        }
    }

    /// `[NAME=]FILE`.
    fn at(path: String, text: &str, flag: &'static str) -> Self {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) if is_name(name) => (Some(name.to_owned()), file),
            _ => (None, text),
        };
        let (host, origin, layers) = (None, Origin::File(file.into()), Vec::new());
        Self { host, path, name, origin, layers, flag }
    }

    /// The library, or the folder of its crate.
    pub(crate) fn file(&self) -> &Path {
        match &self.origin {
            Origin::File(file) => file,
            Origin::Linked(kind) => Path::new(kind),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Linked(kind) => kind.fmt(f),
        }
    }
}

impl Settings {
    /// `APP.KEY=VALUE`; a key may have dots.
    fn set(&mut self, text: &str) -> Result<(), ConfigError> {
        let wrong = || ConfigError::Set(text.to_owned());
        let (place, value) = text.split_once('=').ok_or_else(wrong)?;
        let (app, key) = place.split_once('.').ok_or_else(wrong)?;
        let mut keys: Vec<&str> = key.split('.').collect();
        let last = keys.pop().filter(|key| !key.is_empty()).ok_or_else(wrong)?;
        if app.is_empty() || keys.iter().any(|key| key.is_empty()) {
            return Err(wrong());
        }
        let mut table = self.0.entry(app.to_owned()).or_default();
        for key in keys {
            let inner = table.entry(key).or_insert_with(|| toml::Table::new().into());
            table = inner
                .as_table_mut()
                .ok_or_else(|| ConfigError::Key { text: text.to_owned(), key: key.to_owned() })?;
        }
        table.insert(last.to_owned(), value_of(value));
        Ok(())
    }

    /// An application's config as JSON, as it crosses the boundary.
    pub(crate) fn json(&self, app: &str) -> String {
        let table = self.0.get(app).and_then(|table| serde_json::to_string(table).ok());
        table.unwrap_or_else(|| String::from("{}"))
    }

    /// Refuses settings of an application that is not there.
    pub(crate) fn check_names(&self, apps: &[String]) -> Result<(), ConfigError> {
        match self.0.keys().find(|app| !apps.contains(app)) {
            Some(app) => Err(ConfigError::NoApp { app: app.clone(), apps: apps.to_vec() }),
            None => Ok(()),
        }
    }
}

/// A value as TOML reads it, or the text as it stands: `3` is a number, `EUR` a text.
fn value_of(text: &str) -> toml::Value {
    let read = toml::from_str::<toml::Table>(&format!("value = {text}"));
    let value =
        read.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn is_name(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(fine)
}

fn address(text: &str) -> Result<String, ConfigError> {
    match text.split_once("://") {
        None | Some(("http", _)) => Ok(text.trim_start_matches("http://").to_owned()),
        Some((protocol, _)) => {
            Err(ConfigError::Protocol { address: text.to_owned(), protocol: protocol.to_owned() })
        }
    }
}

fn one_at_each_path(mounts: &[Mount]) -> Result<(), ConfigError> {
    for (at, mount) in mounts.iter().enumerate() {
        if let Some(first) = mounts[..at].iter().find(|first| first.path == mount.path) {
            return Err(ConfigError::Twice {
                path: format!("{}/", mount.path),
                first: format!("`{}`", first.origin),
                second: format!("`{}`", mount.origin),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_from_files() {
        let at = |text| Mount::at(String::new(), text, "--load");
        assert_eq!(at("shop=./a.so").name.as_deref(), Some("shop"));
        assert_eq!(at("./a=b.so").origin, Origin::File("./a=b.so".into()));
        assert_eq!(at("a.so").name, None);
        let mount = Mount::parse("/shop/=x=./a.so").unwrap();
        assert_eq!((&*mount.path, mount.name.as_deref()), ("/shop", Some("x")));
        assert_eq!(Mount::parse("/a%20b/c=a.so").unwrap().path, "/a b/c");
        for wrong in
            ["shop=a.so", "/shop", "/shop=", "/a/../b=a.so", "//=a.so", "/a%2Fb=a.so", "/%ff=a.so"]
        {
            assert!(Mount::parse(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn settings_are_toml_or_text() {
        let mut settings = Settings::default();
        for text in ["a.n=3", "a.t=EUR", "a.q=\"3\"", "a.in.ner=true", "a.list=[1, 2]", "a.e="] {
            settings.set(text).unwrap();
        }
        let json: serde_json::Value = serde_json::from_str(&settings.json("a")).unwrap();
        let expected = serde_json::json!({
            "n": 3, "t": "EUR", "q": "3", "in": {"ner": true}, "list": [1, 2], "e": ""
        });
        assert_eq!(json, expected);
        assert_eq!(settings.json("b"), "{}");
        for wrong in ["a", "a=1", ".k=1", "a.=1", "a.n.x=1"] {
            assert!(settings.set(wrong).is_err(), "{wrong} was taken");
        }
        assert!(settings.check_names(&[String::from("b")]).is_err());
    }
}
