//! When a change is over: two looks that see the same, and something else than was taken before.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use super::look::Stamp;

/// The files of a source.
pub(super) type Files = BTreeMap<PathBuf, Stamp>;

/// What is known of one source.
#[derive(Debug)]
pub(super) struct Settling {
    taken: Taken,
    /// The last look, if it saw something else.
    last: Option<Files>,
}

#[derive(Debug)]
enum Taken {
    /// It was read at start, and nobody has looked since.
    AtStart,
    /// It was built at start, at this time.
    Built(SystemTime),
    Seen(Files),
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    /// It may still be changing.
    LookAgain,
    /// It has changed, and stays as it is.
    Take,
}

impl Settling {
    /// A source that was read, or built at this time.
    pub(super) fn since(built: Option<SystemTime>) -> Self {
        Self { taken: built.map_or(Taken::AtStart, Taken::Built), last: None }
    }

    /// Somebody has looked and seen this.
    pub(super) fn look(&mut self, now: Files) -> Step {
        // Deleted: whoever did that writes it again, or not.
        if now.is_empty() {
            self.last = None;
            return Step::Nothing;
        }
        let same = match &self.taken {
            Taken::AtStart => false,
            Taken::Built(at) => now.values().all(|stamp| stamp.before(*at)),
            Taken::Seen(files) => *files == now,
        };
        if same {
            self.taken = Taken::Seen(now);
            self.last = None;
            Step::Nothing
        } else if self.last.as_ref() == Some(&now) {
            self.taken = Taken::Seen(now);
            self.last = None;
            Step::Take
        } else {
            self.last = Some(now);
            Step::LookAgain
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn files(size: u64, mtime: i64) -> Files {
        Files::from([("a.so".into(), Stamp::of_test(size, mtime))])
    }

    #[test]
    fn what_is_still_written_is_left_alone() {
        let mut settling = Settling::since(None);
        assert_eq!(settling.look(files(1, 1)), Step::LookAgain);
        assert_eq!(settling.look(files(1, 1)), Step::Take);
        assert_eq!(settling.look(files(1, 1)), Step::Nothing);
        for size in 2..9 {
            assert_eq!(settling.look(files(size, 1)), Step::LookAgain);
        }
        // The size is final before the last byte is.
        assert_eq!(settling.look(files(8, 2)), Step::LookAgain);
        assert_eq!(settling.look(files(8, 2)), Step::Take);
        assert_eq!(settling.look(files(8, 2)), Step::Nothing);
    }

    #[test]
    fn a_file_that_is_gone_is_waited_for() {
        let mut settling = Settling::since(None);
        settling.look(files(1, 1));
        assert_eq!(settling.look(files(1, 1)), Step::Take);
        settling.look(files(2, 2));
        for _ in 0..3 {
            assert_eq!(settling.look(Files::new()), Step::Nothing);
        }
        assert_eq!(settling.look(files(2, 2)), Step::LookAgain, "it was seen before it went");
        assert_eq!(settling.look(files(2, 2)), Step::Take);
    }

    #[test]
    fn a_crate_that_was_just_built_is_not_built_again() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut settling = Settling::since(Some(at(10)));
        assert_eq!(settling.look(files(1, 9)), Step::Nothing);
        assert_eq!(settling.look(files(1, 11)), Step::LookAgain);
        // One that changed during its build is.
        let mut settling = Settling::since(Some(at(10)));
        assert_eq!(settling.look(files(1, 11)), Step::LookAgain);
        assert_eq!(settling.look(files(1, 11)), Step::Take);
    }
}
