//! Libraries, as far as a swap knows of them.

/// No version of the models must be alone.
pub(crate) mod alive {
    pub(crate) fn forget(_number: u64) {}
}
pub(crate) mod artifact;
pub(crate) mod generation;
pub(crate) mod library;
// The host's janitor.
#[path = "../../../host/src/plugin/retire.rs"]
pub(crate) mod retire;
pub(crate) mod unload;
