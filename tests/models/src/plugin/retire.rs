//! The host's janitor; what is handed over to it is counted.

#[path = "../../../../host/src/plugin/retire.rs"]
mod source;

use self::source as janitor;
use super::generation::Generation;
use super::{artifact, generation, library, unload};

pub(crate) use self::janitor::{Fate, ended, start};

pub(crate) fn retire(generation: Generation) {
    generation.image().hand_over();
    janitor::retire(generation);
}
