//! What differs between systems: one file for each subject, each with a portable fallback beside
//! what Unix or Linux has.
//!
//! Nothing outside of this module and of the engine that unloads libraries names a system, which a
//! test holds. `--cfg dsgi_portable` selects every fallback, so that they are compiled and tried
//! where the project is tested.

pub(crate) mod channel;
pub(crate) mod child;
pub(crate) mod door;
pub(crate) mod files;
pub(crate) mod linker;
pub(crate) mod local;
pub(crate) mod memory;
pub(crate) mod notices;
pub(crate) mod process;
pub(crate) mod rights;
pub(crate) mod signals;
pub(crate) mod sockets;

pub(crate) use self::process::{close_inherited, end, ignore_file_limits, outlive_rotation};

#[cfg(all(target_os = "linux", target_feature = "crt-static"))]
compile_error!(
    "a statically linked host cannot load libraries: build it without \
     `-C target-feature=+crt-static`"
);
