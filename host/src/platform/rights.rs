//! Whose a file is, and who else may use it.
//!
//! Invariant: where the system tells neither, everything looks as if it were this user's own and
//! closed to others: there the places that are used, such as the folder for temporary files, belong
//! to one user each.

pub(crate) use self::system::{mode, new_file, new_folder, owner, user};

/// Permission bits of what only its owner may use.
pub(crate) const PRIVATE: u32 = 0o600;
/// Of what nobody writes to any more.
pub(crate) const READ_ONLY: u32 = 0o400;

#[cfg(all(unix, not(dsgi_portable)))]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

    /// The user that this process acts as.
    pub(crate) fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    pub(crate) fn owner(found: &Metadata) -> u32 {
        found.uid()
    }

    /// Permission bits.
    pub(crate) fn mode(found: &Metadata) -> u32 {
        found.mode() & 0o7777
    }

    /// Makes folders that only this user may enter.
    pub(crate) fn new_folder() -> DirBuilder {
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        builder
    }

    /// Makes files with these permission bits.
    pub(crate) fn new_file(mode: u32) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).mode(mode);
        options
    }
}

#[cfg(any(not(unix), dsgi_portable))]
mod system {
    use std::fs::{DirBuilder, Metadata, OpenOptions};

    /// Anybody, but not root.
    pub(crate) fn user() -> u32 {
        1
    }

    pub(crate) fn owner(_: &Metadata) -> u32 {
        user()
    }

    pub(crate) fn mode(_: &Metadata) -> u32 {
        0o700
    }

    pub(crate) fn new_folder() -> DirBuilder {
        DirBuilder::new()
    }

    pub(crate) fn new_file(_: u32) -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true);
        options
    }
}
