//! Layers, and how they are typed: `--enable`.
//!
//! What is typed is a kind that is linked into the host, or a file; which of the two is seen from
//! the text alone, so that a file that appears one day changes nothing.

use super::typed::is_name;
use super::{ConfigError, Origin};
use crate::linked;

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// Name the user gave, or the kind; otherwise it is the descriptor's.
    pub(crate) name: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) around: Around,
    /// The flag it came from, for messages.
    pub(crate) flag: &'static str,
}

/// What a layer stands around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// Every mount: `--enable`.
    Every,
    /// The mounts that name it.
    Named,
}

impl Layer {
    /// `[NAME=]KIND` or `[NAME=]FILE`: a kind is a bare name, a file has a slash or a dot.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, what) = match text.split_once('=') {
            Some((name, what)) if is_name(name) => (Some(name), what),
            _ => (None, text),
        };
        if what.is_empty() {
            return Err(ConfigError::Enable(text.to_owned()));
        }
        let (name, origin) = if is_name(what) {
            let kind = linked::find(what)?.name;
            (Some(name.unwrap_or(kind)), Origin::Linked(kind.to_owned()))
        } else {
            (name, Origin::File(what.into()))
        };
        let (name, around) = (name.map(str::to_owned), Around::Every);
        Ok(Self { name, origin, around, flag: "--enable" })
    }
}
