//! How a file takes the place of another: whole, at once, and with a new time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Puts bytes in place of a file.
pub(super) fn put(file: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let next = file.with_extension("next");
    let name = || format!("`{}` cannot be written", file.display());
    fs::write(&next, bytes).with_context(name)?;
    fs::rename(&next, file).with_context(name)
}

/// A new folder that servers may enter whose processes change their user.
pub(super) fn folder(parent: &Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = parent.join(name);
    fs::create_dir(&folder).with_context(|| format!("no folder for {name}"))?;
    for open in [parent, &folder] {
        fs::set_permissions(open, fs::Permissions::from_mode(0o755))?;
    }
    Ok(folder)
}

/// The first eighth: half of a library may be all of it but what debuggers read.
pub(super) fn beginning(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len() / 8]
}
