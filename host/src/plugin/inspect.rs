//! What a library file says of itself, read from its bytes without running any of them.
//!
//! Loading asks here first, and so do `host inspect` and `host check`: `dlopen` runs constructors
//! before anything can be checked, and a damaged file kills the process inside the linker.
//!
//! Invariant: no input panics, loops or reads outside its bytes. What this accepts is well-formed
//! as far as it was read, not harmless; the probe in a child process finds out the rest.

mod describe;
mod descriptor;
mod dynamic;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod glibc;
mod image;
mod kind;
#[allow(dead_code, reason = "only an engine that unmaps asks")]
pub(crate) mod linkage;
mod relocations;
mod signals;
mod symbols;
mod unfit;
mod versions;

use std::path::Path;

pub(crate) use self::describe::describe;
pub(crate) use self::descriptor::{Descriptor, Flavour, Kind, Overlap, Panic, Probe, Unloading};
pub(crate) use self::glibc::Glibc;
pub(crate) use self::signals::SignalDriver;
pub(crate) use self::unfit::{InspectError, Unfit};

use self::dynamic::Dynamic;
use self::image::Image;

/// A DSGI library, as far as its file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// What its author says of it.
    pub(crate) descriptor: Descriptor,
    /// Names of the libraries that the linker opens with it.
    pub(crate) needed: Vec<String>,
    /// Folders where these are looked for first: `DT_RUNPATH`, or else `DT_RPATH`.
    pub(crate) search_path: Option<String>,
    /// Why the linker never unmaps it; empty when it does.
    pub(crate) never_unloads: Vec<Stays>,
    /// Where its thread-locals lie.
    pub(crate) tls: Tls,
    /// What the linker wrote to tell builds apart, as hex.
    pub(crate) build_id: Option<String>,
    /// Whether its types can be compared with the host's.
    pub(crate) proof: Proof,
    /// The oldest glibc it runs on.
    pub(crate) glibc: Option<Glibc>,
    /// What only a look at all of the file tells; none where nobody has looked.
    pub(crate) marks: Option<Marks>,
}

/// What opening a library does not depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Whether it may come to stay for its signal handlers.
    pub(crate) signals: SignalDriver,
    /// An allocator that it brings along: memory that other code must not free.
    pub(crate) allocator: Option<&'static str>,
}

/// How much of a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// All of it.
    Whole,
    /// What has to be known before it is opened, which is what the linker reads too.
    ToOpen,
}

/// One reason why a library stays mapped after it was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stays {
    /// Its descriptor says `pinned`.
    Pinned,
    /// It was linked with `-z nodelete`.
    NoDelete,
    /// It defines symbols of which a process keeps the first for good, as C++ compilers make for
    /// statics in templates and inline functions.
    Unique {
        /// How many.
        count: usize,
        /// The first of them.
        example: String,
    },
}

/// Where thread-locals lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Made when a thread touches them first.
    OnDemand,
    /// In a block of fixed size that all libraries of the process share and soon fill.
    Static,
}

/// Whether a library carries a description of the types it shares with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It does; only opening it can compare them.
    Present,
    /// Its ABI version is all there is.
    Absent,
}

/// The symbol of the layout proof, as abi_stable spells it.
const PROOF: &str = "_1as_0lib_1header_0root_bmodule_bloader";

/// Reads a file's bytes; `file` is only named in errors.
///
/// # Errors
/// The first reason why this process cannot run it.
pub(crate) fn inspect(file: &Path, bytes: &[u8], look: Look) -> Result<Facts, InspectError> {
    inspect_for(Glibc::of_this_process(), bytes, look)
        .map_err(|reason| InspectError { file: file.to_path_buf(), reason })
}

/// Reads a file's bytes for a process with this glibc; without one, any requirement is met.
fn inspect_for(glibc: Option<Glibc>, bytes: &[u8], look: Look) -> Result<Facts, Unfit> {
    let image = Image::parse(bytes)?;
    let dynamic = Dynamic::parse(&image)?;
    let symbols = dynamic.symbols(&image)?;
    symbols.require_table(&image)?;
    dynamic.check_versions(&image, symbols.count())?;
    relocations::check(&dynamic, &image, symbols.count())?;
    let descriptor = Descriptor::read(&image)?;
    // Not told, but the linker reads it, and so do we when the library is to leave.
    dynamic.name()?;
    let required = dynamic.required_glibc(&image)?;
    if let (Some(required), Some(found)) = (required, glibc)
        && required > found
    {
        return Err(Unfit::NewerGlibc { required, found });
    }
    Ok(Facts {
        needed: dynamic.needed()?,
        search_path: dynamic.search_path()?,
        never_unloads: [
            (descriptor.unloading == Unloading::Never).then_some(Stays::Pinned),
            dynamic.is_nodelete().then_some(Stays::NoDelete),
            symbols.unique(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        tls: dynamic.tls(),
        build_id: image.build_id(),
        proof: if symbols.defines(PROOF) { Proof::Present } else { Proof::Absent },
        glibc: required,
        marks: (look == Look::Whole).then(|| Marks {
            signals: SignalDriver::find(&image),
            allocator: symbols.allocator().or_else(|| image.local_symbols().allocator()),
        }),
        descriptor,
    })
}

/// Text of a file for a terminal: one line, without control characters, of bounded length.
fn printable(bytes: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 200;
    let bytes = &bytes[..bytes.len().min(4 * CHARACTERS_MAX)];
    let text = String::from_utf8_lossy(bytes);
    text.chars().take(CHARACTERS_MAX).map(|one| if one.is_control() { '?' } else { one }).collect()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
