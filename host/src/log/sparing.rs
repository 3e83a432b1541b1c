//! Lines about what peers do wrong. Whoever does it often does not fill the log: of one kind so
//! many are written in a while, and the next one that is says how many were not.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::clock;
use crate::limits::{FAULT_LINES, FAULT_WHILE};

/// Lines of one kind.
#[derive(Debug)]
pub(crate) struct Sparing(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    /// The tick at which the while is over that they belong to.
    until: u64,
    written: u32,
    left_out: u64,
}

impl Sparing {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Lines { until: 0, written: 0, left_out: 0 }))
    }

    /// Writes a line, unless there were too many of late.
    #[cold]
    pub(crate) fn warn(&self, text: fmt::Arguments<'_>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = lines.turn(clock::now(), clock::due(FAULT_WHILE));
        drop(lines);
        match turn {
            None => {}
            Some(0) => tracing::warn!("{text}"),
            Some(more) => tracing::warn!("{text} ({more} such lines before it were left out)"),
        }
    }
}

impl Lines {
    /// How many were left out before this one; none where it is left out too. A while that begins
    /// now ends at `end`.
    fn turn(&mut self, now: u64, end: u64) -> Option<u64> {
        if now >= self.until {
            (self.until, self.written) = (end, 0);
        }
        if self.written == FAULT_LINES {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_while_and_the_next_one_counts_the_rest() {
        let mut lines = Lines { until: 0, written: 0, left_out: 0 };
        let mut turn = |now| lines.turn(now, now + 40);
        for _ in 0..FAULT_LINES {
            assert_eq!(turn(7), Some(0));
        }
        assert_eq!([turn(7), turn(46)], [None, None]);
        assert_eq!([turn(47), turn(47)], [Some(2), Some(0)]);
    }
}
