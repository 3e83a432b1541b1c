//! The rules of the interface: that each is kept as it says, and that `SPEC.md` is what they say.

mod kept;
mod spec;
mod types;

use std::path::PathBuf;

/// The folder of the project.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
