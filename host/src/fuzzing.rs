//! What is fuzzed, by name: functions that take any bytes, and panic where a rule is broken.
//!
//! Each stands beside what it is about, in a file `fuzzed`. Here they are for the fuzzer in
//! `tests/fuzz`, and the inputs that are kept there are tried with every run of the tests. No part
//! of the interface of this crate: it is there in these two builds only.

use crate::config::fuzzed as texts;
use crate::gateway::http::fuzzed as clients;
use crate::gateway::variables::fuzzed as fronts;
use crate::plugin::inspect::fuzzed as libraries;
use crate::wire::fuzzed as codecs;

/// Takes any bytes, and panics where a rule is broken.
pub type Target = fn(&[u8]);

/// Every target, with its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("fastcgi", codecs::fastcgi),
    ("scgi", codecs::scgi),
    ("uwsgi", codecs::uwsgi),
    ("proxy", codecs::proxy),
    ("variables", fronts::variables),
    ("http", clients::http),
    ("config", texts::config),
    ("elf", libraries::elf),
];

#[cfg(test)]
mod tests;
