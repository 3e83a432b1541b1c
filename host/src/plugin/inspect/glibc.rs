//! Versions of glibc: the one that a library needs, and the one that runs this process.
//!
//! Compared before a library is opened. Invariant: what is not a plain `GLIBC_x.y` is no version
//! here, and without glibc there is none to compare with.

use std::fmt;

use crate::platform::process::glibc_version;

/// A release of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glibc {
    major: u32,
    minor: u32,
}

impl Glibc {
    /// Reads the name of a symbol version; a third number only ever named a fix.
    pub(super) fn parse(version: &[u8]) -> Option<Self> {
        Self::numbered(std::str::from_utf8(version).ok()?.strip_prefix("GLIBC_")?)
    }

    fn numbered(numbers: &str) -> Option<Self> {
        let mut numbers = numbers.split('.').map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }

    /// The glibc of this process, by its own word.
    pub(super) fn of_this_process() -> Option<Self> {
        Self::numbered(glibc_version()?)
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
