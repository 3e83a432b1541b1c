//! Why a config cannot be served, and what to do about it.

use std::path::PathBuf;

use super::include::Unreadable;
use super::place::Mistakes;
use crate::linked::LinkedError;
use crate::listener::{ListenError, Protocol};

/// Why a config file says nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FileError {
    #[error("cannot read the config `{}`", file.display())]
    Read { file: PathBuf, source: Unreadable },
    #[error(transparent)]
    Wrong(#[from] Mistakes),
}

/// Why a command line cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    #[error("nothing to serve: neither `--load` nor `--mount` was given")]
    Nothing,
    #[error("nothing to serve: `{}` has no [[mount]]", .0.display())]
    NoMount(PathBuf),
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
    #[error(transparent)]
    Listen(#[from] ListenError),
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
            Self::NoMount(_) => Some(String::from(
                "[[mount]] with path = \"/\" and app = \"shop\", and [apps.shop]",
            )),
            Self::File(FileError::Wrong(mistakes)) => mistakes.help(),
            Self::Mount(_) => Some(String::from("--mount /shop=./shop.so")),
            Self::Set(_) => Some(String::from("--set shop.currency=EUR")),
            Self::HostName(_) => Some(String::from("--name shop")),
            Self::Protocol { .. } => {
                let all = Protocol::ALL.map(Protocol::name).join(", ");
                Some(format!("the protocols are: {all}; --listen fastcgi://127.0.0.1:9000"))
            }
            Self::Listen(error) => error.help(),
            Self::Twice { second, .. } => {
                Some(format!("give {second} a path of its own: --mount /PATH=FILE"))
            }
            Self::NoApp { apps, .. } => Some(format!("the applications are: {}", apps.join(", "))),
            Self::Name { flag, .. } => Some(format!("give one another name: {flag}")),
            Self::Enable(_) => Some(String::from("--enable ./log.so")),
            Self::Another { .. } => Some(String::from("give what is new another name")),
            Self::Linked(error) => error.help(),
            Self::File(_) | Self::Key { .. } => None,
        }
    }

    /// What is wrong in a file, shown where it stands.
    pub(crate) const fn mistakes(&self) -> Option<&Mistakes> {
        match self {
            Self::File(FileError::Wrong(mistakes)) => Some(mistakes),
            _ => None,
        }
    }
}
