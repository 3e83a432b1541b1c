//! What a process weighs, by proc(5).

use super::eventually;
use std::fs;

/// What grows when something stays of what was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes that belong to it alone and to no file.
    pub(crate) private: u64,
    /// Rows of its memory map.
    pub(crate) mappings: usize,
}

impl Weight {
    pub(crate) fn of(process: u32) -> Self {
        let read = |what| fs::read_to_string(format!("/proc/{process}/{what}")).expect("a process");
        let status = read("status");
        let (_, found) = status.split_once("\nRssAnon:").expect("Linux 4.5 or later");
        let kilobytes: u64 = found.split_whitespace().next().unwrap().parse().unwrap();
        Self { private: kilobytes << 10, mappings: read("maps").lines().count() }
    }

    /// Waits until the process weighs no more than this after so many swaps, and gives what it
    /// weighs then. A heap grows with what is asked of it at the same time, and with where threads
    /// come and go: what is looked for is a library, or a part of one, that stays each time.
    pub(crate) fn wait_for_no_more(&self, process: u32, swaps: u64) -> Self {
        let most = self.private + (2 << 20) + swaps * (8 << 10);
        eventually(&format!("no more than {self:?}"), || {
            let now = Self::of(process);
            (now.private <= most && now.mappings <= self.mappings + 8).then_some(now)
        })
    }
}
