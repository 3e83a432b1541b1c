//! What this process has: the figures that must not grow with each library.

use std::fs;

use crate::plugin::unload::glibc::interpose::keys;
use crate::plugin::unload::glibc::objects;

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) maps: usize,
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    pub(super) keys: usize,
    pub(super) objects: usize,
}

pub(super) fn figures() -> Figures {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    // Arenas and stacks of the C library come and go; files do not by themselves.
    let is_file = |line: &&str| line.contains(".so");
    Figures {
        maps: maps.lines().filter(is_file).count(),
        descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        threads: fs::read_dir("/proc/self/task").unwrap().count(),
        keys: keys::free(),
        objects: objects::count(),
    }
}

/// Memory in use, in KiB.
pub(super) fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
