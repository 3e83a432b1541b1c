//! How far a probe goes: as far as the library's author lets it, or less where its operator says
//! so.

use serde::{Deserialize, Serialize};

use crate::plugin::inspect::{self, Descriptor, Overlap};

/// How far a probe goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Depth {
    Open,
    Layout,
    Init,
    Request(String),
}

/// The same in one word, the shallowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    Open,
    Layout,
    Init,
    Request,
}

/// How far an operator lets the probes of an application go, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) reach: Reach,
    /// File and line.
    pub(crate) place: String,
}

/// An operator wants more than the author allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{place}`: a probe of `{file}` must not go as far as `{}`, only to `{}`",
    .wished.word(), .allowed.word()
)]
pub(crate) struct TooDeep {
    place: String,
    file: String,
    wished: Reach,
    allowed: Reach,
    overlap: Overlap,
}

impl Depth {
    /// How far a library lets a probe go.
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        match &descriptor.probe {
            inspect::Probe::Open => Self::Open,
            inspect::Probe::Layout => Self::Layout,
            inspect::Probe::Request { path } => Self::Request(path.clone()),
            // Two generations of it must not run at once, and a probe is one, unless its author
            // named a path for it.
            inspect::Probe::Init if descriptor.overlap == Overlap::Exclusive => Self::Layout,
            inspect::Probe::Init => Self::Init,
        }
    }

    /// How far the probe of a file goes whose operator has a wish.
    pub(crate) fn wished(
        descriptor: &Descriptor,
        file: &str,
        wish: Option<&Wish>,
    ) -> Result<Self, TooDeep> {
        let depth = Self::of(descriptor);
        let Some(Wish { reach: wished, place }) = wish else { return Ok(depth) };
        let allowed = depth.reach();
        match wished {
            wished if *wished > allowed => Err(TooDeep {
                place: place.clone(),
                file: file.to_owned(),
                wished: *wished,
                allowed,
                overlap: descriptor.overlap,
            }),
            Reach::Open => Ok(Self::Open),
            Reach::Layout => Ok(Self::Layout),
            Reach::Init => Ok(Self::Init),
            Reach::Request => Ok(depth),
        }
    }

    const fn reach(&self) -> Reach {
        match self {
            Self::Open => Reach::Open,
            Self::Layout => Reach::Layout,
            Self::Init => Reach::Init,
            Self::Request(_) => Reach::Request,
        }
    }
}

impl Reach {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Layout => "layout",
            Self::Init => "init",
            Self::Request => "request",
        }
    }
}

impl TooDeep {
    /// What the user can do.
    pub(crate) fn help(&self) -> String {
        let fine = format!("probe = \"{}\"", self.allowed.word());
        match (self.overlap, self.wished) {
            (Overlap::Exclusive, Reach::Init | Reach::Request) => {
                format!("{fine}: it is exclusive, and a probe that starts it would be a second one")
            }
            (_, Reach::Request) => format!("{fine}: its descriptor names no path to ask for"),
            _ => fine,
        }
    }
}
