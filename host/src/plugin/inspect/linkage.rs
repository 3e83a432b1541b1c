//! What the dynamic linker makes of a library, of any kind: what it needs and whether it goes.

use super::descriptor::Descriptor;
use super::dynamic::Dynamic;
use super::image::Image;
use super::{Stays, Unfit, Unloading};

/// An object among those that a process has mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Linkage {
    /// The name under which others need it.
    pub(crate) name: Option<String>,
    /// Names of what it needs.
    pub(crate) needed: Vec<String>,
    /// Why the linker never unmaps it; empty when it does.
    pub(crate) never_unloads: Vec<Stays>,
}

/// Reads the bytes of a library, which need not be an application.
pub(crate) fn linkage(bytes: &[u8]) -> Result<Linkage, Unfit> {
    let image = Image::parse(bytes)?;
    let dynamic = Dynamic::parse(&image)?;
    let descriptor = Descriptor::read(&image).ok();
    let pinned = descriptor.is_some_and(|it| it.unloading == Unloading::Never);
    let never_unloads = [
        pinned.then_some(Stays::Pinned),
        dynamic.is_nodelete().then_some(Stays::NoDelete),
        dynamic.symbols(&image)?.unique(),
    ];
    Ok(Linkage {
        name: dynamic.name()?,
        needed: dynamic.needed()?,
        never_unloads: never_unloads.into_iter().flatten().collect(),
    })
}
