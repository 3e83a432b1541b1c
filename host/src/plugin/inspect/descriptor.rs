//! The descriptor of a library, from its ELF note.
//!
//! Read when a file is inspected; after opening it, the table's own descriptor says the same.
//! Invariant: only fields that lie within the size which the library wrote are read; the others
//! are zero, which means absent.

use std::mem::offset_of;

use dsgi::abi::ABI;
use dsgi::abi::app::{self, NOTE_NAME, NOTE_TYPE, flavour, kind, panic_mode, probe, trait_flag};
use serde::{Deserialize, Serialize};

use super::Unfit;
use super::image::Image;

/// What a library says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// Default name of the application.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The compiler that built it.
    pub(crate) compiler: String,
    /// Name and version of the kit it was written with.
    pub(crate) kit: String,
    /// Version of the boundary; always this host's.
    pub(crate) abi: u32,
    /// How calls behave.
    pub(crate) flavour: Flavour,
    /// What it is.
    pub(crate) kind: Kind,
    /// What a panic does.
    pub(crate) panic: Panic,
    /// Whether it may be unloaded.
    pub(crate) unloading: Unloading,
    /// Whether two generations may run at the same time.
    pub(crate) overlap: Overlap,
    /// How far a probe may go.
    pub(crate) probe: Probe,
}

/// How calls behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// They never wait.
    NonBlocking,
    /// They may wait.
    Blocking,
    /// They answer that they are pending, instead of waiting.
    Async,
    /// As those of what is inside: a layer's only.
    AsInside,
}

/// What a library is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// It answers requests by itself.
    Application,
    /// It stands around an application.
    Layer,
}

/// What a panic does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panic {
    /// It is caught inside the library.
    Unwind,
    /// It ends the process.
    Abort,
    /// Its language has none.
    Unsaid,
}

/// Whether a library may be unloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unloading {
    /// When nothing uses it any more.
    Allowed,
    /// Never.
    Never,
}

/// Whether two generations may run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// The new one starts while the old one serves.
    Allowed,
    /// The old one stops first.
    Exclusive,
}

/// How far a probe may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Open the library.
    Open,
    /// Compare layouts.
    Layout,
    /// Make the application.
    Init,
    /// Ask for a path with GET.
    Request {
        /// The path.
        path: String,
    },
}

impl Descriptor {
    pub(super) fn read(image: &Image<'_>) -> Result<Self, Unfit> {
        let owner = NOTE_NAME.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut notes =
            image.notes().filter(|note| note.owner == owner && note.number == NOTE_TYPE);
        let note = notes.next().ok_or(Unfit::NoNote)?;
        if notes.next().is_some() {
            return Err(bad("it is there more than once"));
        }
        Self::parse(note.content)
    }

    /// From the bytes of the struct, in a note or in memory.
    pub(in crate::plugin) fn parse(bytes: &[u8]) -> Result<Self, Unfit> {
        let raw = Raw::new(bytes)?;
        let abi = raw.number(offset_of!(app::Descriptor, abi));
        if abi != ABI {
            return Err(Unfit::WrongAbi { found: abi, needed: ABI });
        }
        let name = raw.text(offset_of!(app::Descriptor, name), NAME_SIZE, "name")?;
        if name.is_empty() {
            return Err(bad("it names no application"));
        }
        Ok(Self {
            name,
            version: raw.text(offset_of!(app::Descriptor, version), VERSION_SIZE, "version")?,
            compiler: raw.text(offset_of!(app::Descriptor, compiler), COMPILER_SIZE, "compiler")?,
            kit: raw.text(offset_of!(app::Descriptor, kit), KIT_SIZE, "kit")?,
            abi,
            flavour: raw.flavour()?,
            kind: raw.kind()?,
            panic: raw.panic()?,
            unloading: raw.unloading(),
            overlap: raw.overlap(),
            probe: raw.probe()?,
        })
    }
}

/// The descriptor's bytes, cut to the size that the library wrote.
struct Raw<'data>(&'data [u8]);

impl<'data> Raw<'data> {
    fn new(content: &'data [u8]) -> Result<Self, Unfit> {
        let size = Raw(content).number(offset_of!(app::Descriptor, size)) as usize;
        // Size and version are the two fields that no release moves.
        let least = offset_of!(app::Descriptor, abi) + size_of::<u32>();
        if size < least {
            return Err(bad(format!("its size is {size}, and at least {least}")));
        }
        let bytes = content.get(..size).ok_or_else(|| {
            bad(format!("its size is {size}, and the note holds {} bytes", content.len()))
        })?;
        Ok(Self(bytes))
    }

    fn number(&self, offset: usize) -> u32 {
        let bytes = self.0.get(offset..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    /// A text that could break a line of output is refused rather than changed: it is a name.
    fn text(&self, offset: usize, size: usize, field: &str) -> Result<String, Unfit> {
        let text = app::untext(self.0.get(offset..offset + size).unwrap_or_default());
        if text.chars().any(char::is_control) {
            return Err(bad(format!(
                "its {field} `{}` has a control character",
                text.escape_debug()
            )));
        }
        Ok(text)
    }

    fn flavour(&self) -> Result<Flavour, Unfit> {
        match self.number(offset_of!(app::Descriptor, flavour)) {
            flavour::AS_INSIDE if self.kind()? == Kind::Layer => Ok(Flavour::AsInside),
            flavour::AS_INSIDE => {
                Err(bad("its flavour is that of what is inside, and it is no layer"))
            }
            flavour::NON_BLOCKING => Ok(Flavour::NonBlocking),
            flavour::BLOCKING => Ok(Flavour::Blocking),
            flavour::ASYNC => Ok(Flavour::Async),
            other => Err(bad(format!("its flavour is {other}, and one of 1 to 4"))),
        }
    }

    fn kind(&self) -> Result<Kind, Unfit> {
        match self.number(offset_of!(app::Descriptor, kind)) {
            kind::APPLICATION => Ok(Kind::Application),
            kind::LAYER => Ok(Kind::Layer),
            other => Err(bad(format!("its kind is {other}, and 1 or 2"))),
        }
    }

    fn panic(&self) -> Result<Panic, Unfit> {
        match self.number(offset_of!(app::Descriptor, panic)) {
            0 => Ok(Panic::Unsaid),
            panic_mode::UNWIND => Ok(Panic::Unwind),
            panic_mode::ABORT => Ok(Panic::Abort),
            other => Err(bad(format!("its panic mode is {other}, and at most 2"))),
        }
    }

    fn unloading(&self) -> Unloading {
        let flags = self.number(offset_of!(app::Descriptor, flags));
        if flags & trait_flag::PINNED == 0 { Unloading::Allowed } else { Unloading::Never }
    }

    fn overlap(&self) -> Overlap {
        let flags = self.number(offset_of!(app::Descriptor, flags));
        if flags & trait_flag::EXCLUSIVE == 0 { Overlap::Allowed } else { Overlap::Exclusive }
    }

    fn probe(&self) -> Result<Probe, Unfit> {
        match self.number(offset_of!(app::Descriptor, probe)) {
            0 | probe::INIT => Ok(Probe::Init),
            probe::OPEN => Ok(Probe::Open),
            probe::LAYOUT => Ok(Probe::Layout),
            probe::REQUEST => {
                let offset = offset_of!(app::Descriptor, probe_path);
                let path = self.text(offset, PROBE_PATH_SIZE, "probe path")?;
                if !path.starts_with('/') {
                    return Err(bad(format!("its probe path is `{path}`, and must begin with /")));
                }
                Ok(Probe::Request { path })
            }
            other => Err(bad(format!("its probe depth is {other}, and at most 4"))),
        }
    }
}

fn bad(what: impl Into<String>) -> Unfit {
    Unfit::BadNote { what: what.into() }
}

/// Sizes of the text fields, taken from the struct itself.
const fn size_of_field<const N: usize>(_: fn(&app::Descriptor) -> &[u8; N]) -> usize {
    N
}

const NAME_SIZE: usize = size_of_field(|it| &it.name);
const VERSION_SIZE: usize = size_of_field(|it| &it.version);
const COMPILER_SIZE: usize = size_of_field(|it| &it.compiler);
const KIT_SIZE: usize = size_of_field(|it| &it.kit);
const PROBE_PATH_SIZE: usize = size_of_field(|it| &it.probe_path);
