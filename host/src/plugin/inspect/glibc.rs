//! Versions of glibc: the one that a library needs, and the one that runs this process.
//!
//! Compared before a library is opened. Invariant: what is not a plain `GLIBC_x.y` is no version
//! here, and without glibc there is none to compare with.

use std::fmt;
use std::fs;
use std::sync::OnceLock;

use super::dynamic::Dynamic;
use super::image::Image;
use crate::platform::maps::mapped_file;

/// A release of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    major: u32,
    minor: u32,
}

impl Glibc {
    /// Reads the name of a symbol version; a third number only ever named a fix.
    pub(super) fn parse(version: &[u8]) -> Option<Self> {
        let numbers = std::str::from_utf8(version).ok()?.strip_prefix("GLIBC_")?;
        let mut numbers = numbers.split('.').map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }

    /// The glibc that is mapped here, by the versions that its own file defines.
    ///
    /// The file is read and not the function asked, because that takes a foreign call.
    pub(super) fn of_this_process() -> Option<Self> {
        static FOUND: OnceLock<Option<Glibc>> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let bytes = fs::read(mapped_file("libc.so.6")?).ok()?;
            let image = Image::parse(&bytes).ok()?;
            Dynamic::parse(&image).ok()?.defined_glibc(&image).ok()?
        })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32) -> Glibc {
        Glibc { major, minor }
    }

    #[test]
    fn versions_are_numbers() {
        assert_eq!(Glibc::parse(b"GLIBC_2.36"), Some(version(2, 36)));
        assert_eq!(Glibc::parse(b"GLIBC_2.2.5"), Some(version(2, 2)));
        assert!(version(2, 9) < version(2, 36), "compared as text");
        for other in ["GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GLIBC_2", "GCC_3.0", "GLIBC_2.-1"] {
            assert_eq!(Glibc::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn this_process_runs_on_some_glibc() {
        let found = Glibc::of_this_process().unwrap();
        assert!(found >= version(2, 17) && found < version(3, 0), "{found}");
    }
}
